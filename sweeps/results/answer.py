"""This module shows on a sweep's run in MLflow what the sweep has come to: numbers, curves, a description, a figure."""

import itertools
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from mlflow.entities import Run

import analysis
from analysis import CostLimit, Findings, SpaceLimit, TrialState
from sweeps.ledger.batches import curves_of
from sweeps.ledger.notes import describe_run
from sweeps.ledger.tracking import Tracking
from sweeps.results.answer_text import FIGURE, answer_text
from sweeps.results.names import (
    ALL_TRIALS,
    BEST_FID,
    BYTES,
    FRONTIER,
    FRONTIER_SIZE,
    HYPERVOLUME,
    LIMIT,
    PARAMETERS,
    RATIO,
    SHOWN_KIMG,
    SHOWN_STEP,
    SPACE,
    SPENT,
    TRIALS,
)
from sweeps.results.student_notes import describe_students
from sweeps.results.views import save_views
from sweeps.spec.flattened import flattened
from sweeps.spec.sought import sought_of
from sweeps.spec.sweep import BYTES as WEIGHT_BYTES
from sweeps.spec.sweep import HOUR_S, SweepSpec

SCREEN_DPI = 150  # a page shows an image in its own size
_QUALITIES = ("fid", "inception_score", "sharpness")
DIGITS = 6  # of a number: the page shows all that it has
AT_ONCE = 100  # parameters that MLflow takes
MOST_POINTS = 200  # of a curve, at once
Point = tuple[float, float]  # (kimg, value)


def state_question(tracking: Tracking, parent: Run, *, spec: SweepSpec) -> None:
    """Log on a sweep's run what its specification says, key by key. MLflow never changes a value that is there."""
    new = {name: text for name, text in flattened(spec).items() if name not in parent.data.params}
    names = list(new)
    for start in range(0, len(names), AT_ONCE):
        tracking.log(parent.info.run_id, params={name: new[name] for name in names[start : start + AT_ONCE]})


def show_answer(
    tracking: Tracking, parent: Run, *, spec: SweepSpec, findings: Findings, space: SpaceLimit | None = None
) -> None:
    """Bring a sweep's run up to date: what has changed of its metrics, its figure, and its description."""
    known: Mapping[str, float] = parent.data.metrics
    numbers = _withdrawn(known) | answer_metrics(spec, findings, space=space)
    changed = {name: value for name, value in numbers.items() if not _is_same(known.get(name), value)}
    if changed and (known or len(findings.table)):
        _log_numbers(tracking, parent, findings=findings, changed=changed)
        _draw(tracking, parent, spec=spec, findings=findings)
    if changed or not known:
        save_views(tracking, parent, spec=spec, findings=findings)
    describe_run(tracking, parent.info.run_id, text=answer_text(parent, spec, findings=findings, space=space))
    describe_students(tracking, parent, findings=findings, frontier=sought_of(findings, spec).frontier)


def _log_numbers(tracking: Tracking, parent: Run, *, findings: Findings, changed: Mapping[str, float]) -> None:
    """Log how the curves go on, and then what has changed, at the greatest step so far.

    MLflow shows the value of the greatest step, and what was spent falls where a trial's run is deleted. A curve ends
    before the first trial that runs; its last value beyond is of all that have ended. What is known of trials before
    that step only later stands at it where it is better.
    """
    run_id, tags = parent.info.run_id, parent.data.tags
    before = parent.data.metrics.get(SPENT, 0.0)  # of a run without these tags
    curves = _curves(findings, after=float(tags.get(SHOWN_KIMG, before)))
    step = max(round(_kimg(findings.table)), int(tags.get(SHOWN_STEP, round(before))))
    points = {name: _thinned(curve) for name, curve in curves.points.items()}
    if int(tags.get(SHOWN_STEP, 0)) > curves.after:
        points = {name: _fitting(tracking, run_id, name=name, curve=curve) for name, curve in points.items()}
    place = {SHOWN_KIMG: curves.kimg, SHOWN_STEP: step}
    tracking.log(run_id, changed, kimg=step, tags=place, before=curves_of(points))


def _fitting(tracking: Tracking, run_id: str, *, name: str, curve: list[Point]) -> list[Point]:
    """Returns a curve that falls nowhere, with what was shown of trials that had ended early.

    It is nowhere worse than what was shown at fewer kimg. A point that is better than what was shown at more kimg was
    not known then, and stands there.
    """
    best_of = min if name == BEST_FID else max
    shown = [(point.step, point.value) for point in tracking.client.get_metric_history(run_id, name)]
    known = [(step, value) for step, value in shown if math.isfinite(value)]
    fitting: dict[int, Point] = {}  # one a step, the last: of two at once MLflow would show the larger
    for kimg, value in curve:
        best = best_of([value, *(each for step, each in known if step <= round(kimg))])
        worse = [float(step) for step, each in known if best_of(each, best) != each]
        place = max([kimg, *worse])
        fitting[round(place)] = (place, best)
    return [*fitting.values()]


def _withdrawn(known: Mapping[str, float]) -> dict[str, float]:
    """Returns what is logged of the known names that are no longer part of the answer: MLflow deletes no metric."""
    gone = {name: math.nan for name in known if name.startswith((LIMIT, SPACE, FRONTIER))}
    return gone | {name: 0.0 for name in known if name.startswith(TRIALS)}  # states that no trial is in any more


def _is_same(before: float | None, now: float) -> bool:
    return before == now or (before is not None and math.isnan(before) and math.isnan(now))


def answer_metrics(spec: SweepSpec, findings: Findings, *, space: SpaceLimit | None = None) -> dict[str, float]:
    """Returns what is known of a sweep as numbers by name; MLflow's page groups them by what stands before the /."""
    first, limit, table = findings.first, findings.limit, findings.table
    low, high = limit.ratio_interval or (None, None)
    smallest, largest = (limit.interval.low, limit.interval.high) if limit.interval else (None, None)
    wall_s = float(np.nansum(table["wall_s"].to_numpy())) if len(table) else 0.0
    gpus = spec.resources.gpus  # None where a measurement says how many trials share one
    found: dict[str, float | None] = {
        RATIO: limit.ratio,
        f"{RATIO}_low": low,
        f"{RATIO}_high": high,
        PARAMETERS: limit.parameters,
        f"{PARAMETERS}_low": smallest,
        f"{PARAMETERS}_high": largest,
        f"{LIMIT}threshold": limit.threshold,
        f"{LIMIT}student_parameters": limit.student_parameters,
        **_bytes_metrics(spec, findings),
        f"{SPACE}parameters": space.size if space else None,
        FRONTIER_SIZE: len(sought_of(findings, spec).frontier),
        HYPERVOLUME: findings.progress["share"].to_pylist()[-1] if len(findings.progress) else None,
        BEST_FID: min(_fids(table).values(), default=None),
        **{f"{of}/{name}": first.get(f"{of}_{name}") for of in ("teacher", "real") for name in _QUALITIES},
        "teacher/parameters": first.get("teacher_parameters"),
        **{f"{TRIALS}{state.lower()}": count for state, count in analysis.state_counts(table).items()},
        ALL_TRIALS: len(table),
        SPENT: _kimg(table.filter(pc.greater(table["wall_s"], 0.0))),  # what comes from other sweeps took no time here
        "spent/core_hours": wall_s * spec.resources.cpus_per_trial / HOUR_S,
        "spent/gpu_hours": None if gpus is None else wall_s * gpus / HOUR_S,
    }
    known = {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
    return {name: _rounded(value) for name, value in known.items()}


def _bytes_metrics(spec: SweepSpec, findings: Findings) -> dict[str, float | None]:
    """Returns the limit in bytes as numbers by name, where the sweep seeks it."""
    limit = sought_of(findings, spec).limit
    if not isinstance(limit, CostLimit):
        return {}
    low, high = (limit.interval.low, limit.interval.high) if limit.interval else (None, None)
    student = limit.student.costs[limit.cost] if limit.student else None
    ends = {f"{BYTES}_low": low, f"{BYTES}_high": high}
    return {BYTES: limit.amount, **ends, f"{LIMIT}student_bytes": student}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True, kw_only=True)
class _Curves:
    """These are the points of a search's curves by name, beyond `after` and up to `kimg`."""

    points: dict[str, list[Point]]
    after: float
    kimg: float


def _curves(findings: Findings, *, after: float) -> _Curves:
    """Returns the search's curves beyond `after` kimg: what its students dominate, and the best FID.

    They are over the kimg of trials in their order, and so end before the first one that runs: what comes behind it is
    not known yet.
    """
    table = findings.table
    running = set(table.filter(pc.equal(table["state"], TrialState.RUNNING))["trial"].to_pylist())
    progress, fids = findings.progress.to_pylist(), _fids(table)
    ended = list(itertools.takewhile(lambda point: point["trial"] not in running, progress))
    best: float | None = None
    points: dict[str, list[Point]] = {HYPERVOLUME: [], BEST_FID: []}
    for point in ended:
        fid = fids.get(point["trial"])
        best = fid if best is None else min(best, best if fid is None else fid)
        if point["kimg"] > after and best is not None:
            points[HYPERVOLUME].append((point["kimg"], _rounded(point["share"])))
            points[BEST_FID].append((point["kimg"], _rounded(best)))
    kimg = max([after, *(point["kimg"] for point in ended[-1:])])
    return _Curves(points=points, after=after, kimg=kimg)


def _kimg(table: pa.Table) -> float:
    return float(np.nansum(table["kimg"].to_numpy())) if len(table) else 0.0


def _fids(table: pa.Table) -> dict[int, float]:
    """Returns the FID of each student that was trained to its end, by its trial."""
    rows = analysis.final_students(table).select(["trial", "fid"]).to_pylist()
    return {row["trial"]: row["fid"] for row in rows if row["fid"] is not None}


def _thinned(points: list[Point]) -> list[Point]:
    if len(points) <= MOST_POINTS:
        return points
    return [points[round(place)] for place in np.linspace(0, len(points) - 1, MOST_POINTS)]


def _draw(tracking: Tracking, parent: Run, *, spec: SweepSpec, findings: Findings) -> None:
    if not len(findings.frontier):
        return
    is_bytes = sought_of(findings, spec).cost == WEIGHT_BYTES
    figure = analysis.bytes_figure(findings) if is_bytes else analysis.pareto_figure(findings)
    with tempfile.TemporaryDirectory() as name:
        stem = Path(name) / Path(FIGURE).stem
        (path,) = analysis.save_figure(figure, stem, formats=("png",), dpi=SCREEN_DPI)
        tracking.client.log_artifact(parent.info.run_id, str(path))
