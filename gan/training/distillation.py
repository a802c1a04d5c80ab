"""Distilling a student: it learns to map the teacher's latents to the teacher's images."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gan.compute import CPU, Compute
from gan.config import Config
from gan.datasets import ImageDataset
from gan.errors import GanError
from gan.images import draw_batch
from gan.networks.dcgan import GeneratorConfig, build_generator
from gan.seeds import generator_at, seed_at
from gan.training.adversarial import AdversarialConfig, Opponent
from gan.training.checkpoint import Checkpoint, Part, Stream, Weights
from gan.training.loop import Progress, TrainingStep, run_loop
from gan.training.losses import Features, feature_matching, joint_loss
from gan.training.optimisation import OptimiserConfig, ScheduledOptimiser
from gan.training.teacher_pool import TeacherPool

GanWeight = Annotated[float, Field(ge=0, lt=1)]


class DistillationConfig(Config):
    """How a student is distilled. Budgets and half-lives are in thousands of images.

    `gan_weight` is the paper's a: 0 is the MSE scheme, which needs no critic; above 0 the joint scheme.
    `feature_weight` adds feature matching (not in the paper): the mean squared difference to the
    teacher's images in the extractor's features. A FID of the same features then flatters the student.
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


class DistillationStep(TrainingStep):
    """One step towards the teacher's images and, in the joint scheme, past the critic."""

    def __init__(
        self,
        architecture: GeneratorConfig,
        config: DistillationConfig,
        pool: TeacherPool,
        dataset: ImageDataset,
        seed: int,
        compute: Compute,
        features: Features | None,
    ) -> None:
        self.batch_size = config.batch_size
        self.compute = compute
        self.generator = compute.place(build_generator(architecture, seed_at(seed, "generator"))).train()
        self._gan_weight, self._feature_weight, self._features = config.gan_weight, config.feature_weight, features
        self.optimiser = ScheduledOptimiser(config.optimiser, self.generator)
        self.opponent: Opponent | None = None
        if config.gan_weight > 0:
            self.opponent = Opponent(config.adversarial, architecture, seed, compute)
        self._pool_batches = pool.batches(config.batch_size, generator_at(seed, "pool batches"), compute.torch_device)
        self._real_images = dataset.train_images
        self._real_batches = generator_at(seed, "batches")

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        self.optimiser.set_progress(kimg, budget_kimg)
        if self.opponent:
            self.opponent.set_progress(kimg, budget_kimg)

    def parts(self) -> Mapping[str, Part]:
        parts: dict[str, Part] = {
            "generator": Weights(self.generator),
            "optimiser": self.optimiser,
            "pool_batches": self._pool_batches,
            "batches": Stream(self._real_batches),
        }
        return {**parts, **(self.opponent.parts() if self.opponent else {})}

    def __call__(self) -> dict[str, Tensor]:
        critic_loss, gan_term = None, None
        # The critic's steps before the one that shares the generator's batch.
        for _ in range(self.opponent.steps - 1 if self.opponent else 0):
            assert self.opponent
            with torch.no_grad():
                student_BCHW = self._generate(self.draw()[0])
            self.opponent.learn(self.draw_real(), student_BCHW)
        latents_BL, teacher_BCHW = self.draw()
        student_BCHW = self._generate(latents_BL)
        if self.opponent:
            critic_loss = self.opponent.learn(self.draw_real(), student_BCHW)
            gan_term = self.opponent.generator_loss(student_BCHW)
        total, losses = self.losses(student_BCHW, teacher_BCHW, critic_loss, gan_term)
        self.optimiser.step(total)
        return losses

    def draw(self) -> tuple[Tensor, Tensor]:
        """Latents BL and the teacher's images BCHW of them."""
        return next(self._pool_batches)

    def draw_real(self) -> Tensor:
        """Real images BCHW."""
        return draw_batch(self._real_images, self.batch_size, self._real_batches, self.compute.torch_device)

    def losses(
        self, student_BCHW: Tensor, teacher_BCHW: Tensor, critic_loss: Tensor | None, gan_term: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss, and all that it consists of, detached."""
        total = F.mse_loss(student_BCHW, teacher_BCHW)
        losses = {"mse": total.detach()}
        if critic_loss is not None and gan_term is not None:
            losses |= {"critic_loss": critic_loss, "generator_loss": gan_term.detach()}
            total = joint_loss(gan_term, total, self._gan_weight)
        if self._features:
            feature_term = feature_matching(self._features, student_BCHW, teacher_BCHW)
            losses["feature_matching"] = feature_term.detach()
            total = total + self._feature_weight * feature_term
        return total, losses

    def _generate(self, latents_BL: Tensor) -> Tensor:
        with self.compute.forward_passes():
            student_BCHW: Tensor = self.generator(latents_BL)
        return student_BCHW.float()


def distill(
    architecture: GeneratorConfig,
    config: DistillationConfig,
    pool: TeacherPool,
    dataset: ImageDataset,
    seed: int,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
    features: Features | None = None,
    resume: Checkpoint | None = None,
) -> Iterator[Progress]:
    """Distil a student of `architecture` from the teacher's `pool`.

    The real images of `dataset` are seen only by the joint scheme's critic. `features` maps images BCHW
    in [-1, 1] to BF, differentiably, on the device; a feature_weight above 0 needs it. Yields Progress at each of
    `report_at_kimg` (thousands of images) and at the end. The result depends on the arguments alone,
    given one machine and one number of threads, and not on whether it was reached in one go or by way of
    `resume`. Raises GanError when the student's latent or image shape is not the teacher's, the pool holds
    less than one batch, or features are missing.
    """
    require_fitting(architecture, config, pool, dataset, features)
    used = features if config.feature_weight > 0 else None
    step = DistillationStep(architecture, config, pool, dataset, seed, compute, used)
    return run_loop(step, config.kimg, config.ema_halflife_kimg, report_at_kimg, resume)


def require_fitting(
    architecture: GeneratorConfig,
    config: DistillationConfig,
    pool: TeacherPool,
    dataset: ImageDataset,
    features: Features | None,
) -> None:
    """Raise GanError where the student cannot be distilled from the pool."""
    dataset.require_shape(architecture.image_channels, architecture.image_size)
    student_shape = (architecture.latent_size, architecture.image_channels, architecture.image_size)
    if student_shape != (pool.latent_size, *pool.image_shape[:2]):
        raise GanError(
            "A student has its teacher's latent size, image channels and image size "
            f"{(pool.latent_size, *pool.image_shape[:2])}",
            student_shape,
            "Set latent_size, image_channels and image_size of the student to the teacher's.",
        )
    if len(pool) < config.batch_size:
        raise GanError(
            f"A teacher pool holds at least one batch of {config.batch_size} images",
            len(pool),
            "Raise teacher.pool_size or lower student.batch_size.",
        )
    if config.feature_weight > 0 and features is None:
        raise GanError("Feature matching needs a feature extractor", "none", "Give features, or set feature_weight: 0.")
