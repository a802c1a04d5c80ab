"""Losses, each beside its equation. Scores are the critic's outputs, unbounded, shape B."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

AdversarialName = Literal["hinge", "nonsaturating"]


@dataclass(frozen=True)
class AdversarialLoss:
    """What the critic minimises on (real, fake) scores, and the generator on its own scores."""

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


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


ADVERSARIAL: dict[AdversarialName, AdversarialLoss] = {
    "hinge": AdversarialLoss(_hinge_critic, _hinge_generator),
    "nonsaturating": AdversarialLoss(_nonsaturating_critic, _nonsaturating_generator),
}


def joint_loss(gan_term: Tensor, mse_term: Tensor, gan_weight: float) -> Tensor:
    """a * GAN term + (1 - a) * MSE term, a = `gan_weight` in [0, 1). PAPER, joint scheme.

    The MSE term is a mean over pixels, not the paper's sum, so that one gan_weight means the same at
    every image size.
    """
    return gan_weight * gan_term + (1 - gan_weight) * mse_term
