"""This module finds what a sweep's students cost on a device, and shows it on the terminal."""

from rich.console import Console
from rich.table import Table

import analysis
from sweeps.ledger.measurements import kept_measurements
from sweeps.ledger.tracking import Tracking
from sweeps.results.frontier_view import VERDICTS
from sweeps.spec.sweep import SweepSpec


def device_of(
    findings: analysis.Findings, spec: SweepSpec, *, tracking: Tracking, parent_run_id: str
) -> tuple[analysis.DeviceFindings | None, str]:
    """Returns what is kept of that with a sweep's run, None where nothing is; and why something is left out.

    Raises AnalysisError where it is damaged.
    """
    kept, note = kept_measurements(tracking, parent_run_id, table=findings.table, spec=spec)
    return kept and analysis.device_findings_of(findings.table, kept, rule=spec.limit), note


def print_device(findings: analysis.DeviceFindings, console: Console) -> None:
    """Print the students that no other dominates in a cost, each form on its own line, and the least that holds.

    The table is no wider than 80 characters; page and Markdown have the times between which 90% lie as well.
    """
    console.print()
    console.print(_table(findings))
    for note in (analysis.DEVICE_NOTE, findings.basis):
        console.print(note, style="dim", highlight=False)
    console.print()
    for sentence in findings.sentences():
        console.print(sentence, highlight=False, soft_wrap=not console.is_terminal)


def _table(findings: analysis.DeviceFindings) -> Table:
    shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for heading in _shown(analysis.device_headings(findings)):
        text = "" if heading == "trial" else heading.replace(" ratio", "\nratio")
        is_text = heading in ("trial", "size", "form")
        shown.add_column(text, justify="left" if is_text else "right", vertical="bottom", no_wrap=True)
    for row, cells in analysis.device_cells(findings):
        trial, *others = _shown(cells)
        shown.add_row(f"{VERDICTS[row.holds]} trial {trial}", *others)
    return shown


def _shown(cells: list[str]) -> list[str]:
    return [*cells[:4], *cells[5:]]
