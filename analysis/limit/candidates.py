"""This module says which students are worth trying again: those around the limit, and those on the frontier."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COSTS, column_of
from analysis.frontier.students import Students, student_frontier
from analysis.limit.judging import around_the_crossing, judge, turn, turned_values
from analysis.limit.rule import LimitRule
from analysis.schema import Phase, student_of
from analysis.schemes import Row
from analysis.trials import Ints, Trials


def limit_candidates(
    table: pa.Table, rule: LimitRule, *, around: int, whole_frontier: bool, cost: str = "parameters"
) -> pa.Table:
    """Returns the searched final students to confirm, each once whatever its seeds, those of least `cost` first.

    They are judged by the median of the rule's metric over their seeds. Chosen are the `around` students on each side
    of the rule's threshold that are nearest to it (as a ratio, where the metric is averaged by logarithm); the two of
    the frontier of the cost and the metric between which the threshold lies; and with `whole_frontier` all of that
    frontier. A sweep's best row is the luckiest of many; fresh seeds of its neighbours tell how lucky. Raises
    AnalysisError for rows of several protocols or teachers.

    >>> from analysis import LimitRule, example_trials, limit_candidates
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80.0 / 2**n} for n in range(1, 7)))
    >>> rule = LimitRule(metric="fid", tolerance=1.0)  # at most 10, which 3,000 parameters just hold
    >>> limit_candidates(table, rule, around=1, whole_frontier=False)["parameters"].to_pylist()
    [2000, 3000]
    """
    searched = table.filter(pc.equal(table["phase"], Phase.SEARCH.value))
    judgement = judge(Trials(searched), rule.column, cost=column_of(cost, COSTS))
    students = judgement.students
    if not len(students):
        return table.schema.empty_table()
    threshold = rule.threshold_for(students[0].row)
    chosen = [around_the_crossing(judgement.frontier, rule, threshold=threshold)]
    holding_S = rule.holding(students.median_S, threshold)
    for side_S in (holding_S, ~holding_S):
        side = students.take(side_S & np.isfinite(students.median_S))
        chosen.append(side.take(_by_distance(side, rule, threshold=threshold)[:around]))
    rows = [row for side in chosen for row in searched.take(side.row_S).to_pylist()]
    rows += student_frontier(searched, rule.metric, cost=cost).to_pylist() if whole_frontier else []
    return pa.Table.from_pylist(sorted(_each_once(rows), key=lambda row: (row[cost], row["trial"])), table.schema)


def _by_distance(students: Students, rule: LimitRule, *, threshold: float) -> Ints:
    """Returns the places of the students, those nearest to the threshold first."""
    apart_S = np.abs(turned_values(students.median_S, rule.column) - turn(threshold, rule.column))
    return np.argsort(apart_S, kind="stable")


def _each_once(rows: list[Row]) -> list[Row]:
    first: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        first.setdefault(student_of(row), row)
    return list(first.values())
