"""This module is one generator in training and all its own; `gan.training.step` takes it on, alone or with others."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from gan.compute import Compute
from gan.datasets import ImageDataset
from gan.images import to_unit_range
from gan.networks.critic import Critic
from gan.networks.dcgan import GeneratorConfig, build_generator
from gan.networks.together import Shown
from gan.seeds import generator_at, seed_at
from gan.training.adversarial import AdversarialConfig, Opponent
from gan.training.checkpoint import Part, Stream, Weights
from gan.training.optimisation import STATISTICS_IMAGES, BatchNormStatistics, OptimiserConfig, ScheduledOptimiser


class Recipe(Protocol):
    """A recipe says how a generator is trained. Budgets and half-lives are in thousands of images."""

    @property
    def kimg(self) -> float: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def optimiser(self) -> OptimiserConfig: ...
    @property
    def adversarial(self) -> AdversarialConfig: ...
    @property
    def ema_halflife_kimg(self) -> float: ...
    @property
    def batchnorm_statistics(self) -> BatchNormStatistics: ...


@dataclass(frozen=True)
class Batch:
    """A batch is a generator's inputs BI, and where a teacher has made them the images BCHW that are wanted."""

    inputs_BI: Tensor
    wanted_BCHW: Tensor | None = None


@dataclass(frozen=True)
class CriticTerms:
    """A critic gives two scalars a step, its own loss and the generator's, which is differentiable.

    It gives the one where it learns and the other where it judges.
    """

    critic_loss: Tensor | None = None
    generator_loss: Tensor | None = None

    def detached(self) -> dict[str, Tensor]:
        """Returns those that there are by name."""
        terms = {"critic_loss": self.critic_loss, "generator_loss": self.generator_loss}
        return {name: term.detach() for name, term in terms.items() if term is not None}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A Turn says what the critic does at a step: learn, and judge the generator's images."""

    learns: bool = True
    judges: bool = True


class Member(ABC):
    """A member has a generator, its optimiser and its batches, and a critic where it trains against one.

    While `is_rounding`, its weights are not averaged: where some go to and fro across a step, their average is rounded
    to either side of it.
    """

    is_rounding = False

    def __init__(
        self,
        architecture: GeneratorConfig,
        recipe: Recipe,
        *,
        dataset: ImageDataset,
        seed: int,
        compute: Compute,
        has_critic: bool,
        taught: Critic | None = None,
    ) -> None:
        self.batch_size, self.compute, self.turn = recipe.batch_size, compute, Turn()
        self._steps_taken, self._critic_every = 0, recipe.adversarial.critic_every
        self.generator = compute.place(build_generator(architecture, seed_at(seed, "generator"))).train()
        self.optimiser = ScheduledOptimiser(recipe.optimiser, self.generator)
        self.opponent: Opponent | None = None
        # A critic can learn the classes of a data set that has as many.
        self._num_classes = architecture.num_classes if architecture.num_classes == dataset.num_classes else 0
        if taught:
            self._num_classes = taught.num_classes
        if has_critic:
            self.opponent = Opponent(
                recipe.adversarial,
                architecture,
                seed=seed,
                compute=compute,
                num_classes=self._num_classes,
                taught=taught,
            )
        self._real_images, self._real_labels = dataset.train_images, dataset.train_labels
        self._real_batches = generator_at(seed, "batches")
        self._shares = dataset.class_shares(architecture.num_classes)

    @abstractmethod
    def draw(self) -> Batch:
        """Returns the next batch of what it learns from."""

    @abstractmethod
    def losses(self, images_BCHW: Tensor, batch: Batch, *, terms: CriticTerms) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the generator's loss on its images of `batch`, and all that it consists of, detached scalars."""

    def real(self, batch: Batch) -> Shown:
        """Returns what the critic is to take for real beside the images of `batch`, as many."""
        return self._draw_real(len(batch.inputs_BI))

    def _draw_real(self, count: int) -> Shown:
        """Returns images of the data set, float32 in [-1, 1], drawn with replacement."""
        device = self.compute.torch_device
        index_B = torch.randint(len(self._real_images), (count,), generator=self._real_batches)
        images_BCHW = to_unit_range(self._real_images[index_B].to(device))
        if not self._num_classes:
            return Shown(images_BCHW)
        return Shown(images_BCHW, F.one_hot(self._real_labels[index_B], self._num_classes).float().to(device))

    def shown(self, images_BCHW: Tensor, batch: Batch) -> Shown:
        """Returns the generator's images of `batch` as its critic is shown them."""
        return Shown(images_BCHW, batch.inputs_BI[:, -self._num_classes :] if self._num_classes else None)

    def statistics_inputs(self) -> Tensor:
        """Returns the inputs NI at which its standing statistics are measured, the same for every seed."""
        inputs_NI = self.generator.config.inputs(STATISTICS_IMAGES, "statistics", seed=0, shares=self._shares)
        return inputs_NI.to(self.compute.torch_device)

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        """Brings the learning rates, and whether the critic has its turn, to where the training stands."""
        self.optimiser.set_progress(kimg, budget_kimg)
        if self.opponent:
            self.opponent.set_progress(kimg, budget_kimg)
        self._steps_taken = round(1000 * kimg / self.batch_size)
        self.turn = Turn(learns=self.is_turn(self._critic_every))

    def is_turn(self, every: int) -> bool:
        """Returns whether this step is the last of `every`, so that a rung's step mostly is, whose losses are kept."""
        return (self._steps_taken + 1) % every == 0

    def parts(self) -> Mapping[str, Part]:
        """Returns all that changes from step to step, the generator among it."""
        parts: dict[str, Part] = {
            "generator": Weights(self.generator),
            "optimiser": self.optimiser,
            "batches": Stream(self._real_batches),
        }
        return {**parts, **(self.opponent.parts() if self.opponent else {})}
