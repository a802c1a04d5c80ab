"""What a teacher's critic sees, as a distance: frozen, and scaled alike for every critic."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from gan import CriticConfig, TeacherPool
from gan.compute import CPU
from gan.images import to_unit_range
from gan.networks.critic import build_critic, frozen_copy
from gan.training.critic_features import CriticFeatures
from tests.gan.training.test_schemes import STUDENT, critic_of, images


def test_a_frozen_copy_scores_and_sees_as_its_critic_in_eval_mode_and_leaves_it_alone() -> None:
    critic = critic_of(classes=3).train().requires_grad_(requires_grad=True)
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    frozen, classes = frozen_copy(critic), F.one_hot(torch.arange(8) % 3, 3).float()
    torch.testing.assert_close(critic.state_dict(), before, rtol=0, atol=0)
    assert critic.training
    critic.eval()
    torch.testing.assert_close(frozen(images(8, 0), classes), critic(images(8, 0), classes))
    for ours, theirs in zip(frozen.maps(images(8, 0)), critic.maps(images(8, 0)), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


@pytest.mark.parametrize("weights", [0.5, (0.5, 0.0)])
def test_the_distance_of_critic_features_is_the_written_out_one(pool: TeacherPool, weights: Any) -> None:
    critic, student, teacher = critic_of(), images(6, 1), images(6, 2)
    features = CriticFeatures(critic, weights, pool=pool, compute=CPU)
    first = to_unit_range(pool.all()[1][:256])
    expected = torch.zeros(())
    for number, (own, wanted, known) in enumerate(
        zip(critic.maps(student), critic.maps(teacher), critic.maps(first), strict=True)
    ):
        scale = (known - known.mean(dim=0)).abs().mean()
        weight = weights[number] if isinstance(weights, tuple) else weights
        expected = expected + weight / 2 * (own - wanted).abs().mean() / scale
    torch.testing.assert_close(features.distance(student, teacher), expected)


def test_one_image_for_all_costs_about_one_whatever_the_critic(pool: TeacherPool) -> None:
    teacher = to_unit_range(pool.all()[1])
    mean = teacher.mean(dim=0).expand_as(teacher)
    for gain in (0.5, 4.0):
        config = CriticConfig(width=4, gain=gain)
        critic = build_critic(config, STUDENT, norm="spectral", seed=1)
        distance = CriticFeatures(critic, 1.0, pool=pool, compute=CPU).distance(mean, teacher)
        assert distance.item() == pytest.approx(1.0, rel=0.25)
