"""This module has the losses, each beside its equation. Scores are the critic's outputs, unbounded, shape B."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gan.images import doublings

AdversarialName = Literal["hinge", "nonsaturating", "wgan-gp"]
PixelsName = Literal["mse", "l1", "multiscale"]


Features = Callable[[Tensor], Tensor]  # images BCHW in [-1, 1] to BF


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """A loss is what the critic minimises on (real, fake) scores, and the generator on its own scores.

    `gradient_penalty` weighs the critic's distance from slope 1; where it is 0 the critic is held by
    spectral normalisation instead. `critic_steps` is the usual number of them per generator step.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    gradient_penalty: float = 0.0
    critic_steps: int = 1


def _hinge_critic(real_B: Tensor, fake_B: Tensor) -> Tensor:
    # E_x[max(0, 1 - f(x))] + E_z[max(0, 1 + f(g(z)))]   (Lim & Ye, 2017; Miyato et al., 2018)
    return F.relu(1 - real_B).mean() + F.relu(1 + fake_B).mean()


def _hinge_generator(fake_B: Tensor) -> Tensor:
    # -E_z[f(g(z))]
    return -fake_B.mean()


def _nonsaturating_critic(real_B: Tensor, fake_B: Tensor) -> Tensor:
    # -E_x[log s(f(x))] - E_z[log(1 - s(f(g(z))))] with s the logistic function   (Goodfellow et al., 2014)
    return F.softplus(-real_B).mean() + F.softplus(fake_B).mean()


def _nonsaturating_generator(fake_B: Tensor) -> Tensor:
    # -E_z[log s(f(g(z)))]: the same fixed point as the paper's log(1 - f), without its vanishing gradient
    return F.softplus(-fake_B).mean()


def _wasserstein_critic(real_B: Tensor, fake_B: Tensor) -> Tensor:
    # E_z[f(g(z))] - E_x[f(x)]   (Arjovsky et al., 2017); the penalty is added where the images are
    return fake_B.mean() - real_B.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real_BCHW: Tensor, *, fake_BCHW: Tensor, mix_B: Tensor
) -> Tensor:
    """Returns E[(|grad f(x)| - 1)^2] at x = u real + (1 - u) fake, u = `mix_B` in [0, 1].

    Gulrajani et al., 2017, eq. 3.
    """
    mix_B111 = mix_B[:, None, None, None]
    between_BCHW = (mix_B111 * real_BCHW + (1 - mix_B111) * fake_BCHW).detach().requires_grad_()
    (slope_BCHW,) = torch.autograd.grad(critic(between_BCHW).sum(), between_BCHW, create_graph=True)
    slope_B = torch.linalg.vector_norm(slope_BCHW.flatten(1), dim=1)
    penalty: Tensor = (slope_B - 1).square().mean()
    return penalty


ADVERSARIAL: dict[AdversarialName, AdversarialLoss] = {
    "hinge": AdversarialLoss(critic=_hinge_critic, generator=_hinge_generator),
    "nonsaturating": AdversarialLoss(critic=_nonsaturating_critic, generator=_nonsaturating_generator),
    # The generator's -E_z[f(g(z))] is the hinge loss's. Penalty and steps as in Gulrajani et al., 2017.
    "wgan-gp": AdversarialLoss(
        critic=_wasserstein_critic, generator=_hinge_generator, gradient_penalty=10.0, critic_steps=5
    ),
}


def _multiscale(student_BCHW: Tensor, teacher_BCHW: Tensor) -> Tensor:
    # mean_s mean |P^s(g_T(z)) - P^s(g(z))|^2 with P the average of 2x2 pixels, s = 0 for the images themselves to that
    # of the first map's side: a pyramid of averages, as (Denton et al., 2015) of their differences. A mean, not a sum,
    # so that weights mean the same at every image size.
    difference = student_BCHW - teacher_BCHW
    terms = [difference.square().mean()]
    for _ in range(doublings(difference.shape[-1])):
        difference = F.avg_pool2d(difference, 2)  # an average of differences is the difference of averages
        terms.append(difference.square().mean())
    return torch.stack(terms).mean()


# How far a student's images are from the teacher's. The MSE is the paper's; L1 blurs less (Isola et al., 2017).
PIXELS: dict[PixelsName, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "multiscale": _multiscale,
}


def feature_matching(features: Features, student_BCHW: Tensor, *, teacher_BCHW: Tensor) -> Tensor:
    """Returns mean |phi(g_T(z)) - phi(g(z))|^2 over batch and features (Salimans et al., 2016, but pair by pair)."""
    with torch.no_grad():
        target_BF = features(teacher_BCHW)
    return F.mse_loss(features(student_BCHW), target_BF)


def joint_loss(gan_term: Tensor, reproduction_term: Tensor, *, gan_weight: float) -> Tensor:
    """Returns a * GAN term + (1 - a) * reproduction term, a = `gan_weight` in [0, 1). PAPER, joint scheme.

    The reproduction term is the MSE in the paper. Here it is a mean over pixels, not the paper's sum, so that one
    gan_weight means the same at every image size.
    """
    return gan_weight * gan_term + (1 - gan_weight) * reproduction_term
