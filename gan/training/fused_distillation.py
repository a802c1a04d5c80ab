"""This module distils several students of one architecture in one process, a step of all of them at a time.

They may differ in seed, GAN weight, feature weight and optimisers. Each has its own weights, critic, batches and
schedule, and its own result: that of `gan.distill` but for rounding, which training amplifies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

from gan.compute import CPU, Compute
from gan.errors import GanError
from gan.networks.dcgan import GeneratorConfig
from gan.training.adversarial import AdversarialConfig
from gan.training.checkpoint import Checkpoint
from gan.training.distillation import DistilledMember
from gan.training.fitting import require_fitting
from gan.training.lesson import DistillationConfig, Lesson
from gan.training.loop import Progress, run_loop
from gan.training.optimisation import OptimiserConfig
from gan.training.step import Step


def fusing_kind(config: DistillationConfig) -> DistillationConfig:
    """Returns the recipe without what each student may have of its own: those with equal ones may be fused.

    >>> one, other = DistillationConfig(kimg=1.0, gan_weight=0.1), DistillationConfig(kimg=1.0, gan_weight=0.3)
    >>> fusing_kind(one) == fusing_kind(other)
    True
    """
    optimiser = OptimiserConfig(learning_rate=1.0)
    adversarial = config.adversarial.model_copy(update={"optimiser": optimiser})
    return config.model_copy(
        update={
            "gan_weight": 0.5 if config.gan_weight else 0.0,
            "feature_weight": 1.0 if config.feature_weight else 0.0,
            "critic_features": 1.0 if config.matches_critic else 0.0,
            "pixel_weight": 1.0,
            "start": "random",
            "optimiser": optimiser,
            "adversarial": adversarial if config.gan_weight else AdversarialConfig(),
        }
    )


@dataclass(frozen=True)
class Student:
    """A Student among fused ones has a recipe and a seed of its own, and may go on from a checkpoint.

    >>> Student(DistillationConfig(kimg=1.0), seed=3).resume is None
    True
    """

    config: DistillationConfig
    seed: int
    _: KW_ONLY
    resume: Checkpoint | None = None


def distill_fused(
    architecture: GeneratorConfig,
    students: Sequence[Student],
    *,
    lesson: Lesson,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
) -> Iterator[tuple[Progress, ...]]:
    """Distils all `students`, each of `architecture`, from one lesson; arguments as for `gan.distill`.

    Yields the students' Progress together, at each of `report_at_kimg` and at the end; one that diverged goes
    along and says so. A student's result depends on its own config and seed and on how many are fused, not on the
    others. Raises GanError where `gan.distill` does, and for configs of different `fusing_kind`.

    >>> students = [Student(DistillationConfig(kimg=0.064), seed) for seed in (1, 2)]
    >>> [(first, second)] = distill_fused(student, students, lesson=lesson)
    >>> first.kimg, second.kimg
    (0.064, 0.064)
    """
    configs = [student.config for student in students]
    if len({fusing_kind(config) for config in configs}) != 1:
        raise GanError(
            "Fused students have one recipe but for weights, seeds and learning rates",
            [config.model_dump(mode="json", exclude_defaults=True) for config in configs],
            "Distil them apart.",
        )
    for config in configs:
        require_fitting(architecture, config, lesson=lesson)
    members = [
        DistilledMember(architecture, student.config, lesson=lesson, seed=student.seed, compute=compute)
        for student in students
    ]
    checkpoints = [student.resume for student in students]
    return run_loop(Step(members), configs[0], report_at_kimg=report_at_kimg, resume=checkpoints)
