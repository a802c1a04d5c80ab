"""This module shows on the terminal what a sweep's students cost on a device."""

from rich.console import Console
from rich.table import Table

import analysis
from sweeps.results.frontier_view import VERDICTS


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
