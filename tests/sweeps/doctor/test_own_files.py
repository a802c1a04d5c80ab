"""`ganlimit doctor` looks at the files of the user's own that a specification names, before any sweep."""

import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.doctor.diagnosis import Question
from sweeps.spec.file import load_spec
from tests.sweeps.models.critics import LEARNS, stored, traced

NAMES = {"latent_size": 12, "output_range": [-1.0, 1.0], "pool_size": 512}


@pytest.fixture
def spec(tmp_path: Path, tiny: dict[str, Any], spec_file: Any) -> Path:
    """A sweep on a generator and a critic of one's own."""
    traced(tmp_path / "own.pt")
    stored(tmp_path / "critic")
    teacher = {**NAMES, "file": str(tmp_path / "own.pt"), "critic": str(tmp_path / "critic")}
    path: Path = spec_file({**tiny, "teacher": teacher, "student": LEARNS})
    return path


def test_a_generator_and_a_critic_that_can_be_used_are_fine(ganlimit: Any, spec: Path, tmp_path: Path) -> None:
    answer = ganlimit("doctor", "--data-dir", tmp_path / "data", "--spec", spec)
    assert answer.code == 0, answer.stdout
    assert f"✓ critic of tiny: {tmp_path}/critic, a critic of the data set's" in answer.stdout
    assert f"✓ teacher of tiny: {tmp_path}/own.pt, not registered yet" in answer.stdout


@pytest.mark.parametrize(
    ("broken", "check", "said", "remedy"),
    [
        ("critic/weights.safetensors", "critic", "A stored model has a weights.safetensors that fits", "restore it"),
        ("critic", "critic", "teacher.critic names the folder that a critic was stored in", "Correct the path"),
        ("own.pt", "teacher", "An own generator is a readable TorchScript", "Correct the path"),
    ],
)
def test_what_is_missing_or_damaged_is_a_cross(
    ganlimit: Any, spec: Path, tmp_path: Path, broken: str, check: str, said: str, remedy: str
) -> None:
    (tmp_path / broken).rename(tmp_path / "elsewhere")
    answer = ganlimit("doctor", "--data-dir", tmp_path / "data", "--spec", spec, "--json")
    assert answer.code == 1
    (wrong,) = [found for found in json.loads(answer.stdout)["checks"] if not found["is_fine"]]
    assert wrong["name"] == f"{check} of tiny"
    assert said in wrong["found"]
    assert remedy in wrong["remedy"]


def test_a_critic_that_no_student_can_learn_from_is_a_cross(
    ganlimit: Any, tiny: dict[str, Any], spec: Path, spec_file: Any, tmp_path: Path
) -> None:
    teacher = {**NAMES, "file": str(tmp_path / "own.pt"), "critic": str(tmp_path / "critic")}
    student = {**LEARNS, "adversarial": {"loss": "wgan-gp"}}
    answer = ganlimit(
        "doctor", "--data-dir", tmp_path / "data", "--spec", spec_file({**tiny, "teacher": teacher, "student": student})
    )
    assert answer.code == 1
    assert "✗ critic of tiny: A critic goes on learning with the norm that it learned with" in answer.stdout


def test_the_nodes_of_a_cluster_are_asked_for_both(spec: Path, tmp_path: Path) -> None:
    question = Question(data_dir=tmp_path, specs=(load_spec(spec),), address="auto")
    assert question.files == (tmp_path / "own.pt", tmp_path / "critic")
