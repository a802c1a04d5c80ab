"""This module is a plan as people and scripts see it: what a sweep would do, and what could not be measured of it."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis import COSTS, text_of, width_text
from analysis.absence import DASH


@dataclass(frozen=True, kw_only=True)
class Size:
    """A Size is that of a generator.

    `ratio` is what the teacher costs divided by what it costs: parameters, or bytes where the sweep seeks the fewest.
    `first_layer_rank` and `stage_widths` are those of the trial table. Width, depth, bytes and `mac_g` are None of a
    generator of the user's own, its parameters where its file cannot be read.
    """

    width: int | None
    depth: int | None
    first_layer_rank: int | None = None
    stage_widths: str | None = None
    parameters: int | None
    weight_bytes: int | None
    mac_g: float | None
    ratio: float | None


@dataclass(frozen=True)
class PhasePlan:
    """A PhasePlan says that a phase has at most `trials` trials and takes about `core_hours`, None where unknown."""

    name: str
    trials: int
    _: KW_ONLY
    core_hours: float | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A Plan says what a sweep would do. Its hours come from a calibration of some seconds on this machine.

    `unmeasured` says what could not be measured, and why; what rests on it is None.
    """

    name: str
    phases: tuple[PhasePlan, ...]
    teacher: Size
    smallest: Size
    largest: Size
    memory_gib: float | None
    disk_gib: float
    workers: int
    wall_hours: float | None
    gpu_hours: float | None
    packing: str | None  # what is known of how many trials share a GPU
    warnings: tuple[str, ...]
    unmeasured: tuple[str, ...] = ()
    cost: str = "parameters"  # whose limit is sought

    @property
    def core_hours(self) -> float | None:
        return total_of([phase.core_hours for phase in self.phases])

    def render(self) -> RenderableType:
        """Returns the plan for a terminal."""
        phases = _table("phase", "trials", "core-hours")
        for phase in self.phases:
            phases.add_row(phase.name, f"{phase.trials:,}" if phase.trials else "", text_of(phase.core_hours, ".2f"))
        costs = dict.fromkeys(("parameters", self.cost))
        headings = [COSTS[name].noun.strip() for name in costs]
        sizes = _table("generator", "width", "depth", *headings, "ratio", "MACs (1e6)")
        for name, size in (("teacher", self.teacher), ("largest student", self.largest), ("smallest", self.smallest)):
            sizes.add_row(
                name,
                DASH if size.width is None else width_text(vars(size)),
                text_of(size.depth, "d"),
                *(text_of(getattr(size, name), ",") for name in costs),
                text_of(size.ratio, ".1f"),
                text_of(None if size.mac_g is None else size.mac_g * 1000, ".2f"),
            )
        warnings = [Text(f"not measured: {reason}", style="yellow") for reason in self.unmeasured]
        warnings += [Text(f"warning: {warning}", style="yellow") for warning in self.warnings]
        packing = [Text(self.packing)] if self.packing else []
        heading = Text(self.name, style="bold")
        return Group(heading, Text(), phases, Text(), sizes, Text(), Text(self._needs()), *packing, *warnings)

    def _needs(self) -> str:
        held = "unknown" if self.memory_gib is None else f"{self.memory_gib:.1f} GiB of"
        memory = f"{held} memory a trial, {self.disk_gib:.2f} GiB of disk"
        if self.core_hours is None or self.wall_hours is None:
            return f"unknown hours with {self.workers} trials at once; {memory}"
        on_gpus = f", {self.gpu_hours:.2g} GPU-hours" if self.gpu_hours else ""
        hours = f"about {self.core_hours:.2g} core-hours{on_gpus}, {_hours(self.wall_hours)}"
        return f"{hours} with {self.workers} trials at once; {memory}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script."""
        return {**asdict(self), "core_hours": self.core_hours}


def total_of(hours: Sequence[float | None]) -> float | None:
    """Returns the sum; None where a part of it is unknown."""
    known = [value for value in hours if value is not None]
    return sum(known) if len(known) == len(hours) else None


def _hours(hours: float) -> str:
    minutes = max(1, round(hours * 60))
    return f"{hours:.1f} hours" if hours >= 1 else f"{minutes} minute{'s' * (minutes != 1)}"


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table
