"""The page's charts as plain data, which its script draws; what is optimal is worked out here, not in the browser."""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from analysis.columns import COSTS, QUALITIES, Column, is_positive
from analysis.comparison.gain import Gain
from analysis.findings import Findings
from analysis.frontier.attainment import attainment
from analysis.frontier.band import Band, band_of
from analysis.frontier.pareto import final_students
from analysis.frontier.students import confirmed_students, student_frontier
from analysis.page.chapter import Chapter
from analysis.paper.rows import scheme_of
from analysis.wording import limit_label

TRIAL_COLUMNS = (
    *("trial", "phase", "mode", "state", "final", "parameters", "compression_ratio", "width", "depth", "block"),
    *("gan_weight", "settings", "seed", "kimg", "fid", "kid", "inception_score", "sharpness", "precision", "recall"),
    *("latent_mse", "latent_ssim", "mac_g", "latency_ms", "wall_s", "run_id", "error"),
)


def chart_data(chapter: Chapter) -> dict[str, Any]:
    """Everything that the script draws of a chapter, as JSON values."""
    findings = chapter.findings
    table = findings.table.select(TRIAL_COLUMNS)
    return {
        "name": chapter.name,
        "run_url": chapter.run_url,
        "trials": {name: [finite(value) for value in table[name].to_pylist()] for name in TRIAL_COLUMNS},
        "views": _views(findings),
        "view": f"parameters|{findings.rule.metric}",
        "columns": {column.name: _column(column) for column in (*COSTS.values(), *QUALITIES.values())},
        "limit": _limit(findings),
        "gains": {key: _gain(gains[0]) for key, gains in findings.gains.items()},
        "sharpness": _sharpness(findings),
        "progress": {n: [finite(v) for v in findings.progress[n].to_pylist()] for n in ("kimg", "trials", "share")},
        "importances": sorted(chapter.importances.items(), key=lambda item: (item[1], item[0])),
        "teacher_parameters": findings.first.get("teacher_parameters"),
    }


def finite(value: Any) -> Any:
    """`value`, or None for a number that JSON does not know."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _views(findings: Findings) -> dict[str, dict[str, Any]]:
    """The frontier's chart for every cost and quality that were measured."""
    students = final_students(findings.table)
    measured = [name for name in (*COSTS, *QUALITIES) if students[name].null_count < len(students)]
    return {
        f"{cost}|{quality}": _view(findings, cost, quality)
        for cost in COSTS
        for quality in QUALITIES
        if cost in measured and quality in measured
    }


def _view(findings: Findings, cost: str, quality: str) -> dict[str, Any]:
    table, first = findings.table, findings.first
    frontier, confirmed = student_frontier(table, quality, cost), confirmed_students(table, quality)
    return {
        "frontier": frontier["trial"].to_pylist(),
        "confirmed": [_confirmed(row, cost) for row in confirmed.to_pylist() if row[cost] is not None],
        "band": _band(band_of(attainment(table, (cost, quality)))),
        "teacher": [finite(first.get(f"teacher_{name}")) for name in (cost, quality)],
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


def _gain(gain: Gain) -> dict[str, Any]:
    whole = {name: finite(getattr(gain, name)) for name in ("label", "metric", "ratio", "low", "high", "pairs", "wins")}
    sizes = [
        {name: finite(getattr(size, name)) for name in ("parameters", "ratio", "low", "high", "pairs", "wins")}
        for size in gain.per_size
        if size.pairs
    ]
    return {**whole, "axis": f"{gain.metric_name}: times better", "sizes": sizes}


def _sharpness(findings: Findings) -> dict[str, Any]:
    """Sharpness as a share of the teacher's, by scheme."""
    schemes: dict[str, dict[str, list[Any]]] = {}
    first, rows = findings.first, _finished(findings.table)
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
    return [row for row in table.to_pylist() if row["final"] and is_positive(row["sharpness"])]
