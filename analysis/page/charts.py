"""This module gives the page's charts as plain data for its script; what is optimal is worked out here."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COLUMNS, COSTS, PARAMETERS, QUALITIES, Column, is_positive
from analysis.comparison.gain import Gain
from analysis.findings import Findings
from analysis.frontier.attainment import attainment_of
from analysis.frontier.band import Band, band_of
from analysis.frontier.students import Students, confirmed_students, final_searched, frontier_of
from analysis.page.chapter import Chapter
from analysis.page.device import device_chart
from analysis.schemes import scheme_of
from analysis.seeking.limit_search import SpaceLimit
from analysis.trials import Floats, Ints, Trials
from analysis.wording import limit_label

MOST_TRIALS = 20_000  # in one chapter: a browser takes seconds to draw more points, and its table to search them
LEAST_CHANCE = 0.002  # that a chart of sizes shows
TRIAL_COLUMNS = (
    *("trial", "phase", "mode", "state", "final", "parameters", "compression_ratio", "width", "depth"),
    *("block", "first_layer_rank", "stage_widths", "gan_weight", "scheme", "settings", "seed", "kimg"),
    *("fid", "kid", "inception_score", "sharpness", "precision", "recall"),
    *("latent_mse", "latent_ssim", "weight_bytes", "bits", "mac_g", "latency_ms", "wall_s", "run_id", "error"),
)


def chart_data(chapter: Chapter) -> dict[str, Any]:
    """Returns everything that the script draws of a chapter, as JSON values."""
    findings = chapter.findings
    trials = Trials(findings.table)
    views = _views(findings, trials)
    shown = findings.table.select(TRIAL_COLUMNS).take(_shown(trials, views))
    progress = findings.progress.take(_corners(findings.progress["share"].to_numpy()))
    return {
        "name": chapter.name,
        "run_url": chapter.run_url,
        "trials": {name: [finite(value) for value in shown[name].to_pylist()] for name in TRIAL_COLUMNS},
        "views": views,
        "view": _first_view(findings, views),
        "columns": {name: _column(COLUMNS[name]) for name in _axes(findings.table)},
        "limit": _limit(findings),
        "gains": {key: _gain(gains[0]) for key, gains in findings.gains.items()},
        "sharpness": _sharpness(findings, shown),
        "progress": {n: [finite(v) for v in progress[n].to_pylist()] for n in ("kimg", "trials", "share")},
        "space": chapter.space and _space(chapter.space, findings),
        **({"device": device_chart(chapter.device)} if chapter.device else {}),
        "importances": sorted(chapter.importances.items(), key=lambda item: (item[1], item[0])),
        "teacher_parameters": findings.first.get("teacher_parameters"),
    }


def finite(value: Any) -> Any:
    """Returns `value`, or None for a number that JSON does not know."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(trials: Trials, views: Mapping[str, Any]) -> Ints:
    """Returns all rows, or MOST_TRIALS of them: those that the charts name, and an even share of the others."""
    if len(trials) <= MOST_TRIALS:
        return np.arange(len(trials))
    named = {
        trial for view in views.values() for trial in (*view["frontier"], *(c["trial"] for c in view["confirmed"]))
    }
    is_named = np.isin(trials.integers("trial"), sorted(named))
    return np.union1d(np.flatnonzero(is_named), _evenly(np.flatnonzero(~is_named), MOST_TRIALS - int(is_named.sum())))


def _corners(share: Floats) -> Ints:
    """Returns where a long curve of steps must be drawn: its ends, and where it rises; all of a short one."""
    if len(share) <= MOST_TRIALS:
        return np.arange(len(share))
    rises = np.flatnonzero(np.diff(share) != 0) + 1
    return np.union1d([0, len(share) - 1], _evenly(rises, MOST_TRIALS)).astype(np.int64)


def _evenly(places: Ints, most: int) -> Ints:
    """Returns as many as `most` of the places, at even distances."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, max(most, 0)).round().astype(np.int64)]


def _views(findings: Findings, trials: Trials) -> dict[str, dict[str, Any]]:
    """Returns the frontier's chart for every cost and quality that were measured."""
    final = np.flatnonzero(trials.is_finished & trials.is_distilled)
    measured = [name for name in _axes(findings.table) if pc.is_valid(findings.table[name]).to_numpy()[final].any()]
    found: dict[str, dict[str, Any]] = {}
    for quality in (name for name in QUALITIES if name in measured):
        searched, confirmed = final_searched(trials, QUALITIES[quality]), confirmed_students(findings.table, quality)
        for cost in (name for name in COSTS if name in measured):
            found[f"{cost}|{quality}"] = _view(findings, searched, confirmed=confirmed, objectives=(cost, quality))
    order = [f"{cost}|{quality}" for cost in COSTS for quality in QUALITIES]
    return {name: found[name] for name in order if name in found}


def _first_view(findings: Findings, views: Mapping[str, Any]) -> str:
    """Returns the chart that is shown first: that of what the sweep seeks the least of, where it was measured."""
    sought = f"{findings.cost}|{findings.rule.metric}"
    return sought if sought in views else f"{PARAMETERS.name}|{findings.rule.metric}"


def _axes(table: pa.Table) -> list[str]:
    """Returns the costs and qualities that the table has columns of."""
    return [name for name in COLUMNS if name in table.column_names]


def _view(
    findings: Findings, searched: Students, *, confirmed: pa.Table, objectives: tuple[str, str]
) -> dict[str, Any]:
    first, (cost, quality) = findings.first, objectives
    return {
        "frontier": frontier_of(searched, objectives)["trial"].to_pylist(),
        "confirmed": [_confirmed(row, cost) for row in confirmed.to_pylist() if row[cost] is not None],
        "band": _band(band_of(attainment_of(searched.trials, objectives))),
        "teacher": [finite(first.get(f"teacher_{name}")) for name in objectives],
        "real": finite(first.get(f"real_{quality}")),
        "threshold": findings.limit.threshold if quality == findings.rule.metric else None,
        "shows_limit": cost == "parameters" and quality == findings.rule.metric,
    }


def _band(band: Band | None) -> dict[str, Any] | None:
    if band is None:
        return None
    ends = {"x": band.x_P.tolist(), "best": band.best_P.tolist(), "worst": band.worst_P.tolist()}
    middle = [list(point) for point in band.middle]
    return {**ends, "middle": middle, "words": band.words, "middle_words": band.middle_words}


def _confirmed(row: Mapping[str, Any], cost: str) -> dict[str, Any]:
    names = ("trial", "confirmed", "confirmed_low", "confirmed_high", "confirmed_seeds", "confirmed_failed")
    return {**{name: finite(row[name]) for name in names}, "cost": finite(row[cost])}


def _column(column: Column) -> dict[str, Any]:
    return {"label": column.label, "axis": column.axis, "log": column.log, "higher": column.higher_is_better}


def _limit(findings: Findings) -> dict[str, Any]:
    limit = findings.limit
    interval = [limit.interval.low, limit.interval.high] if limit.interval else None
    return {"parameters": limit.parameters, "interval": interval, "label": limit_label(limit)}


def _space(space: SpaceLimit, findings: Findings) -> dict[str, Any]:
    curve, metric = space.curve, findings.metric
    return {
        "sizes": curve.sizes_K.tolist(),
        "worst": curve.worst_K.tolist(),
        "middle": curve.middle_K.tolist(),
        "best": curve.best_K.tolist(),
        "chances": [chance if chance >= LEAST_CHANCE else None for chance in space.where.chance_K.tolist()],
        "interval": [*space.interval],
        "threshold": findings.limit.threshold,
        "metric": metric.name,
        "cost": space.cost.name,
        "quantity": space.cost.quantity,
        "noun": space.cost.noun,
    }


def _gain(gain: Gain) -> dict[str, Any]:
    whole = {name: finite(getattr(gain, name)) for name in ("label", "metric", "ratio", "low", "high", "pairs", "wins")}
    sizes = [
        {name: finite(getattr(size, name)) for name in ("parameters", "ratio", "low", "high", "pairs", "wins")}
        for size in gain.per_size
        if size.pairs
    ]
    return {**whole, "axis": f"{gain.metric_name}: times better", "sizes": sizes}


def _sharpness(findings: Findings, shown: pa.Table) -> dict[str, Any]:
    """Returns sharpness as a share of the teacher's, by scheme."""
    schemes: dict[str, dict[str, list[Any]]] = {}
    first, rows = findings.first, _finished(shown)
    if not rows or not is_positive(first["teacher_sharpness"]):
        return {"schemes": {}, "real": None}
    for row in rows:
        points = schemes.setdefault(str(scheme_of(row)), {"parameters": [], "share": [], "trial": []})
        points["parameters"].append(row["parameters"])
        points["share"].append(row["sharpness"] / first["teacher_sharpness"])
        points["trial"].append(row["trial"])
    real = first["real_sharpness"] / first["teacher_sharpness"]
    return {"schemes": dict(sorted(schemes.items())), "real": real if is_positive(real) else None}


def _finished(table: pa.Table) -> list[dict[str, Any]]:
    needed = table.select(["trial", "mode", "gan_weight", "scheme", "final", "parameters", "sharpness"])
    return [row for row in needed.to_pylist() if row["final"] and is_positive(row["sharpness"])]
