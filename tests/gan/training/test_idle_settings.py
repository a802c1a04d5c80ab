"""What has no effect on a student leaves it the same, bit for bit: the identity of a trial rests on it."""

import torch

from gan import DistillationConfig, Lesson, distill
from tests.gan.training.test_schemes import EVERYTHING, STUDENT, lesson, recipe, whole

__all__ = ["lesson"]  # a fixture


def test_without_a_gan_term_nothing_of_it_matters(lesson: Lesson) -> None:
    of_reproduction = {"critic_features", "pixels", "pixel_weight"}
    idle = {name: value for name, value in EVERYTHING.items() if name not in of_reproduction}
    critic = {"width": 4, "gain": 3.0, "minibatch_deviation": True}
    plain, changed = recipe(gan_weight=0.0), recipe(gan_weight=0.0, **idle, critic_features=(0.0, 0.0))
    adversarial = {**changed.adversarial.model_dump(), "critic": critic}
    changed = DistillationConfig.model_validate({**changed.model_dump(), "adversarial": adversarial})
    one, other = (list(distill(STUDENT, config, lesson=lesson, seed=1))[-1] for config in (plain, changed))
    assert torch.equal(whole(one), whole(other))
    assert not torch.equal(whole(one), whole(list(distill(STUDENT, plain, lesson=lesson, seed=2))[-1]))
