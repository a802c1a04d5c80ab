"""A critic and its update, shared by adversarial training and joint distillation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gan.augmentation import draw_offsets, translated
from gan.checkpoint import Part
from gan.compute import Compute
from gan.config import Config
from gan.losses import ADVERSARIAL, AdversarialName, gradient_penalty
from gan.models import CriticConfig, CriticNorm, GeneratorConfig, build_critic
from gan.optimisation import OptimiserConfig, ScheduledOptimiser
from gan.seeds import generator_at, seed_at


class AdversarialConfig(Config):
    """The opponent: its loss, network and optimiser.

    `max_shift` translates real and generated images alike by up to so many pixels before the critic
    sees them (differentiable augmentation, Zhao et al., 2020), which keeps it from memorising a small
    data set. `critic_steps` per generator step: 5 for wgan-gp and 1 for the others where not given.
    """

    loss: AdversarialName = "hinge"
    critic_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    critic: CriticConfig = CriticConfig()
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=4e-4)
    max_shift: Annotated[int, Field(ge=0, le=16)] = 1


class Opponent:
    """A critic in training: learns to tell real from fake, and gives the generator its loss."""

    def __init__(self, config: AdversarialConfig, images: GeneratorConfig, seed: int, compute: Compute) -> None:
        self._compute = compute
        self._loss = ADVERSARIAL[config.loss]
        self.steps = config.critic_steps or self._loss.critic_steps
        norm: CriticNorm = "none" if self._loss.gradient_penalty else "spectral"
        self._critic = compute.place(build_critic(config.critic, images, norm, seed_at(seed, "critic")))
        self._optimiser = ScheduledOptimiser(config.optimiser, self._critic)
        self._max_shift = config.max_shift
        self._random = generator_at(seed, "augmentation")
        self._mixing = generator_at(seed, "gradient penalty")

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        """Bring the critic's learning rate to where the training stands."""
        self._optimiser.set_progress(kimg, budget_kimg)

    def parts(self) -> Mapping[str, Part]:
        """All that changes from step to step."""
        return {
            "critic": self._critic,
            "critic_optimiser": self._optimiser,
            "augmentation": self._random,
            "mixing": self._mixing,
        }

    def learn(self, real_BCHW: Tensor, fake_BCHW: Tensor) -> Tensor:
        """One step of the critic. Returns its loss, detached."""
        batch = self._shift(torch.cat([real_BCHW, fake_BCHW.detach()]))
        real_B, fake_B = self._score(batch).chunk(2)
        loss = self._loss.critic(real_B, fake_B)
        if self._loss.gradient_penalty:
            mix_B = torch.rand(len(real_B), generator=self._mixing).to(batch.device)
            real_BCHW, fake_BCHW = batch.chunk(2)
            loss = loss + self._loss.gradient_penalty * gradient_penalty(self._score, real_BCHW, fake_BCHW, mix_B)
        self._optimiser.step(loss)
        return loss.detach()

    def generator_loss(self, fake_BCHW: Tensor) -> Tensor:
        """The generator's adversarial loss, differentiable by the images only."""
        with self._frozen():
            return self._loss.generator(self._score(self._shift(fake_BCHW)))

    def _score(self, images_BCHW: Tensor) -> Tensor:
        with self._compute.forward_passes():
            scores_B: Tensor = self._critic(images_BCHW)
        return scores_B.float()

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        # The generator's step needs no gradient by the critic's weights: a third of the backward pass.
        self._critic.requires_grad_(False)
        try:
            yield
        finally:
            self._critic.requires_grad_(True)

    def _shift(self, images_BCHW: Tensor) -> Tensor:
        if not self._max_shift:
            return images_BCHW
        offsets_2B = draw_offsets(len(images_BCHW), self._max_shift, self._random)
        return translated(images_BCHW, offsets_2B, self._max_shift)
