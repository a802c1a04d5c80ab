"""This module shows people where sweeps stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from analysis import COSTS, width_text
from sweeps.display import Block, Listing, spread, whole
from sweeps.results.status import Preparation, SweepStatus

RUNNING = ("running", "phase", "width", "depth", "parameters", "kimg", "FID")
SWEEPS = ("sweep", "data set", "state", "trials", "lowest FID", "core-hours")


@dataclass(frozen=True)
class StatusView:
    """A StatusView shows the status of one sweep."""

    status: SweepStatus

    def as_dict(self) -> Mapping[str, object]:
        return self.status.as_dict()

    def render(self) -> RenderableType:
        return whole(self.blocks())

    def blocks(self) -> list[Block]:
        """Returns what there is to show."""
        status = self.status
        head = [Text.assemble((status.name, "bold"), f": {status.state}")]
        for phase in status.spec.trial_phases:
            states = ", ".join(f"{n} {state.lower()}" for state, n in status.counts.get(phase, {}).items())
            head.append(Text(f"  {phase}: {status.count(phase)}" + (f" ({states})" if states else "")))
        listings = [*self._running(), *self._frontier()]
        standing = [[Text(f"  {status.standing}")]] if status.standing else []
        spent = Text(f"  spent {status.core_hours:.2f} core-hours", style="dim")
        return [head, *([listing] for listing in listings), *standing, [spent]]

    def _running(self) -> list[Listing]:
        rows = [
            (
                f"trial {running.trial}",
                running.phase,
                width_text(vars(running)),
                str(running.depth),
                f"{running.parameters:,}",
                f"{running.kimg:g} of {running.budget_kimg:g}",
                "" if running.fid is None else f"{running.fid:.1f}",
            )
            for running in self.status.running
        ]
        return [Listing("running", RUNNING, rows=rows, optional=("phase", "depth", "width"))] if rows else []

    def _frontier(self) -> list[Listing]:
        cost = COSTS[self.status.spec.limit_cost]
        teacher = cost.of_floats(self.status.teacher_parameters)
        rows = [
            (str(number), f"{each:,.0f}", f"{teacher / each:.1f}", f"{fid:.1f}")
            for number, (each, fid) in enumerate(self.status.front, start=1)
        ]
        headings = ("frontier", cost.noun.strip(), "ratio", "FID")
        return [Listing("frontier", headings, rows=rows, choose=spread)] if rows else []


@dataclass(frozen=True)
class PreparationView:
    """A PreparationView shows a sweep whose models are being made."""

    status: Preparation

    def as_dict(self) -> Mapping[str, object]:
        return self.status.as_dict()

    def render(self) -> RenderableType:
        return whole(self.blocks())

    def blocks(self) -> list[Block]:
        """Returns what there is to show."""
        head = Text.assemble((self.status.name, "bold"), f": {self.status.state}")
        return [[head, Text(f"  {self.status.standing}")]]


View = StatusView | PreparationView


def sweeps_listing(found: Sequence[Preparation | SweepStatus]) -> Listing:
    """Returns a table with a row per sweep."""
    rows = [
        (each.name, "", "makes its models", "0", "", "") if isinstance(each, Preparation) else _row(each)
        for each in found
    ]
    return Listing("sweeps", SWEEPS, rows=rows, optional=("core-hours", "data set"))


def _row(status: SweepStatus) -> tuple[str, ...]:
    return (
        status.name,
        status.spec.dataset.name,
        "running" if status.is_running else status.status.lower(),
        str(sum(sum(states.values()) for states in status.counts.values())),
        "" if status.best_fid is None else f"{status.best_fid:.1f}",
        f"{status.core_hours:.2f}",
    )
