"""Distilling several students of one architecture in one process, a step of all of them at a time.

They may differ in seed, GAN weight, feature weight and optimisers. Each has its own weights, critic, batches and
schedule, and its own result: that of `gan.distill` but for rounding, which training amplifies.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gan.compute import CPU, Compute
from gan.datasets import ImageDataset
from gan.errors import GanError
from gan.networks.dcgan import GeneratorConfig
from gan.networks.fused_layers import apart, run_fused, side_by_side
from gan.training.adversarial import AdversarialConfig, frozen
from gan.training.checkpoint import Checkpoint
from gan.training.distillation import DistillationConfig, DistillationStep, require_fitting
from gan.training.loop import Progress, run_fused_loop
from gan.training.losses import Features
from gan.training.optimisation import OptimiserConfig, step_together
from gan.training.teacher_pool import TeacherPool


def fusing_kind(config: DistillationConfig) -> DistillationConfig:
    """Students may be fused where this is equal: the recipe without what each may have of its own."""
    optimiser = OptimiserConfig(learning_rate=1.0)
    adversarial = config.adversarial.model_copy(update={"optimiser": optimiser})
    return config.model_copy(
        update={
            "gan_weight": 0.5 if config.gan_weight else 0.0,
            "feature_weight": 1.0 if config.feature_weight else 0.0,
            "optimiser": optimiser,
            "adversarial": adversarial if config.gan_weight else AdversarialConfig(),
        }
    )


def distill_fused(
    architecture: GeneratorConfig,
    configs: Sequence[DistillationConfig],
    seeds: Sequence[int],
    pool: TeacherPool,
    dataset: ImageDataset,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
    features: Features | None = None,
    resume: Sequence[Checkpoint | None] = (),
) -> Iterator[tuple[Progress, ...]]:
    """Distil a student of `architecture` for each of `configs` with its seed; arguments as for `gan.distill`.

    Yields the students' Progress together, at each of `report_at_kimg` and at the end; one that diverged goes
    along and says so. A student's result depends on its own config and seed and on how many are fused, not on the
    others. Raises GanError where `gan.distill` does, and for configs of different `fusing_kind`.
    """
    if len({fusing_kind(config) for config in configs}) != 1:
        raise GanError(
            "Fused students have one recipe but for weights, seeds and learning rates",
            [config.model_dump(mode="json", exclude_defaults=True) for config in configs],
            "Distil them apart.",
        )
    for config in configs:
        require_fitting(architecture, config, pool, dataset, features)
    used = features if configs[0].feature_weight > 0 else None
    members = [
        DistillationStep(architecture, config, pool, dataset, seed, compute, used)
        for config, seed in zip(configs, seeds, strict=True)
    ]
    first = configs[0]
    return run_fused_loop(
        _FusedStep(members, compute),
        members,
        first.kimg,
        first.ema_halflife_kimg,
        report_at_kimg,
        resume or [None] * len(members),
    )


class _FusedStep:
    """One step of all members."""

    def __init__(self, members: Sequence[DistillationStep], compute: Compute) -> None:
        self._members, self._compute = members, compute
        self._opponents = [member.opponent for member in members if member.opponent]

    def __call__(self) -> list[dict[str, Tensor]]:
        critic_losses: Sequence[Tensor | None] = [None] * len(self._members)
        gan_terms = critic_losses
        for _ in range(self._opponents[0].steps - 1 if self._opponents else 0):
            with torch.no_grad():
                students = self._generate([member.draw()[0] for member in self._members])
            self._learn(students)
        batches = [member.draw() for member in self._members]
        students = self._generate([latents_BL for latents_BL, _ in batches])
        if self._opponents:
            critic_losses = self._learn(students)
            gan_terms = self._generator_losses(students)
        found = [
            member.losses(student_BCHW, teacher_BCHW, critic_loss, gan_term)
            for member, student_BCHW, (_, teacher_BCHW), critic_loss, gan_term in zip(
                self._members, students, batches, critic_losses, gan_terms, strict=True
            )
        ]
        step_together([member.optimiser for member in self._members], _sum([total for total, _ in found]))
        return [losses for _, losses in found]

    def _generate(self, latents: Sequence[Tensor]) -> tuple[Tensor, ...]:
        inputs = side_by_side([latents_BL[:, :, None, None] for latents_BL in latents])
        with self._compute.forward_passes():
            images = torch.tanh(run_fused([member.generator.layers for member in self._members], inputs))
        return apart(images.float(), len(self._members))

    def _learn(self, students: Sequence[Tensor]) -> list[Tensor]:
        """A step of each critic. Returns their losses, detached."""
        batches = [
            opponent.batch(member.draw_real(), student_BCHW)
            for opponent, member, student_BCHW in zip(self._opponents, self._members, students, strict=True)
        ]
        losses = [
            opponent.critic_loss(batch, scores_2B)
            for opponent, batch, scores_2B in zip(self._opponents, batches, self._scores(batches), strict=True)
        ]
        step_together([opponent.optimiser for opponent in self._opponents], _sum(losses))
        return [loss.detach() for loss in losses]

    def _generator_losses(self, students: Sequence[Tensor]) -> list[Tensor]:
        with frozen([opponent.critic for opponent in self._opponents]):
            scores = self._scores(
                [opponent.shift(images) for opponent, images in zip(self._opponents, students, strict=True)]
            )
        return [opponent.loss.generator(scores_B) for opponent, scores_B in zip(self._opponents, scores, strict=True)]

    def _scores(self, batches: Sequence[Tensor]) -> list[Tensor]:
        with self._compute.forward_passes():
            scores_BK11 = run_fused([opponent.critic.layers for opponent in self._opponents], side_by_side(batches))
        return [scores.flatten() for scores in apart(scores_BK11.float(), len(batches))]


def _sum(losses: Sequence[Tensor]) -> Tensor:
    # Gradients do not mix: each loss depends on the weights of one student.
    return torch.stack(list(losses)).sum()
