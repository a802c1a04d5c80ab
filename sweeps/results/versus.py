"""This module sets two sweeps of a data directory side by side, for terminal and files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

import analysis
from sweeps.errors import SweepError
from sweeps.ledger.sweeps import find_sweeps
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.reading import read_trials


@dataclass(frozen=True)
class Versus:
    """A Versus is the comparison of two sweeps."""

    comparison: analysis.Comparison

    def print_to(self, console: Console) -> None:
        """Print the ranges as a table, then the comparison in words."""
        console.print()
        console.print(_terminal_table(self.comparison))
        console.print()
        console.print(self.comparison.sentence(), highlight=False, soft_wrap=not console.is_terminal)
        console.print(analysis.frontier_note(), style="dim", highlight=False)

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return self.comparison.as_dict()

    def write(self, folder: Path) -> list[Path]:
        """Write compare.md, compare.json and the figure to `folder`, made if missing. Raises SweepError."""
        page, data = folder / "compare.md", folder / "compare.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            page.write_text(analysis.comparison_markdown(self.comparison))
            data.write_text(json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n")
            figures = analysis.save_figure(analysis.versus_figure(self.comparison), folder / "compare")
        except OSError as error:
            raise SweepError(
                "A comparison's files are written to a writable folder",
                f"{folder} ({error.strerror})",
                "Choose another.",
            ) from error
        return [page, *figures, data]


def versus_of(
    tracking: Tracking,
    workspace: Workspace,
    *,
    a: str,
    b: str,
    objectives: tuple[str, str],
    measurements: pa.Table | None = None,
) -> Versus:
    """Returns the comparison of the sweeps called `a` and `b`, in what deployed students cost where that was measured.

    A name may also be that of the file that began a sweep, where it began no other. Raises SweepError where a name is
    of no sweep or of several, and AnalysisError like `analysis.compare`.
    """
    sweeps = [_sweep_called(tracking, name) for name in (a, b)]  # a wrong name is reported before a table is read
    tables = [read_trials(tracking, workspace, name=sweep).table for sweep in sweeps]
    return Versus(analysis.compare(tables[0], tables[1], objectives=objectives, measurements=measurements))


def _sweep_called(tracking: Tracking, name: str) -> str:
    members = [name] if tracking.find_sweep(name) else find_sweeps(tracking, name)
    if len(members) > 1:
        raise SweepError(
            "A comparison is of one sweep with another", f"{name!r}, which began {', '.join(members)}", "Name one."
        )
    return members[0]


def _terminal_table(comparison: analysis.Comparison) -> Table:
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in analysis.COMPARISON_HEADINGS:
        shown.add_column(heading, justify="right" if heading.startswith("by") else "left")
    for row in analysis.segment_rows(comparison):
        shown.add_row(*row)
    return shown
