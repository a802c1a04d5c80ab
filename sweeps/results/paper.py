"""This module has the paper's table of a finished sweep and answers its five questions, for terminal and files."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import analysis
from sweeps.errors import SweepError
from sweeps.ledger.sweeps import spec_of_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.reading import read_trials


@dataclass(frozen=True)
class Paper:
    """A Paper has the table's rows and the answers of one sweep."""

    name: str
    rows: tuple[analysis.PaperRow, ...]
    _: KW_ONLY
    answers: tuple[analysis.Answer, ...]
    notes: tuple[str, ...]  # which scores cannot be had, and why

    def print_to(self, console: Console) -> None:
        """Print the table, then each question with its answer."""
        console.print()
        console.print(_terminal_table(self.rows))
        if shared := analysis.shared_parts(self.rows):
            console.print(f"All students: {', '.join(shared)}.", style="dim", highlight=False)
        console.print("Medians over seeds; beside FID its least and greatest value.", style="dim", highlight=False)
        for note in self.notes:
            console.print(note, style="dim", highlight=False)
        for number, answer in enumerate(self.answers, start=1):
            console.print()
            console.print(f"{number}. {answer.question}", style="bold", highlight=False)
            console.print(answer.sentence, highlight=False, style="yellow" if answer.missing else "")

    def text(self, form: str) -> str:
        """Returns the paper as `markdown`, `csv` or `latex` (the last two without the answers)."""
        if form == "markdown":
            title = f"{self.name}: the paper's table"
            return analysis.paper_markdown(title, self.rows, answers=self.answers, notes=self.notes)
        return analysis.paper_csv(self.rows) if form == "csv" else analysis.paper_latex(self.rows)

    def write(self, folder: Path) -> list[Path]:
        """Write paper.md, paper.csv and paper.tex to `folder`, made if missing, and return them. Raises SweepError."""
        files = {"paper.md": "markdown", "paper.csv": "csv", "paper.tex": "latex"}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, form in files.items():
                (folder / name).write_text(self.text(form))
        except OSError as error:
            raise SweepError(
                "The paper's files are written to a writable folder", f"{folder} ({error.strerror})", "Choose another."
            ) from error
        return [folder / name for name in files]

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {
            "sweep": self.name,
            "rows": [row.as_dict() for row in self.rows],
            "answers": [answer.as_dict() for answer in self.answers],
        }


def paper_of(tracking: Tracking, workspace: Workspace, *, name: str) -> Paper:
    """Returns the paper of the sweep `name`. Raises SweepError when there is none, AnalysisError before any result."""
    spec = spec_of_sweep(tracking, name)
    table = read_trials(tracking, workspace, name=name).table
    first = table.slice(0, 1).to_pylist()[0] if len(table) else {}
    notes = [*analysis.fault_notes(first), *analysis.absence_notes(analysis.absences_of(first))]
    answers = analysis.five_answers(table, spec.limit)
    return Paper(name, tuple(analysis.paper_rows(table)), answers=tuple(answers), notes=tuple(notes))


def _terminal_table(rows: tuple[analysis.PaperRow, ...]) -> Table:
    """Returns a table that is narrower than the files': it has medians, and the range of FID alone."""
    shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    shown.add_column()  # a scheme's name is wrapped rather than numbers cut off
    for heading in ("params", "ratio", "width", "seeds", "IS", "kept", "FID", "", "VoL"):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    before, shared = None, analysis.shared_parts(rows)
    for row in rows:
        if before is not None and row.parameters != before:
            shown.add_section()
            shown.add_row()
        before = row.parameters
        medians = {name: spread.median for name, spread in row.metrics.items()}
        fid = row.metrics.get("fid")
        shown.add_row(
            row.label_beside(shared),
            "" if row.parameters is None else f"{row.parameters:,}",
            "" if row.ratio is None else f"{row.ratio:.1f}",
            "" if row.width is None else row.width_text + (f"x{row.depth}" if row.depth != 1 else ""),
            "" if row.width is None else str(row.seeds),
            analysis.text_of(medians.get("inception_score"), ".2f"),
            analysis.text_of(row.is_retained, ".0%"),
            analysis.text_of(medians.get("fid"), ".1f"),
            "" if fid is None or fid.low == fid.high else f"{fid.low:.1f} to {fid.high:.1f}",
            analysis.text_of(medians.get("sharpness"), ",.0f"),
            style="dim" if row.scheme == analysis.Scheme.REAL else "",
        )
    return shown
