"""This module distils a student: it learns to map the teacher's inputs to the teacher's images."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor

from gan.compute import CPU, Compute
from gan.config import Config
from gan.datasets import ImageDataset
from gan.errors import GanError
from gan.networks.critic import DEVIATION_GROUP, Critic
from gan.networks.dcgan import GeneratorConfig
from gan.networks.together import Shown, joined
from gan.seeds import generator_at
from gan.training.adversarial import AdversarialConfig
from gan.training.checkpoint import Checkpoint, Part
from gan.training.critic_features import CriticFeatures
from gan.training.loop import Progress, alone, run_loop
from gan.training.losses import PIXELS, Features, PixelsName, feature_matching, joint_loss
from gan.training.member import Batch, CriticTerms, Member, Turn
from gan.training.optimisation import OptimiserConfig
from gan.training.step import Step
from gan.training.teacher_pool import TeacherPool

GanWeight = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, le=1000)]

CRITIC_LEAD = 0.05  # of the budget: so long a critic learns before it judges a student that began without it


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
    step only, and as much more there, as lazy regularisation does (Karras et al., 2020).

    >>> DistillationConfig(kimg=40.0, gan_weight=0.02).ema_halflife_kimg
    2.0
    >>> DistillationConfig(kimg=40.0, critic_features=0.1, gan_weight=0.05, opponent="teacher").needs_critic
    True
    """

    kimg: Annotated[float, Field(gt=0, le=1e6)]
    gan_weight: GanWeight = 0.0
    feature_weight: Weight = 0.0
    pixels: PixelsName = Field(default="mse", exclude_if=partial(operator.eq, "mse"))
    pixel_weight: Weight = Field(default=1.0, exclude_if=partial(operator.eq, 1.0))
    critic_features: Weight | Annotated[tuple[Weight, ...], Field(min_length=1)] = Field(
        default=0.0, exclude_if=partial(operator.eq, 0.0)
    )
    opponent: Literal["fresh", "teacher"] = Field(default="fresh", exclude_if=partial(operator.eq, "fresh"))
    real: Literal["data", "teacher", "both"] = Field(default="data", exclude_if=partial(operator.eq, "data"))
    gan_from: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, exclude_if=partial(operator.eq, 0.0))
    gan_every: Annotated[int, Field(ge=1, le=100)] = Field(default=1, exclude_if=partial(operator.eq, 1))
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=1e-2, beta1=0.9, beta2=0.99, warmup_kimg=2.0, final_fraction=0.0
    )
    adversarial: AdversarialConfig = AdversarialConfig()
    ema_halflife_kimg: Annotated[float, Field(ge=0)] = 2.0

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
    against; it is left as it is.

    >>> len(lesson.pool), lesson.features is None
    (256, True)
    """

    pool: TeacherPool
    dataset: ImageDataset
    _: KW_ONLY
    features: Features | None = None
    critic: Critic | None = None


class DistilledMember(Member):
    """A student learns to make its teacher's images and, in the joint scheme, to pass the critic."""

    def __init__(
        self, architecture: GeneratorConfig, config: DistillationConfig, *, lesson: Lesson, seed: int, compute: Compute
    ) -> None:
        has_critic = config.gan_weight > 0
        super().__init__(
            architecture,
            config,
            dataset=lesson.dataset,
            seed=seed,
            compute=compute,
            has_critic=has_critic,
            taught=lesson.critic if config.opponent == "teacher" else None,
        )
        self._config = config
        self._features = lesson.features if config.feature_weight > 0 else None
        random = generator_at(seed, "pool batches")
        self._pool_batches = lesson.pool.batches(config.batch_size, random, device=compute.torch_device)
        self._critic_features: CriticFeatures | None = None
        if config.matches_critic:
            assert lesson.critic, "which require_fitting requires"
            self._critic_features = CriticFeatures(
                lesson.critic, config.critic_features, pool=lesson.pool, compute=compute
            )

    def parts(self) -> Mapping[str, Part]:
        return {**super().parts(), "pool_batches": self._pool_batches}

    def draw(self) -> Batch:
        return Batch(*next(self._pool_batches))

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        super().set_progress(kimg, budget_kimg)
        share, begins = kimg / budget_kimg, self._config.gan_from
        learns = self.turn.learns and share >= begins - CRITIC_LEAD
        self.turn = Turn(learns=learns, judges=share >= begins and self.is_turn(self._config.gan_every))

    def real(self, batch: Batch) -> Shown:
        if self._config.real == "data":
            return super().real(batch)
        assert batch.wanted_BCHW is not None, "a pool has the teacher's images"
        if self._config.real == "teacher":
            return self.shown(batch.wanted_BCHW, batch)
        half = len(batch.inputs_BI) // 2
        teachers = Batch(batch.inputs_BI[half:], batch.wanted_BCHW[half:])
        return joined([self._draw_real(half), self.shown(batch.wanted_BCHW[half:], teachers)])

    def losses(self, images_BCHW: Tensor, batch: Batch, *, terms: CriticTerms) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.wanted_BCHW is not None, "a pool has the teacher's images"
        pixels = PIXELS[self._config.pixels](images_BCHW, batch.wanted_BCHW)
        total = self._config.pixel_weight * pixels
        losses = {self._config.pixels: pixels.detach(), **terms.detached()}
        if self._critic_features:
            critic_term = self._critic_features.distance(images_BCHW, batch.wanted_BCHW)
            losses["critic_features"] = critic_term.detach()
            total = total + critic_term
        if terms.generator_loss is not None:
            gan_term = self._config.gan_every * terms.generator_loss
            total = joint_loss(gan_term, total, gan_weight=self._config.gan_weight)
        elif self._config.gan_weight:
            total = (1 - self._config.gan_weight) * total
        if self._features:
            feature_term = feature_matching(self._features, images_BCHW, teacher_BCHW=batch.wanted_BCHW)
            losses["feature_matching"] = feature_term.detach()
            total = total + self._config.feature_weight * feature_term
        return total, losses


def distill(
    architecture: GeneratorConfig,
    config: DistillationConfig,
    *,
    lesson: Lesson,
    seed: int,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
    resume: Checkpoint | None = None,
) -> Iterator[Progress]:
    """Distils a student of `architecture` from the teacher of `lesson`.

    Yields Progress at each of `report_at_kimg` (thousands of images) and at the end. The result depends on the
    arguments alone, given one machine and one number of threads, and not on whether it was reached in one go or by way
    of `resume`. Raises GanError when the student's latent or image shape is not the teacher's, the pool holds less than
    one batch, or features or the teacher's critic are missing or do not fit.

    >>> recipe = DistillationConfig(kimg=0.256, gan_weight=0.02)
    >>> [progress.kimg for progress in distill(student, recipe, lesson=lesson, seed=0, report_at_kimg=[0.1])]
    [0.128, 0.256]
    """
    require_fitting(architecture, config, lesson=lesson)
    student = DistilledMember(architecture, config, lesson=lesson, seed=seed, compute=compute)
    return alone(run_loop(Step([student]), config, report_at_kimg=report_at_kimg, resume=[resume]))


def require_fitting(architecture: GeneratorConfig, config: DistillationConfig, *, lesson: Lesson) -> None:
    """Raises GanError where the student cannot be distilled from the lesson."""
    pool = lesson.pool
    lesson.dataset.require_shape(architecture.image_channels, architecture.image_size)
    student_shape = (architecture.input_size, architecture.image_channels, architecture.image_size)
    if student_shape != (pool.input_size, *pool.image_shape[:2]):
        raise GanError(
            "A student has its teacher's latent size and classes, image channels and image size "
            f"{(pool.input_size, *pool.image_shape[:2])}",
            student_shape,
            "Set latent_size, num_classes, image_channels and image_size of the student to the teacher's.",
        )
    if len(pool) < config.batch_size:
        raise GanError(
            f"A teacher pool holds at least one batch of {config.batch_size} images",
            len(pool),
            "Raise teacher.pool_size or lower student.batch_size.",
        )
    if config.feature_weight > 0 and lesson.features is None:
        raise GanError("Feature matching needs a feature extractor", "none", "Give features, or set feature_weight: 0.")
    if config.needs_critic:
        require_critic(architecture, config, lesson=lesson)


def require_critic(architecture: GeneratorConfig, config: DistillationConfig, *, lesson: Lesson) -> None:
    """Raises GanError where the lesson has no critic, or one that the recipe cannot use."""
    critic = lesson.critic
    if critic is None:
        raise GanError(
            "Critic features above 0 and the opponent teacher need the critic that the teacher learned against",
            "none",
            "Give one, or set critic_features: 0 and opponent: fresh.",
        )
    shape, wanted = (critic.image_channels, critic.image_size), (architecture.image_channels, architecture.image_size)
    if shape != wanted:
        raise GanError(
            f"The teacher's critic judges the teacher's images, of the channels and size {wanted}",
            shape,
            "Give the critic of this teacher.",
        )
    weights = config.critic_features
    if isinstance(weights, tuple) and len(weights) != critic.num_maps:
        raise GanError(
            f"critic_features has one weight, or one for each of the critic's {critic.num_maps} layers",
            f"{len(weights)} weights",
            "Write as many, or one for all.",
        )
    if config.gan_weight > 0 and config.opponent == "teacher":
        _require_opponent(critic, architecture, config=config, lesson=lesson)


def _require_opponent(
    critic: Critic, architecture: GeneratorConfig, *, config: DistillationConfig, lesson: Lesson
) -> None:
    if critic.norm != config.adversarial.norm:
        raise GanError(
            f"A critic goes on learning with the norm that it learned with, {critic.norm}",
            f"the loss {config.adversarial.loss}, whose norm is {config.adversarial.norm}",
            "Choose the loss of the teacher's training, or set opponent: fresh.",
        )
    if critic.config.minibatch_deviation and config.batch_size % DEVIATION_GROUP:
        raise GanError(
            f"A batch is a multiple of {DEVIATION_GROUP} for a critic with minibatch deviation, as the teacher's is",
            config.batch_size,
            "Change batch_size, or set opponent: fresh.",
        )
    known = {
        architecture.num_classes,
        architecture.num_classes if config.real == "teacher" else lesson.dataset.num_classes,
    }
    if critic.num_classes and known != {critic.num_classes}:
        raise GanError(
            f"A critic of {critic.num_classes} classes is shown as many, of the student's images and of real ones",
            f"{architecture.num_classes} and {lesson.dataset.num_classes}",
            "Give a critic without classes, or set opponent: fresh.",
        )
