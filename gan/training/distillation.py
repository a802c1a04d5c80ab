"""This module distils a student: it learns to map the teacher's inputs to the teacher's images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from gan.compute import CPU, Compute
from gan.config import Config
from gan.datasets import ImageDataset
from gan.errors import GanError
from gan.networks.dcgan import GeneratorConfig
from gan.seeds import generator_at
from gan.training.adversarial import AdversarialConfig
from gan.training.checkpoint import Checkpoint, Part
from gan.training.loop import Progress, alone, run_loop
from gan.training.losses import Features, feature_matching, joint_loss
from gan.training.member import Batch, CriticTerms, Member
from gan.training.optimisation import OptimiserConfig
from gan.training.step import Step
from gan.training.teacher_pool import TeacherPool

GanWeight = Annotated[float, Field(ge=0, lt=1)]


class DistillationConfig(Config):
    """A DistillationConfig says how a student is distilled. Budgets and half-lives are in thousands of images.

    `gan_weight` is the paper's a: 0 is the MSE scheme, which needs no critic; above 0 the joint scheme.
    `feature_weight` adds feature matching (not in the paper): the mean squared difference to the
    teacher's images in the extractor's features. A FID of the same features then flatters the student.

    >>> DistillationConfig(kimg=40.0, gan_weight=0.02).ema_halflife_kimg
    2.0
    """

    kimg: Annotated[float, Field(gt=0, le=1e6)]
    gan_weight: GanWeight = 0.0
    feature_weight: Annotated[float, Field(ge=0, le=1000)] = 0.0
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


@dataclass(frozen=True)
class Lesson:
    """A Lesson is what a student learns from: a teacher's pool, real images for its critic, and features to match.

    The real images of `dataset` are seen only by the joint scheme's critic. `features` maps images BCHW in [-1, 1] to
    BF, differentiably, on the device; a feature_weight above 0 needs it.

    >>> len(lesson.pool), lesson.features is None
    (256, True)
    """

    pool: TeacherPool
    dataset: ImageDataset
    _: KW_ONLY
    features: Features | None = None


class DistilledMember(Member):
    """A student learns to make its teacher's images and, in the joint scheme, to pass the critic."""

    def __init__(
        self, architecture: GeneratorConfig, config: DistillationConfig, *, lesson: Lesson, seed: int, compute: Compute
    ) -> None:
        has_critic = config.gan_weight > 0
        super().__init__(
            architecture, config, dataset=lesson.dataset, seed=seed, compute=compute, has_critic=has_critic
        )
        self._config = config
        self._features = lesson.features if config.feature_weight > 0 else None
        random = generator_at(seed, "pool batches")
        self._pool_batches = lesson.pool.batches(config.batch_size, random, device=compute.torch_device)

    def parts(self) -> Mapping[str, Part]:
        return {**super().parts(), "pool_batches": self._pool_batches}

    def draw(self) -> Batch:
        return Batch(*next(self._pool_batches))

    def losses(
        self, images_BCHW: Tensor, batch: Batch, *, terms: CriticTerms | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.wanted_BCHW is not None, "a pool has the teacher's images"
        total = F.mse_loss(images_BCHW, batch.wanted_BCHW)
        losses = {"mse": total.detach()}
        if terms:
            losses |= terms.detached()
            total = joint_loss(terms.generator_loss, total, gan_weight=self._config.gan_weight)
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
    one batch, or features are missing.

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
