"""Which students are worth trying again: those around the limit, and those on the frontier."""

import math
from typing import Any

import pyarrow as pa

from analysis.columns import Column
from analysis.frontier.pareto import final_students, pareto_frontier
from analysis.limit.judging import turn
from analysis.limit.rule import LimitRule
from analysis.schema import Phase, student_of


def limit_candidates(table: pa.Table, rule: LimitRule, around: int, whole_frontier: bool) -> pa.Table:
    """Searched final students to confirm, each once whatever its seeds, smallest first.

    The `around` students on each side of the rule's threshold whose metric is nearest to it (as a ratio, where the
    metric is averaged by logarithm), and with `whole_frontier` those on the frontier as well. A sweep's best row is
    the luckiest of many; fresh seeds of its neighbours tell how lucky. Raises AnalysisError for rows of several
    protocols.
    """
    searched = final_students(table)
    searched = searched.filter(pa.array([phase == Phase.SEARCH for phase in searched["phase"].to_pylist()], pa.bool_()))
    rows = [row for row in searched.to_pylist() if _is_usable(row[rule.metric], rule.column)]
    chosen: list[dict[str, Any]] = pareto_frontier(searched).to_pylist() if whole_frontier else []
    for holding in (True, False):
        side = [row for row in rows if rule.holds(row[rule.metric], _threshold(row, rule)) == holding]
        chosen += sorted(_distinct(side), key=lambda row: _distance(row, rule))[:around]
    students = sorted(_distinct(chosen), key=lambda row: (row["parameters"], row["trial"]))
    return pa.Table.from_pylist(students, searched.schema)


def _distinct(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first row of each student."""
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        first.setdefault(student_of(row), row)
    return list(first.values())


def _threshold(row: dict[str, Any], rule: LimitRule) -> float:
    return rule.threshold_for(row)


def _distance(row: dict[str, Any], rule: LimitRule) -> float:
    return abs(turn(row[rule.metric], rule.column) - turn(_threshold(row, rule), rule.column))


def _is_usable(value: float | None, column: Column) -> bool:
    return value is not None and math.isfinite(value) and (value > 0 or not column.log)
