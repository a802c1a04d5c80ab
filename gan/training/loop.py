"""This module is the one training loop, counted in images.

Teacher, baseline and student differ only in what they learn from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial

import torch
from torch import nn

from gan.networks.bits import as_rounded
from gan.networks.critic import Critic
from gan.networks.dcgan import Generator
from gan.training.checkpoint import Checkpoint, Part, Weights, restore, state_of
from gan.training.member import Member, Recipe
from gan.training.optimisation import MovingAverage, measure_statistics
from gan.training.step import Step


@dataclass(frozen=True)
class Progress:
    """A Progress says where a training stands.

    `generator` is the averaged one in eval mode, `critic` its opponent as it learns; None where there is none. The next
    step of the loop changes both, so read the generator before it, and copy what must last. When `diverged`, a loss was
    NaN or infinite and the loop has ended.

    >>> [progress] = distill(student, DistillationConfig(kimg=0.064), lesson=lesson, seed=0)
    >>> progress.checkpoint().images_seen
    64
    """

    kimg: float
    _: KW_ONLY
    losses: dict[str, float]
    diverged: bool
    critic: Critic | None
    _averaged: Callable[[], Generator]
    _parts: Mapping[str, Part]

    @cached_property
    def generator(self) -> Generator:
        """Returns the averaged generator, whose standing statistics are measured when it is read first."""
        return self._averaged()

    def checkpoint(self, notes: Mapping[str, float] | None = None) -> Checkpoint:
        """Returns a copy of the whole training as it stands, to go on from. Take it before the loop's next step."""
        return Checkpoint(round(self.kimg * 1000), state_of(self._parts), notes=notes or {})


def run_loop(
    step: Step, recipe: Recipe, *, report_at_kimg: Sequence[float], resume: Sequence[Checkpoint | None]
) -> Iterator[tuple[Progress, ...]]:
    """Trains the members of `step` until the recipe's images were seen, and yields where each of them stands.

    That is at each of `report_at_kimg`, after the first batch that reaches it, and at the end. A training that
    diverged goes along and says so; the loop ends where all have. With `resume`, a checkpoint for each, it goes on
    behind them, bit for bit as if it had never stopped; they begin anew where their checkpoints are not of one place.
    """
    members, kimg = step.members, recipe.kimg
    averages = [MovingAverage(member.generator, recipe.ema_halflife_kimg) for member in members]
    parts = [{**member.parts(), "average": Weights(own.module)} for member, own in zip(members, averages, strict=True)]
    images_total, batch_size = round(kimg * 1000), members[0].batch_size
    rungs = {round(point * 1000) for point in report_at_kimg if 0 < point < kimg}
    seen = _restored(parts, resume)
    diverged = [False] * len(members)
    pending = [rung for rung in (*sorted(rungs), images_total) if rung > seen]
    while pending:
        for member in members:
            member.set_progress(seen / 1000, kimg)
        losses = step()
        seen += batch_size
        for member, average in zip(members, averages, strict=True):
            average.update(seen / 1000, batch_size / 1000, at_once=member.is_rounding)
        if seen >= pending[0]:
            while pending and seen >= pending[0]:
                pending.pop(0)
            reached = []
            for number, (member, average, own) in enumerate(zip(members, averages, parts, strict=True)):
                values = {name: loss.item() for name, loss in losses[number].items()}
                diverged[number] |= not all_finite(average.module, values)
                reached.append(
                    Progress(
                        seen / 1000,
                        losses=values,
                        diverged=diverged[number],
                        critic=member.opponent.critic if member.opponent else None,
                        _averaged=partial(_averaged, member, average, recipe=recipe),
                        _parts=own,
                    )
                )
            yield tuple(reached)
            if all(diverged):
                return


def _averaged(member: Member, average: MovingAverage, *, recipe: Recipe) -> Generator:
    """Returns the averaged generator, with rounded weights where it learns such, and with its own statistics."""
    averaged: Generator = average.module  # type: ignore[assignment]  # PyTorch types it as any module
    generator = as_rounded(averaged)
    if recipe.batchnorm_statistics == "standing":
        measure_statistics(generator, member.statistics_inputs())
    return generator


def alone(progresses: Iterator[tuple[Progress, ...]]) -> Iterator[Progress]:
    """Yields what `run_loop` yields of its only member."""
    for (progress,) in progresses:
        yield progress


def _restored(parts: Sequence[Mapping[str, Part]], resume: Sequence[Checkpoint | None]) -> int:
    """Put the checkpoints in place. Returns how many images were seen."""
    places = {checkpoint.images_seen if checkpoint else 0 for checkpoint in resume}
    if places == {0} or len(places) != 1:
        return 0
    for own, checkpoint in zip(parts, resume, strict=True):
        assert checkpoint
        restore(own, checkpoint.state)
    return places.pop()


def all_finite(module: nn.Module, losses: Mapping[str, float]) -> bool:
    """Returns whether the losses and the module's weights are numbers still."""
    values = torch.tensor(list(losses.values()))
    return bool(values.isfinite().all()) and all(bool(p.isfinite().all()) for p in module.parameters())
