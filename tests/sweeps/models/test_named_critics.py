"""A critic of the user's own that is of no use is one error, before anything is trained."""

from pathlib import Path
from typing import Any

import pytest

import sweeps
from gan import GanError, load_dataset
from sweeps.models.critic_making import require_named_critic
from sweeps.spec.file import load_spec
from tests.sweeps.models.critics import LEARNS, stored


def test_one_that_no_student_can_use_is_refused_before_anything_is_trained(
    own: Path, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    stored(tmp_path)
    teacher = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0], "pool_size": 512}
    student = {**LEARNS, "adversarial": {"loss": "wgan-gp"}}
    spec = load_spec(spec_file({**tiny, "teacher": {**teacher, "critic": str(tmp_path)}, "student": student}))
    with pytest.raises(GanError, match="goes on learning with the norm that it learned with"):
        require_named_critic(spec, load_dataset("digits"))
    tiny["search"]["points"] = []
    tiny["search"]["space"]["student"] = {"adversarial.loss": {"type": "choice", "values": ["hinge", "wgan-gp"]}}
    with pytest.raises(sweeps.SpecError, match=r"opponent teacher goes on .* spectral with hinge, got .* wgan-gp"):
        load_spec(spec_file({**tiny, "teacher": teacher, "student": LEARNS}))  # its critic is yet to be trained


def test_one_that_is_not_there_is_said_to_be_missing(
    own: Path, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    teacher = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0]}
    weights = {"weights": str(tmp_path / "none.safetensors"), "network": {"width": 4}}
    for critic, said in (
        (
            str(tmp_path / "none"),
            r"names the folder that .*/none, which is not there\. Correct the path, or",
        ),
        (str(tmp_path / "file"), r"names the folder that a critic was stored in, got .*/file, something else"),
        (weights, r"names the file of a critic's weights, got .*/none\.safetensors, which is not there"),
        (weights | {"weights": str(tmp_path)}, r"names the file of a critic's weights, got .*, something else"),
    ):
        spec = load_spec(spec_file({**tiny, "teacher": {**teacher, "critic": critic}, "student": LEARNS}))
        with pytest.raises(GanError, match=said):
            require_named_critic(spec, load_dataset("digits"))


def test_one_named_beside_a_teacher_that_is_trained_is_said_to_be_out_of_place(
    tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["teacher"]["critic"] = "kept/critic"
    rule = "unknown key of a teacher that is trained: it is one of a generator of your own. Leave it out."
    with pytest.raises(sweeps.SpecError, match=rf"line \d+: teacher\.critic: {rule}"):
        load_spec(spec_file(tiny))


@pytest.mark.parametrize(
    ("critic", "said"),
    [
        ({"folder": "a", "weights": "b", "network": {"width": 4}}, "a critic is given by folder, or by weights and"),
        ({"folder": "a", "norm": "none"}, "a critic's folder says its norm, got none"),
        ({"weights": "b", "network": {"width": 4, "gain": 3}, "norm": "none"}, "network.gain is of the norm spectral"),
        ({"weights": "b"}, "network is that of a critic's weights"),
        ({"folder": "a", "netwrok": {}}, "unknown key. Did you mean network?"),
        ({"weights": "b", "network": {"widht": 4}}, "Did you mean width?"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_line(
    critic: dict[str, Any], said: str, own: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    teacher = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0], "critic": critic}
    with pytest.raises(sweeps.SpecError, match=r"line \d+: ") as error:
        sweeps.load_spec(spec_file({**tiny, "teacher": teacher}))
    assert said in str(error.value)


def test_a_critic_that_cannot_be_trained_is_refused_in_the_file(
    own: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["teacher"] = {"file": str(own), "latent_size": 12, "output_range": [-1.0, 1.0]}
    tiny["student"] |= {"batch_size": 30, "adversarial": {"critic": {"minibatch_deviation": True}}}
    tiny["search"] |= {"space": {"width": 2}, "points": []}
    assert sweeps.load_spec(spec_file(tiny)), "no student learns from a critic"
    tiny["student"]["critic_features"] = 0.1
    with pytest.raises(sweeps.SpecError, match=r"how the teacher's critic is trained: batch_size is a multiple of 4"):
        sweeps.load_spec(spec_file(tiny))
