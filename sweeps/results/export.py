"""This module writes the trials of any number of sweeps to one file."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

import analysis
from sweeps.errors import SweepError
from sweeps.ledger.sweeps import find_sweeps
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.reading import read_trials

FORMATS: dict[str, Callable[[pa.Table, Path], None]] = {".parquet": analysis.write_table, ".csv": analysis.write_csv}


@dataclass(frozen=True)
class Export:
    """An Export is a table that was written: `rows` is the number of trials, `sweeps` the names of their sweeps."""

    path: Path
    rows: int
    _: KW_ONLY
    sweeps: tuple[str, ...]

    def print_to(self, console: Console) -> None:
        """Print the file, and how much is in it, in one line."""
        sweeps, rows = len(self.sweeps), self.rows
        of = f"{rows:,} row{'s' * (rows != 1)} of {sweeps} sweep{'s' * (sweeps != 1)}"
        console.print(f"{self.path}: {of}", highlight=False, markup=False, soft_wrap=True)

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {"path": str(self.path), "rows": self.rows, "sweeps": list(self.sweeps)}


def require_table_suffix(path: Path) -> None:
    """Raises SweepError when the name of a table to be written does not end with one of FORMATS."""
    if path.suffix not in FORMATS:
        raise SweepError(
            f"A table is written to a file ending in {' or '.join(FORMATS)}", path, "Choose one of these endings."
        )


def export_sweeps(tracking: Tracking, workspace: Workspace, *, names: Sequence[str], out: Path) -> Export:
    """Write the trials of all sweeps that `names` names, each once, to `out`, whose ending says the format.

    A name is that of a sweep, or of the file that began several. A file that is there already is replaced when the new
    one is complete. Raises SweepError for an unknown sweep or ending, AnalysisError where a data set's rows are of
    several protocols, or `out` cannot be written.
    """
    require_table_suffix(out)
    sweeps = list(dict.fromkeys(member for name in names for member in find_sweeps(tracking, name)))
    table = analysis.join_tables([read_trials(tracking, workspace, name=sweep).table for sweep in sweeps])
    FORMATS[out.suffix](table, out)
    return Export(out, len(table), sweeps=tuple(sweeps))
