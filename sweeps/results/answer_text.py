"""This module puts a sweep's answer into words and a table: the Markdown that its run in MLflow shows first."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlflow.entities import Run

import analysis
from analysis import Findings, FrontierRow, SpaceLimit
from analysis.frontier_table import VERDICTS
from gan.networks.bits import FLOAT_BITS
from sweeps.ledger.links import artifact_link, run_link, version_link, view_link
from sweeps.results.views import SWEEPS_VIEW, frontier_view, students_view
from sweeps.spec.sought import Sought, sought_of
from sweeps.spec.sweep import BYTES, SweepSpec

FIGURE, REPORT = "frontier.png", "artifacts/report/report.html"  # of the run
MOST_ROWS = 14  # a description has room for them
_GAP = "&ensp;"  # the page puts a table's columns side by side without any


def answer_text(parent: Run, spec: SweepSpec, *, findings: Findings, space: SpaceLimit | None = None) -> str:
    """Returns the sentence of the limit, where to look further, the frontier's table, its figure, and commands."""
    if not len(findings.table):
        return f"{_planned(spec)}\n\n{_commands(spec.name)}"
    first = findings.first
    sought = sought_of(findings, spec)
    of_space = [space.sentence(first["teacher_parameters"])] if space is not None else []
    leads = spec.search.sampler == "limit"  # what was sought stands first
    parts = [*of_space, *findings.sentences] if leads else [*findings.sentences, *of_space]
    parts += [_places(parent, findings, sought=sought), *_frontier(parent, findings, sought=sought)]
    parts += [_basis(findings), _commands(spec.name)]
    return "\n\n".join(part for part in parts if part)


def _planned(spec: SweepSpec) -> str:
    searched = ", ".join(spec.domains())
    about = f"How small can a student on **{spec.dataset.name}** be?"
    return f"{about} Nothing has been measured yet. Searched: {searched}."


def _places(parent: Run, findings: Findings, *, sought: Sought) -> str:
    experiment_id, run_id = parent.info.experiment_id, parent.info.run_id
    places = {"report": run_link(experiment_id, run_id, page=REPORT)}
    name = findings.first["sweep"]
    if len(sought.frontier):
        places["the frontier's charts and samples"] = view_link(experiment_id, frontier_view(name))
    places["all students"] = view_link(experiment_id, students_view(name))
    places["other sweeps"] = view_link(experiment_id, SWEEPS_VIEW, charts=False)
    return " · ".join(f"[{word}]({link})" for word, link in places.items())


def _frontier(parent: Run, findings: Findings, *, sought: Sought) -> Iterator[str]:
    """Yields the table of the frontier in the cost whose limit is sought, and the figure, where there are any."""
    if not len(sought.frontier):
        return
    confirmed, label = findings.is_confirmed, findings.metric.label
    fresh, few = (["fresh seeds"] if confirmed else []), (["bits", "bytes"] if sought.cost == BYTES else [])
    headings = ["on the frontier", *few, "parameters", "ratio", "width x depth", "GAN weight", label, *fresh, "rule"]
    lines, size = [headings], findings.first["teacher_parameters"]
    quality = analysis.reference_text(findings.first, "teacher_", metric=findings.metric)
    floats = [str(FLOAT_BITS), f"{size * FLOAT_BITS // 8:,}"] if few else []
    version = findings.first["teacher_version"]
    teacher = f"teacher [{version}]({version_link(version)})"
    lines.append([teacher, *floats, f"{size:,}", "1", "", "", quality, *("" for _ in fresh), ""])
    listed = [*sought.frontier.to_pylist(), *findings.confirmed.to_pylist()] if few else []
    learnt = {row["trial"]: _learnt(row) for row in listed}
    for row in _shown(replace(findings, frontier=sought.frontier), cost=sought.cost):
        lines.append(_cells(parent, row, learnt=learnt.get(row.trial, []), confirmed=confirmed))
    heading, *rows = ("| " + " | ".join(f"{cell}{_GAP}" for cell in cells) + " |" for cells in lines)
    yield "\n".join([heading, "|---|" + "---:|" * (len(headings) - 2) + "---|", *rows])
    kimg = f"{sum(findings.table['kimg'].to_pylist()):g}"
    cost = "bytes" if few else "parameters"
    yield f"![{cost} against {label}]({artifact_link(parent, FIGURE, fresh=kimg)})"


def _shown(findings: Findings, *, cost: str) -> list[FrontierRow]:
    rows = list(analysis.frontier_rows(findings, cost=cost))
    if len(rows) <= MOST_ROWS:
        return rows
    return [rows[round(place * (len(rows) - 1) / (MOST_ROWS - 1))] for place in range(MOST_ROWS)]


def _learnt(row: Mapping[str, Any]) -> list[str]:
    return [str(row["bits"] or FLOAT_BITS), f"{row['weight_bytes']:,}"]


def _cells(parent: Run, row: FrontierRow, *, learnt: list[str], confirmed: bool) -> list[str]:
    place = run_link(parent.info.experiment_id, row.run_id)
    student = f"[trial {row.trial}]({place})" + (f", {row.aside}" if row.aside else "")
    fresh = [row.confirmed_short] if confirmed else []
    size = row.size.replace("*", "\\*")
    searched = [row.gan_weight, row.searched, *fresh, VERDICTS[row.holds]]
    return [student, *learnt, row.parameters, row.ratio, size, *searched]


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
