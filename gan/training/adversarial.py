"""This module has a critic and its update, shared by adversarial training and joint distillation."""

import copy
import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor

from gan.compute import Compute
from gan.config import Config
from gan.networks.critic import DEVIATION_GROUP, Critic, CriticConfig, CriticNorm, Images, build_critic
from gan.networks.together import Shown, joined, run_critics
from gan.seeds import generator_at, seed_at
from gan.training.augmentation import draw_offsets, translated
from gan.training.checkpoint import Part, Stream, Weights
from gan.training.losses import ADVERSARIAL, AdversarialName, gradient_penalty
from gan.training.optimisation import OptimiserConfig, ScheduledOptimiser, step_together


class AdversarialConfig(Config):
    """An AdversarialConfig describes the opponent: its loss, network and optimiser.

    `max_shift` translates real and generated images alike by up to so many pixels before the critic
    sees them (differentiable augmentation, Zhao et al., 2020), which keeps it from memorising a small
    data set. `critic_steps` per generator step: 5 for wgan-gp and 1 for the others where not given. A critic of one
    may learn at every `critic_every`-th only, which is most of its cost, and judge at all.

    >>> AdversarialConfig(loss="wgan-gp", critic=CriticConfig(width=8)).max_shift
    1
    """

    loss: AdversarialName = "hinge"
    critic_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    critic_every: Annotated[int, Field(ge=1, le=100)] = Field(default=1, exclude_if=partial(operator.eq, 1))
    critic: CriticConfig = CriticConfig()
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=4e-4)
    max_shift: Annotated[int, Field(ge=0, le=16)] = 1

    @model_validator(mode="after")
    def _has_a_gain_only_with_its_norm(self) -> "AdversarialConfig":
        if self.norm == "none" and self.critic.gain != 1.0:
            raise ValueError(
                f"critic.gain is of spectral normalisation, which {self.loss} does without, got {self.critic.gain:g}; "
                "leave it out or choose another loss"
            )
        return self

    @model_validator(mode="after")
    def _learns_often_or_seldom(self) -> "AdversarialConfig":
        if self.critic_every > 1 and self.steps > 1:
            raise ValueError(
                f"critic_every above 1 is of a critic with one step, got {self.critic_every} with {self.steps} steps; "
                "leave one of critic_every and critic_steps out"
            )
        return self

    @property
    def steps(self) -> int:
        """Returns the critic's steps for each of the generator's at which it learns."""
        return self.critic_steps or ADVERSARIAL[self.loss].critic_steps

    @property
    def norm(self) -> CriticNorm:
        """Returns what holds the critic's slope: spectral normalisation, or none where the loss has a penalty."""
        return "none" if ADVERSARIAL[self.loss].gradient_penalty else "spectral"

    def require_whole_groups(self, batch_size: int) -> None:
        """Raises ValueError where a group of the critic's minibatch deviation would have real and generated images."""
        if self.critic.minibatch_deviation and batch_size % DEVIATION_GROUP:
            raise ValueError(
                f"batch_size is a multiple of {DEVIATION_GROUP} where adversarial.critic.minibatch_deviation is true, "
                f"got {batch_size}; change one of them"
            )


class Opponent:
    """An Opponent is a critic in training: it learns to tell real from fake, and gives the generator its loss.

    It is a new one by `config`, or a copy of `taught`, which goes on learning.
    """

    def __init__(
        self,
        config: AdversarialConfig,
        images: Images,
        *,
        seed: int,
        compute: Compute,
        num_classes: int = 0,
        taught: Critic | None = None,
    ) -> None:
        self.compute = compute
        self.loss = ADVERSARIAL[config.loss]
        self.steps = config.steps
        critic = (
            copy.deepcopy(taught).train().requires_grad_(requires_grad=True)
            if taught
            else build_critic(
                config.critic, images, norm=config.norm, seed=seed_at(seed, "critic"), num_classes=num_classes
            )
        )
        self.critic = compute.place(critic)
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

    def batch(self, real: Shown, fake: Shown) -> Shown:
        """Returns what the critic learns from, real images before generated ones, augmented: (2B)CHW."""
        return self.shift(joined([real, replace(fake, images_BCHW=fake.images_BCHW.detach())]))

    def critic_loss(self, batch: Shown, scores_2B: Tensor) -> Tensor:
        """Returns the critic's loss on a batch and its scores of it, differentiable by its weights."""
        real_B, fake_B = scores_2B.chunk(2)
        loss = self.loss.critic(real_B, fake_B)
        if self.loss.gradient_penalty:
            mix_B = torch.rand(len(real_B), generator=self._mixing).to(batch.images_BCHW.device)
            real_BCHW, fake_BCHW = batch.images_BCHW.chunk(2)
            score = partial(self._score, classes_BK=_mixed(batch.classes_BK, mix_B))
            penalty = gradient_penalty(score, real_BCHW, fake_BCHW=fake_BCHW, mix_B=mix_B)
            loss = loss + self.loss.gradient_penalty * penalty
        return loss

    def shift(self, shown: Shown) -> Shown:
        """Returns the images, augmented."""
        if not self._max_shift:
            return shown
        offsets_2B = draw_offsets(len(shown.images_BCHW), self._max_shift, random=self._random)
        return replace(shown, images_BCHW=translated(shown.images_BCHW, offsets_2B, max_shift=self._max_shift))

    def _score(self, images_BCHW: Tensor, classes_BK: Tensor | None) -> Tensor:
        return _scores([self], [Shown(images_BCHW, classes_BK)])[0]


def _mixed(classes_2BK: Tensor | None, mix_B: Tensor) -> Tensor | None:
    """Returns the classes of images between real and generated ones, mixed as the images are."""
    if classes_2BK is None:
        return None
    real_BK, fake_BK = classes_2BK.chunk(2)
    return mix_B[:, None] * real_BK + (1 - mix_B[:, None]) * fake_BK


def learn_together(opponents: Sequence[Opponent], *, real: Sequence[Shown], fake: Sequence[Shown]) -> list[Tensor]:
    """Takes one step of each critic on its own images. Returns their losses, detached."""
    batches = [
        opponent.batch(own_real, own_fake) for opponent, own_real, own_fake in zip(opponents, real, fake, strict=True)
    ]
    losses = [
        opponent.critic_loss(batch, scores_2B)
        for opponent, batch, scores_2B in zip(opponents, batches, _scores(opponents, batches), strict=True)
    ]
    step_together([opponent.optimiser for opponent in opponents], losses)
    return [loss.detach() for loss in losses]


def generator_losses(opponents: Sequence[Opponent], fake: Sequence[Shown]) -> list[Tensor]:
    """Returns the adversarial loss of each opponent's generator, differentiable by the images only."""
    with frozen([opponent.critic for opponent in opponents]):
        shifted = [opponent.shift(shown) for opponent, shown in zip(opponents, fake, strict=True)]
        scores = _scores(opponents, shifted)
    return [opponent.loss.generator(scores_B) for opponent, scores_B in zip(opponents, scores, strict=True)]


def _scores(opponents: Sequence[Opponent], shown: Sequence[Shown]) -> list[Tensor]:
    with opponents[0].compute.forward_passes():
        scores = run_critics([opponent.critic for opponent in opponents], shown)
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
