"""The teacher's critic: kept with it, made once where there is none, and given to the students that learn from it."""

import html
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from safetensors.torch import save_file

import sweeps
from analysis import Phase
from cluster import ray_session
from gan import (
    ArtifactError,
    Compute,
    CriticJudgement,
    GanError,
    default_data_root,
    load_critic,
    load_dataset,
)
from gan.networks.artifacts import load_generator
from sweeps.driver.requests import Requests
from sweeps.driver.runner import train_teacher
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.critic_making import find_or_make_critic
from sweeps.models.critics import TeacherCritic
from sweeps.models.extractors import find_or_make_extractor
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.materials import MaterialFiles, PackedMaterials, StoredMaterials
from sweeps.models.teachers import find_or_build_pool
from sweeps.models.workshop import Workshop
from sweeps.spec.file import load_spec
from sweeps.spec.sweep import SweepSpec
from tests.sweeps.models.critics import LEARNS, stored
from tests.sweeps.trained_here import trained_here

# --- of a teacher that was trained -------------------------------------------------------------


def test_a_trained_teachers_critic_is_kept_beside_its_best_generator_with_all_that_was_judged(finished: Any) -> None:
    tracking = finished.tracking
    version = tracking.registry.champion("digits-teacher")
    folder = tracking.registry.fetch(version)
    critic, card = load_critic(folder / "critic")
    _, beside = load_generator(folder)
    assert (card.kimg, card.seed, card.dataset_digest) == (beside.kimg, beside.seed, beside.dataset_digest)
    assert card.architecture == finished.spec.trained_teacher.training.adversarial.critic
    history = tracking.client.get_metric_history(version.run_id, "critic_accuracy")
    assert [metric.value for metric in history] == [judgement.accuracy for judgement in card.judgements]
    assert len(history) == 10
    losses = tracking.client.get_metric_history(version.run_id, "critic_held_out_loss")
    assert [metric.value for metric in losses] == [judgement.loss for judgement in card.judgements]
    assert card.judgement is not None
    assert float(version.tags["critic_accuracy"]) == card.judgement.accuracy
    teacher = train_teacher(finished.spec, finished.data_dir)
    assert teacher.critic is not None
    assert teacher.critic.card == card
    assert torch.equal(next(teacher.critic.critic.parameters()), next(critic.parameters()))


def judgement(accuracy: float, loss: float, kimg: float) -> CriticJudgement:
    return CriticJudgement(kimg=kimg, accuracy=accuracy, accuracy_error=0.01, loss=loss, guessing_loss=2.0)


def test_people_are_told_how_the_critic_judges_and_warned_where_it_taught_little(finished: Any) -> None:
    critic = train_teacher(finished.spec, finished.data_dir).critic
    assert critic is not None
    good, blind = judgement(0.9, 1.0, critic.card.kimg), judgement(0.55, 1.99, 1.0)

    def told(*judgements: CriticJudgement) -> TeacherCritic:
        return replace(critic, card=critic.card.model_copy(update={"judgements": judgements}))

    assert told(good, blind).warning is None
    assert told(good, blind).note.endswith("in 90% of pairs, loss 1.00 (guessing 2.00)")
    assert "separated real from generated images at 1 of 3 reports" in str(told(good, blind, blind).warning)
    assert str(told(blind).warning).endswith("raise adversarial.critic.gain or the rate of adversarial.optimiser")
    unheld = replace(critic, card=critic.card.model_copy(update={"judgements": (blind,), "norm": "none"}))
    assert str(unheld.warning).endswith("taught little: raise the rate of adversarial.optimiser"), "it has no gain"
    assert told().note == "how well it judges was not measured"
    assert told().warning is None
    assert told(good, blind, blind).judged == f"{told(good).note}; {told(good, blind, blind).warning}"
    assert told().judged is None
    (column,) = {row["teacher_critic"] for row in finished.result.table.to_pylist()}
    assert column == critic.judged
    (page,) = [file for file in finished.result.report.files if file.suffix == ".html"]
    assert html.escape(column) in page.read_text()


def test_the_commands_say_it(ganlimit: Any, finished: Any, tmp_path: Path, spec_file: Any, tiny: Any) -> None:
    answer = ganlimit("teacher", "train", spec_file(tiny), "--data-dir", finished.data_dir, "-q")
    assert answer.code == 0
    assert "its critic: ranks a held-out real image above a generated one in" in answer.stdout
    (row,) = json.loads(ganlimit("teacher", "list", "--data-dir", finished.data_dir, "--json").stdout)
    assert 0 <= row["critic_accuracy"] <= 1
    shown = json.loads(ganlimit("teacher", "show", "digits-teacher", "--data-dir", finished.data_dir).stdout)
    (now,) = [each for each in shown["critic"]["judgements"] if each["kimg"] == shown["kimg"]]
    assert now["accuracy"] == row["critic_accuracy"]
    assert f"{row['critic_accuracy']:.0%}" in ganlimit("teacher", "list", "--data-dir", finished.data_dir).stdout


# --- of one that comes without ------------------------------------------------------------------


@pytest.fixture(scope="module")
def data_dir(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the classifier that the tiny sweep trained."""
    return Path(shutil.copytree(finished.data_dir, tmp_path_factory.mktemp("critics") / "data"))


@pytest.fixture
def laid(
    own: Path, data_dir: Path, tiny: dict[str, Any], spec_file: Any
) -> Callable[..., tuple[SweepSpec, Foundation]]:
    """Lays the foundation of a sweep that distils the generator, with changes to teacher and student."""

    def lay(student: dict[str, Any] = LEARNS, **teacher: Any) -> tuple[SweepSpec, Foundation]:
        stated = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0], "pool_size": 512}
        made = {**tiny, "teacher": {**stated, "critic_kimg": 0.64, **teacher}, "student": student}
        spec = load_spec(spec_file(made))
        workspace = Workspace.existing(data_dir)
        workshop = Workshop(workspace=workspace, tracking=Tracking(workspace.store), data_root=default_data_root())
        return spec, lay_foundation(spec, workshop)

    return lay


def versions(data_dir: Path) -> list[str]:
    registry = Tracking(Workspace.existing(data_dir).store).registry
    return [version.version for version in registry.versions("digits-critic")]


def test_a_critic_is_trained_once_against_it_and_shared(laid: Any, data_dir: Path) -> None:
    spec, first = laid()
    before = versions(data_dir)
    assert first.critic is not None
    assert first.critic.kimg == pytest.approx(0.64, abs=0.064)
    assert first.critic.training["adversarial"] == spec.student.adversarial.model_dump(mode="json")
    assert len(first.critic.judgements) == 10
    _, again = laid({**LEARNS, "critic_features": 0.3})
    assert again.critic == first.critic
    assert versions(data_dir) == before
    _, longer = laid(critic_kimg=0.7)
    assert longer.critic is not None
    assert longer.critic.digest != first.critic.digest
    assert len(versions(data_dir)) == len(before) + 1


def test_a_teacher_from_before_critics_were_kept_gets_one_by_its_own_recipe(
    data_dir: Path, finished: Any, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["teacher"] |= {"critic_kimg": 0.64}
    spec, workspace = load_spec(spec_file({**tiny, "student": LEARNS})), Workspace.existing(data_dir)
    workshop = Workshop(workspace=workspace, tracking=Tracking(workspace.store), data_root=default_data_root())
    dataset, teacher = load_dataset("digits"), train_teacher(finished.spec, data_dir)
    made = {
        "pool": find_or_build_pool(spec, teacher, shares=(), workshop=workshop)[1],
        "extractor": find_or_make_extractor(spec, dataset, workshop=workshop),
        "workshop": workshop,
    }
    own = find_or_make_critic(spec, dataset, teacher=teacher, **made)
    assert own is teacher.critic
    new = find_or_make_critic(spec, dataset, teacher=replace(teacher, critic=None), **made)
    assert new is not None
    assert new.version.startswith("digits-critic/")
    recipe = spec.trained_teacher.training.adversarial
    assert new.card.training["adversarial"] == recipe.model_dump(mode="json")
    assert new.card.architecture == recipe.critic


def test_none_is_made_where_no_student_learns_from_it(laid: Any, data_dir: Path) -> None:
    before = versions(data_dir)
    _, foundation = laid({"kimg": 1, "gan_weight": 0.1})
    assert foundation.critic is None
    assert foundation.materials.critic is None
    assert versions(data_dir) == before


def test_a_trial_has_the_critic_in_its_identity_only_where_it_learns_from_it(laid: Any) -> None:
    point = {"width": 2, "depth": 1, "gan_weight": 0.0}
    spec, foundation = laid()
    requests = Requests(spec, foundation)
    learns = requests.student(point)
    assert learns.critic_digest == foundation.critic.digest
    assert requests.baseline(point).critic_digest is None
    other = replace(foundation, critic=foundation.critic.model_copy(update={"weights_digest": "other"}))
    assert Requests(spec, other).student(point).key != learns.key
    plain = spec.model_copy(update={"student": spec.student.model_copy(update={"critic_features": 0.0})})
    assert Requests(plain, foundation).student(point).critic_digest is None, (
        "it only has an opponent at a weight above 0"
    )
    joint = Requests(plain, foundation).student({**point, "gan_weight": 0.05})
    assert joint.critic_digest == foundation.critic.digest


def test_workers_get_it_from_files_and_from_the_object_store(laid: Any) -> None:
    _, foundation = laid()
    files = foundation.materials
    assert isinstance(files, MaterialFiles)
    expected, _ = load_critic(files.critic)
    images = torch.randn(4, 1, 16, 16)
    with ray_session(num_cpus=1):
        stored = StoredMaterials(ray.put(PackedMaterials.of(files)))
        for source in (files, stored):
            found = source.load(foundation.protocol, Compute()).critic
            assert found is not None
            assert torch.equal(found(images), expected(images))
            assert not found.training


# --- of the user's own --------------------------------------------------------------------------


def test_one_of_the_users_own_is_taken_as_it_was_stored_or_by_its_state(laid: Any, tmp_path: Path) -> None:
    critic = stored(tmp_path / "critic").eval()
    save_file(critic.state_dict(), tmp_path / "state.safetensors")
    network = critic.config.model_dump()
    images = torch.randn(4, 1, 16, 16)
    for named in (
        str(tmp_path / "critic"),
        {"folder": str(tmp_path / "critic")},
        {"weights": str(tmp_path / "state.safetensors"), "network": network},
    ):
        _, foundation = laid(critic=named)
        found, card = load_critic(foundation.materials.critic)
        assert torch.equal(found(images), critic(images))
        assert card.digest == foundation.critic.digest


def test_one_that_does_not_fit_is_one_error(laid: Any, tmp_path: Path) -> None:
    critic = stored(tmp_path / "large", size=32)
    with pytest.raises(GanError, match=r"teacher\.critic judges images of 1 channel\(s\) and 16x16 .* and 32x32"):
        laid(critic=str(tmp_path / "large"))
    save_file(critic.state_dict(), tmp_path / "state.safetensors")
    with pytest.raises(GanError, match=r"those of its network, .*layers\.5\.bias is missing.* Correct network"):
        laid(critic={"weights": str(tmp_path / "state.safetensors"), "network": critic.config.model_dump()})
    with pytest.raises(ArtifactError, match=r"card\.json that describes it"):
        laid(critic=str(tmp_path))
    critic = stored(tmp_path / "critic")
    spoilt = critic.state_dict() | {"layers.0.bias": torch.full_like(critic.layers[0].bias, torch.nan)}  # type: ignore[arg-type]
    save_file(spoilt, tmp_path / "state.safetensors")
    with pytest.raises(GanError, match=r"weights of teacher\.critic are finite numbers, got NaN .* in layers\.0\.bias"):
        laid(critic={"weights": str(tmp_path / "state.safetensors"), "network": critic.config.model_dump()})
    wasserstein = {"adversarial": {"loss": "wgan-gp"}}
    with pytest.raises(GanError, match="goes on learning with the norm that it learned with"):
        laid({**LEARNS, **wasserstein}, critic=str(tmp_path / "critic"))


# --- a whole sweep -----------------------------------------------------------------------------


def test_students_learn_from_a_trained_teachers_critic(
    finished: Any, tmp_path: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")
    changes = {"name": "taught", "student": {**LEARNS, "critic_features": 0.0}, "phases": ["search"]}
    points = [{"width": 2, "depth": 1, "gan_weight": weight} for weight in (0.0, 0.05)]
    search = {**tiny["search"], "trials": 2, "points": points}
    spec = sweeps.load_spec(spec_file({**tiny, **changes, "search": search, "evaluation": {"num_samples": 256}}))
    table = trained_here(spec, data_dir).to_pylist()
    assert {row["state"] for row in table} == {"COMPLETED"}
    assert {row["teacher_version"] for row in table} == {"digits-teacher/1"}, "it was not trained again"
    assert Tracking(Workspace.existing(data_dir).store).registry.versions("digits-critic") == [], "nor a critic"
    assert {row["phase"] for row in table} == {str(Phase.SEARCH)}
    assert {row["gan_weight"]: row["scheme"] for row in table} == {0.0: None, 0.05: "teacher's critic"}
