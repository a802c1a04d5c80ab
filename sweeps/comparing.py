"""Two sweeps of a data directory side by side, for terminal and files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import analysis
from sweeps.errors import SweepError
from sweeps.results import find_sweep, sweep_table
from sweeps.tracking import Tracking


@dataclass(frozen=True)
class Versus:
    """The comparison of two sweeps."""

    comparison: analysis.Comparison

    def print_to(self, console: Console) -> None:
        """The ranges as a table, then the comparison in words."""
        console.print()
        console.print(_terminal_table(self.comparison))
        console.print()
        console.print(self.comparison.sentence(), highlight=False, soft_wrap=not console.is_terminal)
        console.print(analysis.frontier_note(), style="dim", highlight=False)

    def as_dict(self) -> dict[str, Any]:
        """The same for a script. Every value is JSON."""
        return self.comparison.as_dict()

    def write(self, folder: Path) -> list[Path]:
        """compare.md, compare.json and the figure in `folder`, made if missing. Raises SweepError."""
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


def versus_of(tracking: Tracking, a: str, b: str, objectives: tuple[str, str]) -> Versus:
    """The sweeps called `a` and `b`. Raises SweepError where there is none of the name, AnalysisError as `compare`."""
    for name in (a, b):
        find_sweep(tracking, name)  # of two mistakes the first is told, before any table is read
    return Versus(analysis.compare(sweep_table(tracking, a), sweep_table(tracking, b), objectives))


def _terminal_table(comparison: analysis.Comparison) -> Table:
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in analysis.COMPARISON_HEADINGS:
        shown.add_column(heading, justify="right" if heading.startswith("by") else "left")
    for row in analysis.segment_rows(comparison):
        shown.add_row(*row)
    return shown
