"""Which students are worth trying again: those around the limit, and those on the frontier."""

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.frontier.students import Student, student_frontier
from analysis.limit.judging import around_the_crossing, judge, turn
from analysis.limit.rule import LimitRule
from analysis.schema import Phase, student_of

Row = dict[str, Any]


def limit_candidates(table: pa.Table, rule: LimitRule, around: int, whole_frontier: bool) -> pa.Table:
    """Searched final students to confirm, each once whatever its seeds, smallest first.

    Judged by the median of the rule's metric over their seeds. The `around` students on each side of the rule's
    threshold that are nearest to it (as a ratio, where the metric is averaged by logarithm); the two of the frontier
    of parameters and the metric between which the threshold lies; and with `whole_frontier` all of that frontier. A
    sweep's best row is the luckiest of many; fresh seeds of its neighbours tell how lucky. Raises AnalysisError for
    rows of several protocols or teachers.
    """
    searched = table.filter(pc.equal(table["phase"], Phase.SEARCH.value))
    judgement = judge(searched, rule.column)
    if not judgement.students:
        return table.schema.empty_table()
    threshold = rule.threshold_for(judgement.students[0].row)
    chosen = around_the_crossing(judgement.frontier, rule, threshold)
    for holding in (True, False):
        side = [student for student in judgement.students if rule.holds(student.median, threshold) == holding]
        chosen += _nearest([student for student in side if math.isfinite(student.median)], rule, threshold)[:around]
    rows = [student.row for student in chosen]
    rows += student_frontier(searched, rule.metric).to_pylist() if whole_frontier else []
    students = sorted(_each_once(rows), key=lambda row: (row["parameters"], row["trial"]))
    return pa.Table.from_pylist(students, table.schema)


def _nearest(students: list[Student], rule: LimitRule, threshold: float) -> list[Student]:
    at = turn(threshold, rule.column)
    return sorted(students, key=lambda student: abs(turn(student.median, rule.column) - at))


def _each_once(rows: list[Row]) -> list[Row]:
    first: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        first.setdefault(student_of(row), row)
    return list(first.values())
