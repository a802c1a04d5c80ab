"""A sweep's result for people: table, frontier, limit, figures, and a summary for the terminal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

import analysis
from gan import evaluation_latents, generate, load_any_generator, load_generator
from sweeps.errors import SweepError
from sweeps.reading import read_trials
from sweeps.results import find_sweep, spec_of_sweep
from sweeps.spec import SweepSpec
from sweeps.tracking import Tracking
from sweeps.workspace import Workspace

GRID_COLUMNS = 12
HEADINGS = (
    "params",
    "ratio",
    "width",
    "depth",
    "GAN\nweight",
    "FID",
    "IS",
    "sharp-\nness",
    "FID from\nscratch",
)


@dataclass(frozen=True)
class Report:
    """What a sweep found, and the files that show it.

    `table` has a row per trial; `frontier` its Pareto-optimal rows with their baselines beside them.
    """

    name: str
    table: pa.Table
    frontier: pa.Table
    limit: analysis.CompressionLimit
    folder: Path
    files: tuple[Path, ...]

    def print_to(self, console: Console) -> None:
        """The frontier as a table, the limit in one sentence, and where the files are."""
        console.print()
        console.print(_frontier_table(self.frontier, self.table))
        if note := analysis.budget_note(self.frontier):
            console.print(note, style="dim", highlight=False)
        console.print()
        console.print(self.limit.sentence(), highlight=False, soft_wrap=not console.is_terminal)
        console.print()
        for path in self.files:
            console.print(f"  {path}", highlight=False, soft_wrap=True)

    def as_dict(self) -> dict[str, Any]:
        """The same for a script. Every value is JSON."""
        return {
            "sweep": self.name,
            "trials": analysis.state_counts(self.table),
            "limit": self.limit.as_dict(),
            "frontier": self.frontier.to_pylist(),
            "files": [str(path) for path in self.files],
        }


def write_report(name: str, workspace: Workspace, tracking: Tracking, out: Path | None = None) -> Report:
    """Write table, figures and Markdown of a sweep to `out`, and log them to its parent run.

    Raises SweepError when there is no such sweep.
    """
    parent = find_sweep(tracking, name)
    spec = spec_of_sweep(tracking, name)
    folder = out or workspace.sweep(name) / "report"
    folder.mkdir(parents=True, exist_ok=True)
    table = read_trials(tracking, workspace, name).table
    frontier = analysis.with_baselines(analysis.pareto_frontier(table), table)
    limit = analysis.compression_limit(table, spec.limit)
    parquet, markdown = folder / "trials.parquet", folder / "report.md"
    analysis.write_table(table, parquet)
    markdown.write_text(analysis.markdown_report(table, limit))
    files: tuple[Path, ...] = (markdown, parquet)
    if len(frontier):
        figures = analysis.save_figure(analysis.pareto_figure(table, limit), folder / "pareto")
        samples, _ = analysis.save_figure(_sample_grid(tracking, spec, table, frontier), folder / "samples")
        files = (markdown, *figures, samples, parquet)
    for path in files:
        tracking.client.log_artifact(parent.info.run_id, str(path), "report")
    return Report(name, table, frontier, limit, folder, files)


def _sample_grid(tracking: Tracking, spec: SweepSpec, table: pa.Table, frontier: pa.Table) -> Any:
    """The teacher above the frontier's students, largest first, each column one latent."""
    latents_NL = evaluation_latents(spec.evaluation.num_samples, spec.teacher.latent_size, spec.evaluation.latent_seed)[
        :GRID_COLUMNS
    ]
    rows: list[tuple[str, np.ndarray]] = []
    for first in table.slice(0, 1).to_pylist():
        teacher, _ = load_any_generator(_teacher_folder(tracking, first["teacher_version"]))
        label = _label("teacher", first["teacher_parameters"], first["teacher_fid"])
        rows.append((label, generate(teacher, latents_NL).numpy()))
    for row in reversed(frontier.to_pylist()):
        folder = tracking.model_folder(row["run_id"])
        assert folder is not None, "a completed trial keeps its student"
        generator, _ = load_generator(folder)
        label = _label(f"1/{row['compression_ratio']:.0f}", row["parameters"], row["fid"])
        rows.append((label, generate(generator, latents_NL).numpy()))
    return analysis.sample_grid_figure(rows)


def _teacher_folder(tracking: Tracking, teacher_version: str) -> Path:
    model, _, number = teacher_version.partition("/")
    version = tracking.version(model, number)
    if version is None:
        raise SweepError("A sweep's teacher is in the registry", teacher_version, "Restore it; it is never replaced.")
    return tracking.fetch(version)


def _label(name: str, parameters: int, fid: float) -> str:
    return f"{name}\n{parameters:,}\nFID {fid:.1f}"


def _frontier_table(frontier: pa.Table, table: pa.Table) -> Table:
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    shown.add_column("", no_wrap=True)
    for heading in HEADINGS:
        shown.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for first in table.slice(0, 1).to_pylist():
        shown.add_row("real", "", "", "", "", "", *_metrics(first, "real_"), "", style="dim")
        parameters = f"{first['teacher_parameters']:,}"
        shown.add_row("teacher", parameters, "1", "", "", "", *_metrics(first, "teacher_"), "", style="bold")
    for row in reversed(frontier.to_pylist()):
        shown.add_row(
            f"trial {row['trial']}",
            f"{row['parameters']:,}",
            f"{row['compression_ratio']:.1f}",
            str(row["width"]),
            str(row["depth"]),
            f"{row['gan_weight']:g}",
            *_metrics(row, ""),
            analysis.baseline_text(row),
        )
    return shown


def _metrics(row: dict[str, Any], prefix: str) -> tuple[str, str, str]:
    names = ("fid", "inception_score", "sharpness")
    fid, score, sharp = (row[prefix + name] for name in names)
    return f"{fid:.1f}", f"{score:.2f}", f"{sharp:,.0f}"
