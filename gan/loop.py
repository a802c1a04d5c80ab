"""The one training loop, counted in images: teacher, baseline and student differ only in their step."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.models import Generator
from gan.optimisation import MovingAverage, OptimiserConfig, build_adam, set_rate


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    `generator` is the averaged one in eval mode; the next step of the loop changes it, so copy what
    must last. When `diverged`, a loss was NaN or infinite and the loop has ended.
    """

    kimg: float
    generator: Generator
    losses: dict[str, float]
    diverged: bool = False


class TrainingStep(ABC):
    """One optimisation step of a generator, and what it needs to keep between steps."""

    generator: Generator
    batch_size: int

    @abstractmethod
    def __call__(self) -> dict[str, Tensor]:
        """Update the networks on one batch and return the losses (scalars, detached)."""

    @abstractmethod
    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        """Bring learning rates to where the training stands."""


class ScheduledOptimiser:
    """Adam on one module that follows its configured schedule."""

    def __init__(self, config: OptimiserConfig, module: nn.Module) -> None:
        self.config, self.adam = config, build_adam(config, module)

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        set_rate(self.adam, self.config.rate_at(kimg, budget_kimg))

    def step(self, loss: Tensor) -> None:
        """One Adam step on the gradient of `loss` by this module's parameters."""
        self.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step()


def run_loop(
    step: TrainingStep, kimg: float, ema_halflife_kimg: float, report_at_kimg: Sequence[float]
) -> Iterator[Progress]:
    """Train until `kimg` thousand images were seen, yielding at each of `report_at_kimg` and at the end.

    A point is reported after the first batch that reaches it. Divergence ends the loop with a last
    Progress that says so.
    """
    average = MovingAverage(step.generator, ema_halflife_kimg)
    images_total = round(kimg * 1000)
    rungs = {round(point * 1000) for point in report_at_kimg if 0 < point < kimg}
    pending = [*sorted(rungs), images_total]
    seen = 0
    while pending:
        step.set_progress(seen / 1000, kimg)
        losses = step()
        seen += step.batch_size
        average.update(seen / 1000, step.batch_size / 1000)
        if seen >= pending[0]:
            while pending and seen >= pending[0]:
                pending.pop(0)
            values = {name: loss.item() for name, loss in losses.items()}
            diverged = not _all_finite(average.module, values)
            yield Progress(seen / 1000, average.module, values, diverged)  # type: ignore[arg-type]
            if diverged:
                return


def _all_finite(module: nn.Module, losses: dict[str, float]) -> bool:
    values = torch.tensor(list(losses.values()))
    return bool(values.isfinite().all()) and all(bool(p.isfinite().all()) for p in module.parameters())
