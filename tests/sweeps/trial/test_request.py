"""A trial's identity has what its student depends on: settings without an effect make no second student of one."""

from typing import Any

import pytest

from gan import DistillationConfig
from sweeps.trial.request import TrialRequest
from tests.sweeps.untrained_search import request_of

IDLE: list[dict[str, Any]] = [
    {"opponent": "teacher"},
    {"real": "both"},
    {"gan_from": 0.5},
    {"gan_every": 4},
    {"adversarial": {"critic_every": 2}},
    {"adversarial": {"critic": {"gain": 3.0, "minibatch_deviation": True}}},
]


def request(**recipe: Any) -> TrialRequest:
    config = DistillationConfig.model_validate({"kimg": 1.0} | recipe)
    return request_of({"width": 2, "gan_weight": 0.0}, distillation=config)


@pytest.mark.parametrize("setting", IDLE)
def test_of_the_gan_term_it_has_nothing_where_there_is_none(setting: dict[str, Any]) -> None:
    assert request(**setting).key == request().key
    joint = request(gan_weight=0.1)
    assert request(gan_weight=0.1, **setting).key != joint.key != request().key


@pytest.mark.parametrize("critic", [{"width": 4}, {"gain": 2.0}, {"minibatch_deviation": True}])
def test_against_the_teachers_critic_the_students_own_is_none(critic: dict[str, Any]) -> None:
    taught: dict[str, Any] = {"gan_weight": 0.1, "opponent": "teacher"}
    assert request(**taught, adversarial={"critic": critic}).key == request(**taught).key
    assert request(gan_weight=0.1, adversarial={"critic": critic}).key != request(gan_weight=0.1).key


def test_pixels_that_weigh_nothing_are_none() -> None:
    features: dict[str, Any] = {"critic_features": 0.1, "pixel_weight": 0.0}
    assert request(**features, pixels="l1").key == request(**features).key


def test_bits_make_another_student_and_32_are_what_trials_always_had() -> None:
    assert request(bits=32).key == request().key
    assert len({request(bits=bits).key for bits in (32, 8, 6, 4)}) == 4
    assert [request(bits=bits).bits for bits in (32, 4)] == [32, 4]
    assert request_of({"width": 2, "gan_weight": 0.0}, distillation=None).bits == 32


def test_weights_of_zero_in_each_layer_are_no_features() -> None:
    without = request(critic_features=(0.0, 0.0))
    assert without.key == request().key
    assert without.scheme is None
    assert request(critic_features=(0.0, 0.1)).key != request().key


def test_what_identities_always_had_they_keep() -> None:
    for setting in ({"loss": "nonsaturating"}, {"max_shift": 0}, {"critic": {"width": 4}}, {"critic_steps": 2}):
        assert request(adversarial=setting).key != request().key
    assert request(pixels="l1").key != request().key
