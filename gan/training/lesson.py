"""This module states what a student is to learn, and from what."""

import operator
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from gan.config import Config
from gan.datasets import ImageDataset
from gan.networks.bits import FLOAT_BITS, Bits
from gan.networks.critic import Critic
from gan.networks.dcgan import Generator
from gan.training.adversarial import AdversarialConfig
from gan.training.losses import Features, PixelsName
from gan.training.optimisation import BatchNormStatistics, OptimiserConfig
from gan.training.teacher_pool import TeacherPool

GanWeight = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, le=1000)]


def _one_or_each(value: object) -> str:
    return "each" if isinstance(value, list | tuple) else "one"


# Told apart by a tag, so that a mistake is one of the weight or of the list, and not of both.
LayerWeights = Annotated[
    Annotated[Weight, Tag("one")] | Annotated[tuple[Weight, ...], Field(min_length=1), Tag("each")],
    Discriminator(_one_or_each),
]


class DistillationConfig(Config):
    """A DistillationConfig says how a student is distilled. Budgets and half-lives are in thousands of images.

    `gan_weight` is the paper's a: 0 is the MSE scheme, which needs no critic; above 0 the joint scheme.
    `feature_weight` adds feature matching (not in the paper): the mean squared difference to the
    teacher's images in the extractor's features. A FID of the same features then flatters the student.

    What follows is not in the paper either. A student reproduces the teacher's images by `pixel_weight` times their
    distance in `pixels` and by `critic_features` times that in what the teacher's critic sees, in each of its layers
    alike or with a weight for each. Its `opponent` is a fresh critic or a copy of the teacher's, which goes on
    learning, and takes for `real` images of the data set, the teacher's, or half of both. The GAN term comes in after
    the share `gan_from` of the budget; shortly before, its critic begins to learn. It counts at every `gan_every`-th
    step only, and as much more there, as lazy regularisation does (Karras et al., 2020). A student's first weights are
    `random`, or of `start: pruned` those of its teacher's most used channels. With `bits` below 32 it
    learns the second half of its budget with weights that are rounded to so many bits, each channel's to multiples of a
    scale of its own, and ends with them. `batchnorm_statistics` are those of GanTrainingConfig.

    >>> DistillationConfig(kimg=40.0, gan_weight=0.02).ema_halflife_kimg
    2.0
    >>> DistillationConfig(kimg=40.0, critic_features=0.1, gan_weight=0.05, opponent="teacher").scheme
    "critic features 0.1 + teacher's critic"
    """

    kimg: Annotated[float, Field(gt=0, le=1e6)]
    gan_weight: GanWeight = 0.0
    feature_weight: Weight = 0.0
    pixels: PixelsName = Field(default="mse", exclude_if=partial(operator.eq, "mse"))
    pixel_weight: Weight = Field(default=1.0, exclude_if=partial(operator.eq, 1.0))
    critic_features: LayerWeights = Field(default=0.0, exclude_if=partial(operator.eq, 0.0))
    opponent: Literal["fresh", "teacher"] = Field(default="fresh", exclude_if=partial(operator.eq, "fresh"))
    real: Literal["data", "teacher", "both"] = Field(default="data", exclude_if=partial(operator.eq, "data"))
    gan_from: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, exclude_if=partial(operator.eq, 0.0))
    gan_every: Annotated[int, Field(ge=1, le=100)] = Field(default=1, exclude_if=partial(operator.eq, 1))
    start: Literal["random", "pruned"] = Field(default="random", exclude_if=partial(operator.eq, "random"))
    bits: Bits = Field(default=FLOAT_BITS, exclude_if=partial(operator.eq, FLOAT_BITS))
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=1e-2, beta1=0.9, beta2=0.99, warmup_kimg=2.0, final_fraction=0.0
    )
    adversarial: AdversarialConfig = AdversarialConfig()
    ema_halflife_kimg: Annotated[float, Field(ge=0)] = 2.0
    batchnorm_statistics: BatchNormStatistics = "standing"

    @model_validator(mode="after")
    def _has_whole_groups(self) -> "DistillationConfig":
        if self.gan_weight:
            self.adversarial.require_whole_groups(self.batch_size)
        return self

    @model_validator(mode="after")
    def _learns_something(self) -> "DistillationConfig":
        if not (self.pixel_weight or self.matches_critic or self.feature_weight):
            raise ValueError(
                "pixel_weight above 0, critic_features or feature_weight make a student learn from its teacher, "
                "got 0 for all; raise one of them"
            )
        return self

    @property
    def scheme(self) -> str:
        """Returns in words what the recipe has beside MSE and a plain GAN term; nothing for the paper's two schemes."""
        start = ["pruned start"] if self.start == "pruned" else []
        bits = [f"{self.bits} bits"] if self.bits != FLOAT_BITS else []
        gan_term = _of_gan_term(self) if self.gan_weight else ()
        return " + ".join([*start, *_of_reproduction(self), *gan_term, *bits])

    @property
    def matches_critic(self) -> bool:
        """Returns whether features of the teacher's critic are matched."""
        weights = self.critic_features
        return any(weights) if isinstance(weights, tuple) else weights > 0

    @property
    def needs_critic(self) -> bool:
        """Returns whether the teacher's critic is needed: to match its features, or as the opponent."""
        return self.matches_critic or (self.gan_weight > 0 and self.opponent == "teacher")


@dataclass(frozen=True)
class Lesson:
    """A Lesson is what a student learns from: a teacher's pool, real images for its critic, and features to match.

    The real images of `dataset` are seen only by the joint scheme's critic. `features` maps images BCHW in [-1, 1] to
    BF, differentiably, on the device; a feature_weight above 0 needs it. `critic` is the one that the teacher learned
    against, and `teacher` the generator, which a student that starts pruned needs; both are left as they are.

    >>> len(lesson.pool), lesson.features is None
    (256, True)
    """

    pool: TeacherPool
    dataset: ImageDataset
    _: KW_ONLY
    features: Features | None = None
    critic: Critic | None = None
    teacher: Generator | None = None


def _of_reproduction(config: DistillationConfig) -> Iterator[str]:
    if config.pixel_weight == 0:
        yield "no pixels"
    elif config.pixels != "mse" or config.pixel_weight != 1:
        yield config.pixels + (f" {config.pixel_weight:g}" if config.pixel_weight != 1 else "")
    weights = config.critic_features
    if not config.matches_critic:
        return
    if isinstance(weights, tuple):
        yield f"critic features {'/'.join(f'{weight:g}' for weight in weights)}"
    else:
        yield f"critic features {weights:g}"


def _of_gan_term(config: DistillationConfig) -> Iterator[str]:
    if config.opponent == "teacher":
        yield "teacher's critic"
    if config.real != "data":
        yield "teacher's images as real" if config.real == "teacher" else "teacher's images as real too"
    if config.gan_from:
        yield f"GAN term from {config.gan_from:.0%}"
    if config.gan_every > 1:
        yield f"GAN term every {config.gan_every}"
    if config.adversarial.critic_every > 1:
        yield f"critic every {config.adversarial.critic_every}"
