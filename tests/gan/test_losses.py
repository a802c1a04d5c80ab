import math

import pytest
import torch

from gan.losses import ADVERSARIAL, joint_loss


def test_hinge_is_zero_beyond_the_margins_and_linear_inside() -> None:
    hinge = ADVERSARIAL["hinge"]
    assert hinge.critic(torch.tensor([1.0, 3.0]), torch.tensor([-1.0, -5.0])) == 0
    assert hinge.critic(torch.tensor([0.0]), torch.tensor([0.5])) == pytest.approx(1 + 1.5)
    assert hinge.generator(torch.tensor([2.0, 4.0])) == -3


def test_nonsaturating_at_equilibrium_is_two_log_two() -> None:
    loss = ADVERSARIAL["nonsaturating"]
    zero = torch.zeros(4)
    assert loss.critic(zero, zero) == pytest.approx(2 * math.log(2))
    assert loss.generator(zero) == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", ["hinge", "nonsaturating"])
def test_generators_want_higher_scores_and_critics_a_gap(name: str) -> None:
    loss = ADVERSARIAL[name]  # type: ignore[index]
    low, high = torch.full((3,), -0.5), torch.full((3,), 0.5)
    assert loss.generator(high) < loss.generator(low)
    assert loss.critic(high, low) < loss.critic(low, high)


def test_joint_loss_weighs_the_terms_as_the_paper_does() -> None:
    gan, mse = torch.tensor(3.0), torch.tensor(7.0)
    assert joint_loss(gan, mse, 0.0) == 7
    assert joint_loss(gan, mse, 0.25) == pytest.approx(0.25 * 3 + 0.75 * 7)
