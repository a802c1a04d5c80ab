"""This module has a critic and its update, shared by adversarial training and joint distillation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gan.compute import Compute
from gan.config import Config
from gan.networks.dcgan import Critic, CriticConfig, CriticNorm, GeneratorConfig, build_critic
from gan.networks.together import run_critics
from gan.seeds import generator_at, seed_at
from gan.training.augmentation import draw_offsets, translated
from gan.training.checkpoint import Part, Stream, Weights
from gan.training.losses import ADVERSARIAL, AdversarialName, gradient_penalty
from gan.training.optimisation import OptimiserConfig, ScheduledOptimiser, step_together


class AdversarialConfig(Config):
    """An AdversarialConfig describes the opponent: its loss, network and optimiser.

    `max_shift` translates real and generated images alike by up to so many pixels before the critic
    sees them (differentiable augmentation, Zhao et al., 2020), which keeps it from memorising a small
    data set. `critic_steps` per generator step: 5 for wgan-gp and 1 for the others where not given.

    >>> AdversarialConfig(loss="wgan-gp", critic=CriticConfig(width=8)).max_shift
    1
    """

    loss: AdversarialName = "hinge"
    critic_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    critic: CriticConfig = CriticConfig()
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=4e-4)
    max_shift: Annotated[int, Field(ge=0, le=16)] = 1


class Opponent:
    """An Opponent is a critic in training: it learns to tell real from fake, and gives the generator its loss."""

    def __init__(self, config: AdversarialConfig, images: GeneratorConfig, *, seed: int, compute: Compute) -> None:
        self.compute = compute
        self.loss = ADVERSARIAL[config.loss]
        self.steps = config.critic_steps or self.loss.critic_steps
        norm: CriticNorm = "none" if self.loss.gradient_penalty else "spectral"
        self.critic = compute.place(build_critic(config.critic, images, norm=norm, seed=seed_at(seed, "critic")))
        self.optimiser = ScheduledOptimiser(config.optimiser, self.critic)
        self._max_shift = config.max_shift
        self._random = generator_at(seed, "augmentation")
        self._mixing = generator_at(seed, "gradient penalty")

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        """Bring the critic's learning rate to where the training stands."""
        self.optimiser.set_progress(kimg, budget_kimg)

    def parts(self) -> Mapping[str, Part]:
        """Returns all that changes from step to step."""
        return {
            "critic": Weights(self.critic),
            "critic_optimiser": self.optimiser,
            "augmentation": Stream(self._random),
            "mixing": Stream(self._mixing),
        }

    def batch(self, real_BCHW: Tensor, fake_BCHW: Tensor) -> Tensor:
        """Returns what the critic learns from, real images before generated ones, augmented: (2B)CHW."""
        return self.shift(torch.cat([real_BCHW, fake_BCHW.detach()]))

    def critic_loss(self, batch: Tensor, scores_2B: Tensor) -> Tensor:
        """Returns the critic's loss on a batch and its scores of it, differentiable by its weights."""
        real_B, fake_B = scores_2B.chunk(2)
        loss = self.loss.critic(real_B, fake_B)
        if self.loss.gradient_penalty:
            mix_B = torch.rand(len(real_B), generator=self._mixing).to(batch.device)
            real_BCHW, fake_BCHW = batch.chunk(2)
            penalty = gradient_penalty(self._score, real_BCHW, fake_BCHW=fake_BCHW, mix_B=mix_B)
            loss = loss + self.loss.gradient_penalty * penalty
        return loss

    def shift(self, images_BCHW: Tensor) -> Tensor:
        """Returns the images, augmented."""
        if not self._max_shift:
            return images_BCHW
        offsets_2B = draw_offsets(len(images_BCHW), self._max_shift, random=self._random)
        return translated(images_BCHW, offsets_2B, max_shift=self._max_shift)

    def _score(self, images_BCHW: Tensor) -> Tensor:
        return _scores([self], [images_BCHW])[0]


def learn_together(opponents: Sequence[Opponent], *, real: Sequence[Tensor], fake: Sequence[Tensor]) -> list[Tensor]:
    """Takes one step of each critic on its own images BCHW. Returns their losses, detached."""
    batches = [
        opponent.batch(real_BCHW, fake_BCHW)
        for opponent, real_BCHW, fake_BCHW in zip(opponents, real, fake, strict=True)
    ]
    losses = [
        opponent.critic_loss(batch, scores_2B)
        for opponent, batch, scores_2B in zip(opponents, batches, _scores(opponents, batches), strict=True)
    ]
    step_together([opponent.optimiser for opponent in opponents], losses)
    return [loss.detach() for loss in losses]


def generator_losses(opponents: Sequence[Opponent], fake: Sequence[Tensor]) -> list[Tensor]:
    """Returns the adversarial loss of each opponent's generator, differentiable by the images BCHW only."""
    with frozen([opponent.critic for opponent in opponents]):
        shifted = [opponent.shift(fake_BCHW) for opponent, fake_BCHW in zip(opponents, fake, strict=True)]
        scores = _scores(opponents, shifted)
    return [opponent.loss.generator(scores_B) for opponent, scores_B in zip(opponents, scores, strict=True)]


def _scores(opponents: Sequence[Opponent], images: Sequence[Tensor]) -> list[Tensor]:
    with opponents[0].compute.forward_passes():
        scores = run_critics([opponent.critic for opponent in opponents], images)
    return [scores_B.float() for scores_B in scores]


@contextmanager
def frozen(critics: Sequence[Critic]) -> Iterator[None]:
    """Leaves out the gradient by a critic's weights, a third of the backward pass, in a generator's step."""
    for critic in critics:
        critic.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for critic in critics:
            critic.requires_grad_(requires_grad=True)
