"""A sweep that distils a conditional generator of the user's own at 28x28: students and baseline are so too."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import mlflow
import pytest
import torch

import sweeps
from gan import load_any_generator
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.gan.networks.own_generators import ByIndex, scripted


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scripted(tmp_path_factory.mktemp("own") / "own.pt", ByIndex(size=28))


def test_students_and_baseline_are_conditional_too(
    own: Path, tiny: dict[str, Any], spec_file: Any, ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = json.loads(ganlimit("teacher", "inspect", own, "--json").stdout)
    changes = {
        "name": "classes",
        "dataset": {"name": "digits", "image_size": 28},
        "extractor": {"epochs": 6, "features": 16},
        "teacher": {**seen["teacher"], "pool_size": 128},
        "student": {"kimg": 0.5},
        "search": {**tiny["search"], "trials": 1, "points": [{"width": 2, "depth": 1, "gan_weight": 0.05}]},
        "baseline": {"kimg": 0.2, "of": "all"},
        # 32 of a class, or a few less, which are too few
        "evaluation": {"num_samples": 320, "inception_splits": 1, "fid_per_class": True},
    }
    data_dir = tmp_path / "data"
    result = sweeps.run_sweep(sweeps.load_spec(spec_file({**tiny, **changes})), data_dir, workers=1)
    student, baseline = result.table.to_pylist()
    assert (student["state"], student["mode"], baseline["mode"]) == ("COMPLETED", "distilled", "scratch")
    assert student["latent_mse"] > 0
    workspace = Workspace.existing(data_dir)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", workspace.store.uri)
    runs = {row["run_id"]: mlflow.MlflowClient().get_run(row["run_id"]) for row in (student, baseline)}
    for row in (student, baseline):
        of_classes = json.loads(row["fid_per_class"])
        assert min(of_classes.values()) > 0
        reason = json.loads(runs[row["run_id"]].data.tags["ganlimit.absent"])["fid_per_class"]
        assert reason.startswith("FID needs at least 2 * 16 samples for 16 features, got ")
        missing = re.findall(r"\d+", reason.partition("(class ")[2])
        assert missing
        assert sorted([*of_classes, *missing]) == [str(label) for label in range(10)]
    # 6 latents and 10 classes to a first map of 7x7 with 4 channels, 4 to 2, and 2 to 1; BatchNorm on both.
    assert student["parameters"] == baseline["parameters"] == 16 * 4 * 49 + 4 * 2 * 16 + 2 * 16 + 2 * (4 + 2)
    folder = Tracking(workspace.store).registry.model_folder(student["run_id"])
    assert folder is not None
    generator, _ = load_any_generator(folder)
    assert generator.config.num_classes == 10
    model = mlflow.pytorch.load_model("models:/classes-students@trial-1")
    inputs = generator.config.inputs(3, seed=0)
    torch.testing.assert_close(model(inputs), generator(inputs))
    label, of_class = next(iter(json.loads(student["fid_per_class"]).items()))
    assert runs[student["run_id"]].data.metrics[f"fid_class_{label}"] == of_class
    shown = json.loads(ganlimit("teacher", "show", "digits-imported-teacher", "--data-dir", data_dir).stdout)
    assert shown["imported"]["labels"] == {"classes": 10, "as": "index"}
    assert shown["shape"]["num_classes"] == 10
    grid = tmp_path / "grid.png"
    assert ganlimit("sample", "digits-imported-teacher", "--data-dir", data_dir, "--out", grid).code == 0
    assert cv2.imread(str(grid)) is not None


def test_what_is_seen_of_one_is_a_teacher_to_paste(own: Path, ganlimit: Any, tmp_path: Path) -> None:
    answer = ganlimit("teacher", "inspect", own, "--out", tmp_path / "grid.png")
    assert (answer.code, answer.stderr) == (0, "")
    assert cv2.imread(str(tmp_path / "grid.png")).shape[0] > 8 * 28
    assert "index" in answer.stdout
    assert "28 pixels square, grey" in answer.stdout
    _, _, block = answer.stdout.partition("teacher:\n")
    for line in (
        f"file: {own}",
        "latent_size: 6",
        "labels: {classes: 10, as: index}",
        "output: 1",
        "output_range: [-1.0, 1.0]",
    ):
        assert line in block
    changed = ganlimit("teacher", "inspect", own, "--with", "labels={classes: 4, as: index}", "--json")
    assert json.loads(changed.stdout)["teacher"]["labels"]["classes"] == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "by file, or by factory and weights"),
        (("--with", "labels=[1"), "--with is KEY=VALUE"),
        (("--with", "lables={classes: 3}"), "Its keys are file, factory"),
        (("--latent-size", "9"), "it takes 6"),
    ],
)
def test_a_mistake_is_one_error(own: Path, ganlimit: Any, arguments: tuple[str, ...], expected: str) -> None:
    file = [own] if arguments else []
    answer = ganlimit("teacher", "inspect", *file, *arguments)
    assert answer.code == 2
    assert expected in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""
