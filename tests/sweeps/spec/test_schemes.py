"""Schemes of distillation are searched as anything else of the student, and refused where no critic can serve them."""

from typing import Any

import pytest

import sweeps

DEVIATION = {"width": 4, "minibatch_deviation": True}


def changed(tiny: dict[str, Any], student: dict[str, Any], space: dict[str, Any]) -> dict[str, Any]:
    tiny["search"]["points"] = []
    tiny["search"]["space"] = {**tiny["search"]["space"], "student": space}
    tiny["student"] = {**tiny["student"], **student}
    return tiny


def test_every_scheme_is_a_dimension_of_the_search(tiny: dict[str, Any], spec_file: Any) -> None:
    space: dict[str, Any] = {
        "opponent": ["fresh", "teacher"],
        "real": ["data", "teacher", "both"],
        "pixels": ["mse", "l1", "multiscale"],
        "gan_every": [1, 4],
        "adversarial.critic_every": [1, 4],
    }
    domains = {name: {"type": "choice", "values": values} for name, values in space.items()}
    domains["critic_features"] = {"type": "float", "low": 0.01, "high": 1.0, "log": True}
    domains["gan_from"] = {"type": "float", "low": 0.0, "high": 0.5}
    spec = sweeps.load_spec(spec_file(changed(tiny, {}, domains)))
    recipe = spec.recipe({name: values[-1] for name, values in space.items()} | {"critic_features": 0.3})
    assert (
        recipe.model_dump(exclude_unset=True).items()
        >= {
            "opponent": "teacher",
            "real": "both",
            "pixels": "multiscale",
            "gan_every": 4,
            "critic_features": 0.3,
        }.items()
    )
    assert recipe.adversarial.critic_every == 4


@pytest.mark.parametrize(
    ("student", "space", "teacher", "mistake"),
    [
        (
            {"critic_features": [0.1, 0.2, 0.3]},
            {},
            {},
            "student.critic_features has one weight, or one for each of the 2 layers of a critic of 16x16 pixels, got "
            "3; write as many, or one for all.",
        ),
        (
            {"critic_features": 0.1},
            {name: {"type": "choice", "values": [0.0, 0.1]} for name in ("critic_features", "pixel_weight")},
            {},
            "search.space.student leaves a student nothing to learn from: pixel_weight above 0, critic_features or "
            "feature_weight make a student learn from its teacher, got 0 for all; raise one of them.",
        ),
        (
            {"gan_weight": 0.1},
            {
                "opponent": {"type": "choice", "values": ["fresh", "teacher"]},
                "adversarial.loss": {"type": "choice", "values": ["hinge", "wgan-gp"]},
            },
            {},
            "student.opponent teacher goes on learning with the norm of its training, which is spectral with hinge, "
            "got adversarial.loss wgan-gp, whose norm is none; choose the teacher's loss, or the opponent fresh.",
        ),
        (
            {"batch_size": 50, "opponent": "teacher"},
            {},
            {"adversarial": {"critic": DEVIATION}},
            "student.opponent teacher has the critic of teacher.training: batch_size is a multiple of 4 where "
            "adversarial.critic.minibatch_deviation is true, got 50; change one of them.",
        ),
        (
            {"adversarial": {"critic": DEVIATION}},
            {"batch_size": {"type": "int", "low": 32, "high": 64}},
            {},
            "search.space.student makes a student whose critic cannot learn: batch_size is a multiple of 4 "
            "where adversarial.critic.minibatch_deviation is true, got 33; change one of them.",
        ),
        (
            {},
            {
                "adversarial.loss": {"type": "choice", "values": ["hinge", "wgan-gp"]},
                "adversarial.critic_every": {"type": "choice", "values": [1, 2]},
            },
            {},
            "search.space.student makes a student whose critic cannot learn: critic_every above 1 is of a critic with "
            "one step, got 2 with 5 steps; leave one of critic_every and critic_steps out.",
        ),
        (
            {},
            {
                "adversarial.loss": {"type": "choice", "values": ["hinge", "wgan-gp"]},
                "adversarial.critic.gain": {"type": "float", "low": 1.0, "high": 3.0},
            },
            {},
            "search.space.student makes a student whose critic cannot learn: critic.gain is of spectral normalisation, "
            "which wgan-gp does without, got 3; leave it out or choose another loss.",
        ),
        (
            {"batch_size": 50, "adversarial": {"critic": DEVIATION}},
            {},
            {},
            "student.adversarial makes a student whose critic cannot learn: batch_size is a multiple of 4 where "
            "adversarial.critic.minibatch_deviation is true, got 50; change one of them.",
        ),
        (
            {},
            {"pixel_weight": {"type": "choice", "values": [0, 1]}},
            {},
            "search.space.student.pixel_weight feeds the student's recipe: pixel_weight above 0, critic_features or "
            "feature_weight make a student learn from its teacher, got 0 for all; raise one of them.",
        ),
        (
            {"critic_features": "0.1"},
            {},
            {},
            "student.critic_features: input should be a valid number, got '0.1'. Choose a value that fits.",
        ),
        (
            {"critic_features": []},
            {},
            {},
            "student.critic_features: tuple should have at least 1 item after validation, not 0, got []. Choose a "
            "value that fits.",
        ),
    ],
    ids=[
        *("layers", "nothing", "norm", "groups of the teacher's", "groups inside a range", "steps", "gain", "groups"),
        *("no pixels", "text", "no layers"),
    ],
)
def test_a_scheme_that_cannot_be_is_refused_in_the_file(
    tiny: dict[str, Any],
    spec_file: Any,
    student: dict[str, Any],
    space: dict[str, Any],
    teacher: dict[str, Any],
    mistake: str,
) -> None:
    tiny["search"]["space"]["gan_weight"] = 0.1
    tiny["teacher"]["training"] = {**tiny["teacher"]["training"], **teacher}
    with pytest.raises(sweeps.SpecError) as caught:
        sweeps.load_spec(spec_file(changed(tiny, student, space)))
    _, found = str(caught.value).splitlines()
    assert found.endswith(mistake)
