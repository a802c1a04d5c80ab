"""This module distils a student: it learns to map the teacher's inputs to the teacher's images."""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from gan.compute import CPU, Compute
from gan.networks.bits import FLOAT_BITS, begin_rounding, prepare_rounding
from gan.networks.dcgan import GeneratorConfig
from gan.networks.pruning import start_pruned
from gan.networks.together import Shown, joined
from gan.seeds import generator_at
from gan.training.checkpoint import Checkpoint, Part
from gan.training.critic_features import CriticFeatures
from gan.training.fitting import require_fitting
from gan.training.lesson import DistillationConfig, Lesson
from gan.training.loop import Progress, alone, run_loop
from gan.training.losses import PIXELS, feature_matching, joint_loss
from gan.training.member import Batch, CriticTerms, Member, Turn
from gan.training.step import Step

ROUNDED_FROM = 0.5  # of the budget: what weights of few bits are rounded from is mostly learnt by then
CRITIC_LEAD = 0.05  # of the budget: so long a critic learns before it judges a student that began without it


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
        if config.start == "pruned":
            assert lesson.teacher, "which require_fitting requires"
            start_pruned(self.generator, lesson.teacher)
        prepare_rounding(self.generator, config.bits)
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
        if self._config.bits != FLOAT_BITS and share >= ROUNDED_FROM and not self.is_rounding:
            begin_rounding(self.generator)
            self.is_rounding = True
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
