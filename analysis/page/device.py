"""This module gives what the page shows of a device: words and cells for its template, points for its script."""

from collections.abc import Mapping
from typing import Any

from analysis.columns import COSTS
from analysis.device import DeviceFindings
from analysis.device_table import DEVICE_NOTE, device_cells, device_headings
from analysis.frontier.pareto import final_students
from analysis.limit.cost_limit import CostLimit
from analysis.schema import VARIANT, size_text


def device_text(findings: DeviceFindings) -> dict[str, Any]:
    """Returns all that the template writes of what a device pays."""
    return {
        "sentences": findings.sentences(),
        "costs": [(cost, COSTS[cost].label) for cost in findings.costs],
        "basis": findings.basis,
        "headings": device_headings(findings),
        "rows": device_cells(findings),
        "note": DEVICE_NOTE,
    }


def device_chart(findings: DeviceFindings) -> dict[str, Any]:
    """Returns what the script draws of what a device pays, as JSON values."""
    return {
        "forms": findings.forms,
        "axis": findings.metric.axis,
        "log": findings.metric.log,
        "threshold": findings.threshold,
        "views": {cost: _view(findings, cost) for cost in findings.costs},
    }


def _view(findings: DeviceFindings, cost: str) -> dict[str, Any]:
    metric, limits = findings.metric.name, findings.limits[cost]
    rows = [row for row in final_students(findings.table).to_pylist() if row[cost] and row[metric] is not None]
    return {
        "axis": COSTS[cost].axis,
        "points": [_point(row, findings, cost=cost) for row in rows],
        "frontier": [{"x": row[cost], "y": row[metric]} for row in findings.frontiers[cost].to_pylist()],
        "teachers": {row[VARIANT]: _teacher(row, findings, cost=cost) for row in rows},
        "limit": _limit(limits[0]) if limits and limits[0].amount is not None else None,
    }


def _point(row: Mapping[str, Any], findings: DeviceFindings, *, cost: str) -> dict[str, Any]:
    metric = findings.metric
    paid = ", ".join(COSTS[name].amount(row[name]) for name in findings.costs if row[name] is not None)
    quality = f"{metric.label} {metric.text(row[metric.name])}"
    words = f"trial {row['trial']}, {size_text(row)}, {row[VARIANT]}: {paid}, {quality}"
    return {"x": row[cost], "y": row[metric.name], "form": row[VARIANT], "words": words}


def _teacher(row: Mapping[str, Any], findings: DeviceFindings, *, cost: str) -> dict[str, Any] | None:
    place = row[f"teacher_{cost}"], row.get(f"teacher_{findings.metric.name}")
    if None in place:
        return None
    return {"x": place[0], "y": place[1], "words": f"teacher, {row[VARIANT]}: {COSTS[cost].amount(place[0])}"}


def _limit(limit: CostLimit) -> dict[str, Any]:
    ends = {"low": limit.interval.low, "high": limit.interval.high} if limit.interval else {"low": None, "high": None}
    return {"amount": limit.amount, "interval": limit.interval is not None, **ends, "label": limit.short()}
