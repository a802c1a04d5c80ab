"""This module puts a sweep's answer into words and a table: the Markdown that its run in MLflow shows first."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow.entities import Run

import analysis
from analysis import Findings, FrontierRow, SpaceLimit
from analysis.frontier_table import VERDICTS
from sweeps.ledger.links import artifact_link, run_link, version_link, view_link
from sweeps.results.views import SWEEPS_VIEW, frontier_view, students_view
from sweeps.spec.sweep import SweepSpec

FIGURE, REPORT = "frontier.png", "artifacts/report/report.html"  # of the run
MOST_ROWS = 14  # a description has room for them
_GAP = "&ensp;"  # the page puts a table's columns side by side without any


def answer_text(parent: Run, spec: SweepSpec, *, findings: Findings, space: SpaceLimit | None = None) -> str:
    """Returns the sentence of the limit, where to look further, the frontier's table, its figure, and commands."""
    if not len(findings.table):
        return f"{_planned(spec)}\n\n{_commands(spec.name)}"
    first = findings.first
    parts = [findings.limit.sentence()]
    if space is not None:
        parts.append(space.sentence(first["teacher_parameters"]))
    parts += [_places(parent, findings), *_frontier(parent, findings), _basis(findings), _commands(spec.name)]
    return "\n\n".join(part for part in parts if part)


def _planned(spec: SweepSpec) -> str:
    searched = ", ".join(spec.domains())
    about = f"How small can a student on **{spec.dataset.name}** be?"
    return f"{about} Nothing has been measured yet. Searched: {searched}."


def _places(parent: Run, findings: Findings) -> str:
    experiment_id, run_id = parent.info.experiment_id, parent.info.run_id
    places = {"report": run_link(experiment_id, run_id, page=REPORT)}
    name = findings.first["sweep"]
    if len(findings.frontier):
        places["the frontier's charts and samples"] = view_link(experiment_id, frontier_view(name))
    places["all students"] = view_link(experiment_id, students_view(name))
    places["other sweeps"] = view_link(experiment_id, SWEEPS_VIEW, charts=False)
    places["teacher"] = version_link(findings.first["teacher_version"])
    return " · ".join(f"[{word}]({link})" for word, link in places.items())


def _frontier(parent: Run, findings: Findings) -> Iterator[str]:
    """Yields the frontier's table and figure, where there are any."""
    if not len(findings.frontier):
        return
    confirmed, label = findings.is_confirmed, findings.metric.label
    headings = ["student", "parameters", "ratio", "size", "GAN", label, *(["fresh seeds"] if confirmed else []), "rule"]
    lines, first = [headings], findings.first
    quality = analysis.reference_text(first, "teacher_", metric=findings.metric)
    blank = [""] if confirmed else []
    lines.append(["teacher", f"{first['teacher_parameters']:,}", "1", "", "", quality, *blank, ""])
    lines += [_cells(parent, row, confirmed=confirmed) for row in _shown(findings)]
    heading, *rows = ("| " + " | ".join(f"{cell}{_GAP}" for cell in cells) + " |" for cells in lines)
    yield "\n".join([heading, "|---|" + "---:|" * (len(headings) - 2) + "---|", *rows])
    kimg = f"{sum(findings.table['kimg'].to_pylist()):g}"
    yield f"![parameters against {label}]({artifact_link(parent, FIGURE, fresh=kimg)})"


def _shown(findings: Findings) -> list[FrontierRow]:
    rows = list(analysis.frontier_rows(findings))
    if len(rows) <= MOST_ROWS:
        return rows
    return [rows[round(place * (len(rows) - 1) / (MOST_ROWS - 1))] for place in range(MOST_ROWS)]


def _cells(parent: Run, row: FrontierRow, *, confirmed: bool) -> list[str]:
    student = f"[trial {row.trial}]({run_link(parent.info.experiment_id, row.run_id)})"
    fresh = [row.confirmed_short] if confirmed else []
    size = row.size.replace("*", "\\*")
    return [student, row.parameters, row.ratio, size, row.gan_weight, row.searched, *fresh, VERDICTS[row.holds]]


def _basis(findings: Findings) -> str:
    first: Mapping[str, Any] = findings.first
    real = analysis.reference_text(first, "real_", metric=findings.metric)
    notes = " ".join(findings.notes)
    return (
        f"Trials: {findings.counts}. Data set {first['dataset']}, {first['num_samples']:,} samples an evaluation; real "
        f"held-out images: {findings.metric.label} {real or 'none'}. {notes}".strip()
    )


def _commands(name: str) -> str:
    return f"```\nganlimit sweep status {name}\nganlimit report {name}\n```"
