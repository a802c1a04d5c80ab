"""This module makes a sweep's result for people: page, figures, Markdown, table, and a summary for the terminal."""

import itertools
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from mlflow.entities import Run
from rich.console import Console

import analysis
from analysis import DeviceFindings, SpaceLimit
from sweeps.errors import SweepError
from sweeps.ledger.examinations import kept_examination
from sweeps.ledger.links import run_link
from sweeps.ledger.notes import only_shown
from sweeps.ledger.sweeps import find_sweep, spec_of_sweep, stored_spec
from sweeps.ledger.tags import VERSION
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.answer import show_answer
from sweeps.results.device_view import device_of, print_device
from sweeps.results.examinations import ruler_curves
from sweeps.results.frontier_view import frontier_table
from sweeps.results.importance import importances
from sweeps.results.pictures import interpolation_strips, sample_strips
from sweeps.results.reading import read_trials
from sweeps.results.report_figures import drawn_figures
from sweeps.results.space_limit import searched_spec, space_course, space_limit
from sweeps.spec.file import preset_names
from sweeps.spec.sweep import SweepSpec

PAGE = "report.html"


@dataclass(frozen=True)
class Report:
    """A Report is what a sweep found, and the files that show it."""

    findings: analysis.Findings
    folder: Path
    _: KW_ONLY
    files: tuple[Path, ...]
    space: SpaceLimit | None = None
    device: DeviceFindings | None = None
    note: str = ""  # why what a deployment kept is left out, and MLflow's page shows less
    sought: bool = False  # whether the search went for the limit of the space

    @property
    def name(self) -> str:
        return str(self.findings.first.get("sweep", ""))

    @property
    def table(self) -> pa.Table:
        """Returns a row per trial."""
        return self.findings.table

    @property
    def frontier(self) -> pa.Table:
        """Returns the Pareto-optimal students, with their confirmations and baselines beside them."""
        return self.findings.frontier

    @property
    def limit(self) -> analysis.CompressionLimit:
        return self.findings.limit

    def print_to(self, console: Console) -> None:
        """Print the frontier as a table, the limit in a sentence, and where the files are."""
        console.print()
        console.print(frontier_table(self.findings))
        for note in (*self.findings.notes, analysis.budget_note(self.frontier), self.note):
            if note:
                console.print(note, style="dim", highlight=False)
        console.print()
        for sentence in self._sentences():
            console.print(sentence, highlight=False, soft_wrap=not console.is_terminal)
        if self.device:
            print_device(self.device, console)
        console.print()
        for path in self.files:
            if path.suffix in {".html", ".md", ".parquet"}:
                console.print(f"  {path}", highlight=False, soft_wrap=True)
        figures = [path for path in self.files if path.suffix[1:] in analysis.FORMATS]
        for folder in sorted({path.parent for path in figures}):
            forms = [form.upper() for form in analysis.FORMATS if any(path.suffix == f".{form}" for path in figures)]
            console.print(f"  {folder}/ ({', '.join(forms)})", highlight=False, soft_wrap=True)

    def _sentences(self) -> list[str]:
        """Returns the limit of the students tried and that of the whole space, what the search sought first."""
        of_space = [self.space.sentence(self.findings.first["teacher_parameters"])] if self.space else []
        of_students = self.findings.sentences
        return [*of_space, *of_students] if self.sought else [*of_students, *of_space]

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {
            "sweep": self.name,
            "trials": analysis.state_counts(self.table),
            "limit": self.limit.as_dict(),
            **({"bytes_limit": self.findings.bytes_limit.as_dict()} if self.findings.bytes_limit else {}),
            "space_limit": self.space and self.space.as_dict(),
            **({"device": self.device.as_dict()} if self.device else {}),
            "frontier": self.frontier.to_pylist(),
            "gains": [gain.as_dict() for gains in self.findings.gains.values() for gain in gains],
            "files": [str(path) for path in self.files],
        }


def write_report(
    name: str,
    workspace: Workspace,
    *,
    tracking: Tracking,
    out: Path | None = None,
    formats: Sequence[str] = analysis.FORMATS,
    measurements: pa.Table | None = None,
) -> Report:
    """Write page, figures, Markdown and table of a sweep to `out`, and log them to its parent run.

    With `measurements`, or where a deployment kept some with the sweep, they say what a device pays as well. Raises
    SweepError when there is no such sweep, or `out` cannot be written, and AnalysisError where `measurements` are of
    none of its trials.
    """
    report, _ = _write(name, workspace, tracking=tracking, out=out, formats=formats, measurements=measurements)
    return report


def write_reports(
    names: Sequence[str],
    workspace: Workspace,
    *,
    tracking: Tracking,
    out: Path | None = None,
    measurements: pa.Table | None = None,
) -> tuple[list[Report], Path | None]:
    """Write a report of each sweep to a folder of its own in `out`; for several also one page over all.

    Returns the reports, and the path of that page where there is one.
    """
    if len(names) == 1:
        return [write_report(names[0], workspace, tracking=tracking, out=out, measurements=measurements)], None
    measured = _of_sweeps(names, workspace, tracking=tracking, measurements=measurements)
    write = partial(_write, workspace=workspace, tracking=tracking, formats=analysis.FORMATS)
    written = [write(name, out=out / name if out else None, measurements=measured.get(name)) for name in names]
    if out is None:
        return [report for report, _ in written], None
    page = out / PAGE
    _write_text(page, analysis.render_page([chapter for _, chapter in written]))
    return [report for report, _ in written], page


def _of_sweeps(
    names: Sequence[str], workspace: Workspace, *, tracking: Tracking, measurements: pa.Table | None
) -> dict[str, pa.Table]:
    """Returns the measurements for each sweep that has some. Raises AnalysisError where they are of none of them."""
    if measurements is None:
        return {}
    keys = set(measurements["trial_key"].drop_null().to_pylist())
    tables = {name: read_trials(tracking, workspace, name=name).table for name in names}
    found = {name: measurements for name, table in tables.items() if keys & set(table["trial_key"].to_pylist())}
    if not found:
        raise analysis.AnalysisError(
            "Measurements are of students of the sweeps", f"none of {', '.join(names)}", "Name the sweeps they are of."
        )
    return found


def _write(
    name: str,
    workspace: Workspace,
    *,
    tracking: Tracking,
    out: Path | None,
    formats: Sequence[str],
    measurements: pa.Table | None,
) -> tuple[Report, analysis.Chapter]:
    parent, spec = find_sweep(tracking, name), spec_of_sweep(tracking, name)
    folder = out or workspace.sweep(name) / "report"
    findings = analysis.findings_of(read_trials(tracking, workspace, name=name).table, spec.limit, cost=spec.limit_cost)
    device, note = _device(parent, spec, tracking=tracking, findings=findings, measurements=measurements)
    chapter = _chapter(parent, spec, tracking=tracking, findings=findings, device=device)
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SweepError(
            "A report's folder can be written", f"{folder} ({error.strerror})", "Choose another."
        ) from error
    for stem, form in itertools.product(analysis.REPORT_FIGURES, set(analysis.FORMATS) - set(formats)):
        (folder / "figures" / f"{stem}.{form}").unlink(missing_ok=True)  # left by an earlier report
    figures = {
        stem: analysis.save_figure(figure, folder / "figures" / stem, formats=formats)
        for stem, figure in drawn_figures(chapter).items()
    }
    page, markdown, parquet = folder / PAGE, folder / "report.md", folder / "trials.parquet"
    _write_text(page, analysis.render_page([chapter]))
    shown = {stem: f"figures/{paths[0].name}" for stem, paths in figures.items()}
    sought = bool(chapter.course)
    text = analysis.markdown_report(findings, shown, space=chapter.space, space_leads=sought, device=device)
    _write_text(markdown, text)
    analysis.write_table(findings.table, parquet)
    files = (page, markdown, parquet, *(path for paths in figures.values() for path in paths))
    for path in files:  # the folder may hold other files as well
        place = Path("report") / path.parent.relative_to(folder)
        tracking.client.log_artifact(parent.info.run_id, str(path), str(place))
    refused: list[str] = []
    with only_shown(refused.append):
        show_answer(tracking, parent, spec=spec, findings=findings, space=chapter.space)
    note = " ".join([note, *refused]).strip()
    return Report(findings, folder, files=files, space=chapter.space, device=device, note=note, sought=sought), chapter


def _device(
    parent: Run,
    spec: SweepSpec,
    *,
    tracking: Tracking,
    findings: analysis.Findings,
    measurements: pa.Table | None,
) -> tuple[DeviceFindings | None, str]:
    """Returns what deployed students cost, by `measurements` or by what was kept; and why the latter is left out.

    A report is not lost for what lies beside it: damage of what was kept is a note.
    """
    if measurements is not None:
        return analysis.device_findings_of(findings.table, measurements, rule=spec.limit), ""
    try:
        return device_of(findings, spec, tracking=tracking, parent_run_id=parent.info.run_id)
    except analysis.AnalysisError as error:
        return None, f"What a deployment measured is left out: {error}"


def _chapter(
    parent: Run,
    spec: SweepSpec,
    *,
    tracking: Tracking,
    findings: analysis.Findings,
    device: DeviceFindings | None,
) -> analysis.Chapter:
    name = spec.name
    has_students = len(findings.frontier) > 0
    examination = kept_examination(tracking, parent.info.run_id)
    runs = f"{tracking.store.ui_address}/{run_link(parent.info.experiment_id, '{run_id}')}"
    versions = {tag.removeprefix(VERSION): text for tag, text in parent.data.tags.items() if tag.startswith(VERSION)}
    return analysis.Chapter(
        findings=findings,
        name=name,
        samples=sample_strips(tracking, spec, findings=findings) if has_students else (),
        interpolations=interpolation_strips(tracking, spec, findings=findings) if has_students else (),
        space=space_limit(spec, findings.table) if has_students else None,
        course=space_course(spec, findings.table) if has_students else (),
        device=device,
        importances=importances(searched_spec(spec, findings.table), findings.table),
        ruler=ruler_curves(examination) if examination else (),
        specification=yaml.safe_dump(spec.model_dump(mode="json", exclude_defaults=True), sort_keys=False, width=100),
        versions=dict(sorted(versions.items())),
        commands=(*_commands(spec, tracking), f"ganlimit report {name} --out report"),
        run_url=runs,
    )


def _commands(spec: SweepSpec, tracking: Tracking) -> tuple[str, ...]:
    """Returns what a person types to get the same sweep again."""
    searched = spec.name.removesuffix("-confirmed")
    if spec.search.trials == 0 and searched != spec.name and (before := tracking.find_sweep(searched)):
        first = _commands(stored_spec(before.data.tags), tracking)
        return (*first, f"ganlimit sweep confirm {searched} --seeds {spec.confirm.seeds}")
    if spec.name in preset_names():
        return (f"ganlimit sweep run {spec.name}",)
    return (f"ganlimit sweep run {spec.name}.yaml  # the specification below",)


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SweepError("A report's folder can be written", f"{path} ({error.strerror})", "Choose another.") from error
