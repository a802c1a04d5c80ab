import math

import pytest
import torch

from gan.training.losses import ADVERSARIAL, feature_matching, gradient_penalty, joint_loss


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


def test_wasserstein_is_the_gap_of_the_means() -> None:
    loss = ADVERSARIAL["wgan-gp"]
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0])
    assert loss.critic(real, fake) == pytest.approx(1.5 - 4)
    assert loss.generator(fake) == pytest.approx(-1.5)
    assert (loss.gradient_penalty, loss.critic_steps) == (10, 5), "as in Gulrajani et al., 2017"


def test_the_gradient_penalty_of_a_linear_critic_is_its_slope_from_one() -> None:
    weights = torch.full((2, 4, 4), 0.25)  # a slope of sqrt(32) / 4
    real, fake, mix = torch.randn(5, 2, 4, 4), torch.randn(5, 2, 4, 4), torch.rand(5)
    penalty = gradient_penalty(lambda images: (images * weights).flatten(1).sum(1), real, fake_BCHW=fake, mix_B=mix)
    assert penalty == pytest.approx((math.sqrt(32) / 4 - 1) ** 2)


def test_the_gradient_penalty_looks_between_the_images_and_teaches_the_critic() -> None:
    scale = torch.tensor(1.0, requires_grad=True)
    real, fake = torch.full((1, 1, 1, 1), 2.0), torch.zeros(1, 1, 1, 1)
    # f(x) = s x^2 has the slope 2 s x; a quarter of the way to real, x is 0.5: a slope of s, a penalty of (s - 1)^2.
    mix = torch.tensor([0.25])
    penalty = gradient_penalty(lambda x: scale * x.square().flatten(), real, fake_BCHW=fake, mix_B=mix)
    assert penalty.item() == pytest.approx(0)
    steeper = gradient_penalty(
        lambda x: 3 * scale * x.square().flatten(), real, fake_BCHW=fake, mix_B=torch.tensor([0.25])
    )
    (slope,) = torch.autograd.grad(steeper, scale)
    assert (steeper.item(), slope.item()) == (pytest.approx(4), pytest.approx(2 * 2 * 3))


def test_feature_matching_is_pair_by_pair_and_leaves_the_teacher_alone() -> None:
    student, teacher = torch.tensor([[1.0], [2.0]], requires_grad=True), torch.tensor([[2.0], [1.0]])
    term = feature_matching(lambda images: 2 * images, student, teacher_BCHW=teacher)
    assert term.item() == pytest.approx(4.0), "equal means, yet each pair differs by 2"
    term.backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None


@pytest.mark.parametrize("name", ["hinge", "nonsaturating", "wgan-gp"])
def test_generators_want_higher_scores_and_critics_a_gap(name: str) -> None:
    loss = ADVERSARIAL[name]  # type: ignore[index]
    low, high = torch.full((3,), -0.5), torch.full((3,), 0.5)
    assert loss.generator(high) < loss.generator(low)
    assert loss.critic(high, low) < loss.critic(low, high)


def test_joint_loss_weighs_the_terms_as_the_paper_does() -> None:
    gan, mse = torch.tensor(3.0), torch.tensor(7.0)
    assert joint_loss(gan, mse, gan_weight=0.0) == 7
    assert joint_loss(gan, mse, gan_weight=0.25) == pytest.approx(0.25 * 3 + 0.75 * 7)
