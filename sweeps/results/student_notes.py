"""This module describes the frontier's students on their own runs in MLflow: what each is, and what it made when."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from mlflow.entities import Run

from analysis import Column, Findings
from sweeps.ledger.links import artifact_link, run_link, version_link
from sweeps.ledger.notes import describe_run
from sweeps.ledger.run_query import by_id, search
from sweeps.ledger.tags import HAS_IMAGES, NOTE
from sweeps.ledger.tracking import Tracking
from sweeps.spec.browsing import LAST_IMAGES, RUNG_IMAGES

MOST_RUNGS = 6  # of the page's width
Row = Mapping[str, Any]


def describe_students(tracking: Tracking, parent: Run, *, findings: Findings, frontier: pa.Table) -> None:
    """Describe the students of a frontier whose runs lack a description, as soon as their images are in the store.

    A student that is on the frontier has ended, so what is said of it stays true where it is on the frontier no more.
    Students of other sweeps have the descriptions that those gave them.
    """
    rows = {row["run_id"]: row for row in frontier.to_pylist()}
    for chosen, _ in by_id(rows):
        for run in search(tracking.client, [parent.info.experiment_id], where=chosen):
            if NOTE in run.data.tags:
                continue
            row = rows[run.info.run_id]
            images = _images(tracking, run)
            if HAS_IMAGES not in run.data.tags or round(row["kimg"]) in images:
                text = _text(tracking, parent, run=run, row=row, findings=findings, images=images)
                describe_run(tracking, run.info.run_id, text=text)


def _images(tracking: Tracking, run: Run) -> dict[int, str]:
    """Returns the paths of what a student made, by the rung in kimg; what it made last, where no rung was kept."""
    if HAS_IMAGES not in run.data.tags:
        return {}
    files = [file.path for file in tracking.client.list_artifacts(run.info.run_id, "images")]
    named = [(path, path.rpartition("/")[2].split("+")) for path in files if path.endswith(".png")]
    steps = {int(words[2]): path for path, words in named if words[0] == RUNG_IMAGES}
    last = {round(run.data.metrics.get("kimg", 0.0)): path for path, words in named if words[0] == LAST_IMAGES}
    return dict(sorted((steps or last).items()))


def _text(tracking: Tracking, parent: Run, *, run: Run, row: Row, findings: Findings, images: Mapping[int, str]) -> str:
    metric, experiment_id = findings.metric, parent.info.experiment_id
    quality = metric.text(row[metric.name])
    ratio = row["teacher_parameters"] / row["parameters"]
    teacher = f"[{row['teacher_version']}]({version_link(row['teacher_version'])})"
    sweep = f"[{row['sweep']}]({run_link(experiment_id, parent.info.run_id)})"
    first = (
        f"A student of {row['parameters']:,} parameters, 1/{ratio:.1f} of {teacher}, on **{row['dataset']}**: "
        f"{metric.label} {quality} after {round(row['kimg'])} kimg. The sweep {sweep} has the limit."
    )
    qualities = _qualities(tracking, run, metric=metric) if images else {}
    return "\n\n".join([first, *_gallery(run, images, qualities=qualities)])


def _qualities(tracking: Tracking, run: Run, *, metric: Column) -> dict[int, str]:
    """Returns what a student scored, by the rung in kimg."""
    history = tracking.client.get_metric_history(run.info.run_id, metric.name)
    return {point.step: f"{metric.label} {metric.text(point.value)}" for point in history}


def _gallery(run: Run, images: Mapping[int, str], *, qualities: Mapping[int, str]) -> Iterator[str]:
    """Yields a table of what the student made and scored at its rungs, early ones first."""
    if not images:
        return
    steps = list(images)
    if len(steps) > MOST_RUNGS:
        steps = [steps[round(place * (len(steps) - 1) / (MOST_RUNGS - 1))] for place in range(MOST_RUNGS)]
    yield "What it makes of the same latents as it learns:"
    shown = [f"![{step} kimg]({artifact_link(run, images[step], fresh=step)})" for step in steps]
    headings = [": ".join([f"{step} kimg", *filter(None, [qualities.get(step)])]) for step in steps]
    lines = (headings, ["---"] * len(steps), shown)
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
