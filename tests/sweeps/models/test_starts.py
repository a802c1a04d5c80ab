"""Students that begin as part of their teacher: in a file, and through a whole sweep."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

import sweeps
from cluster import ray_session
from gan import Compute, Evaluator, Lesson, default_data_root, distill, load_generator
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.materials import MaterialFiles, PackedMaterials, StoredMaterials
from sweeps.models.workshop import Workshop
from tests.sweeps.models.critics import LEARNS
from tests.sweeps.trained_here import trained_here

STARTS = {"start": {"type": "choice", "values": ["random", "pruned"]}}


def begun(tiny: dict[str, Any], **space: Any) -> dict[str, Any]:
    """The tiny sweep with a student of each start."""
    point = {"width": 2, "depth": 1, "gan_weight": 0.0}
    points = [{**point, "student": {"start": start}} for start in ("random", "pruned")]
    found = {**tiny["search"]["space"], "student": STARTS, **space}
    search = {"trials": 2, "points": [] if space else points, "space": found}
    return {**tiny, "name": "starts", "phases": ["search"], "search": search, "student": {"kimg": 0.5}}


def laid(spec: sweeps.SweepSpec, data_dir: Path) -> Foundation:
    workspace = Workspace.existing(data_dir)
    workshop = Workshop(workspace=workspace, tracking=Tracking(workspace.store), data_root=default_data_root())
    return lay_foundation(spec, workshop)


def test_a_student_begins_as_part_of_its_teacher_and_says_so(
    finished: Any, tmp_path: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")
    spec = sweeps.load_spec(spec_file(begun(tiny)))
    rows = trained_here(spec, data_dir).to_pylist()
    assert {row["scheme"]: row["state"] for row in rows} == {None: "COMPLETED", "pruned start": "COMPLETED"}
    foundation = laid(spec, data_dir)
    files = foundation.materials
    assert isinstance(files, MaterialFiles)
    materials = files.load(foundation.protocol, Compute())
    assert materials.teacher is not None
    (row,) = [row for row in rows if row["scheme"]]
    lesson = Lesson(materials.pool, materials.dataset, teacher=materials.teacher)
    recipe = spec.recipe({"gan_weight": 0.0, "start": "pruned"})
    *_, progress = distill(spec.student_architecture(2, 1), recipe, lesson=lesson, seed=row["seed"])
    evaluator = Evaluator(foundation.protocol, materials.extractor, real=materials.reference)
    assert row["fid"] == pytest.approx(evaluator.evaluate(progress.generator).fid, rel=1e-3)
    with ray_session(num_cpus=1):
        packed = StoredMaterials(ray.put(PackedMaterials.of(files))).load(foundation.protocol, Compute())
    assert packed.teacher is not None
    inputs = torch.randn(4, spec.teacher.latent_size)
    assert torch.equal(packed.teacher(inputs), load_generator(files.teacher)[0](inputs))


def test_a_teacher_is_given_to_nobody_who_begins_at_random(finished: Any) -> None:
    materials = laid(finished.spec, finished.data_dir).materials
    assert isinstance(materials, MaterialFiles)
    assert materials.teacher is None


@pytest.mark.parametrize(
    ("teacher", "mistake"),
    [
        ({"depth": 2}, "at least as deep as its teacher, 2, got 1; raise depth, or set start: random."),
        (
            {"block": "resize"},
            "its teacher's block, which is one of dcgan, resize, got resize and dcgan; set block",
        ),
    ],
)
def test_one_that_is_no_part_of_its_teacher_is_refused_in_the_file(
    tiny: dict[str, Any], spec_file: Any, teacher: dict[str, Any], mistake: str
) -> None:
    tiny["teacher"] |= teacher
    with pytest.raises(sweeps.SpecError) as caught:
        sweeps.load_spec(spec_file(begun(tiny, gan_weight=0.0)))
    assert mistake in str(caught.value)
    assert "student.start: " in str(caught.value)


def test_a_teacher_of_ones_own_has_no_channels_to_take(own: Path, tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["teacher"] = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0], "pool_size": 512}
    tiny["student"] = {**LEARNS, "start": "pruned"}
    with pytest.raises(sweeps.SpecError, match=r"student.start pruned takes the weights of a teacher that is trained"):
        sweeps.load_spec(spec_file(tiny))
