"""This module says which rows a limit rests on: the students that are judged, and those that make the curve."""

import math
import sys
from dataclasses import dataclass

import numpy as np

from analysis.columns import PARAMETERS, Column
from analysis.frontier.pareto import nondominated
from analysis.frontier.students import Students, fresh_students, students_of
from analysis.limit.rule import LimitRule
from analysis.tables import require_one_protocol, require_one_teacher
from analysis.trials import Floats, Trials


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A Judgement has the students that a limit is judged by, those of least `cost` first, and those of its curve.

    `searched` are those that finished in the search, `frontier` those of them that none of the others dominates.
    `unfinished` counts the fresh seeds that were begun and have no result yet.
    """

    students: Students
    curve: Students
    searched: Students
    frontier: Students
    confirmed: bool
    unfinished: int
    cost: Column = PARAMETERS

    @property
    def smaller(self) -> Students:
        """Returns the searched students below all that are judged."""
        return self.searched.take(self.searched.cost_S < self.students.cost_S[:1])

    @property
    def larger(self) -> Students:
        """Returns the searched students above all that are judged."""
        return self.searched.take(self.searched.cost_S > self.students.cost_S[-1:])


def judge(trials: Trials, column: Column, *, cost: Column = PARAMETERS) -> Judgement:
    """Returns the judgement by the confirmed students where there are any, else by the searched ones.

    The curve's students are those on the frontier of the cost and quality. Confirmed students are chosen by the
    medians of their search rows, so that the seeds that then measure the curve have not chosen it; by their own
    medians where one of them was never searched. A student that never finished counts only among confirmed ones: an
    error in a search says nothing of its size. Raises AnalysisError for rows of several protocols or teachers.
    """
    results = np.flatnonzero(trials.is_result)
    require_one_protocol(trials.table, results)
    require_one_teacher(trials.table, results)
    searched = students_of(trials, trials.is_result & trials.is_search, column=column, cost=cost)
    confirmed = fresh_students(trials, column, cost=cost)
    finished = searched.take(trials.is_final[searched.row_S])
    measured = finished.take(finished.measured_S > 0)
    frontier = _frontier(measured, measured, column=column)
    return Judgement(
        students=confirmed if len(confirmed) else finished,
        curve=_frontier(confirmed, searched, column=column) if len(confirmed) else frontier,
        searched=finished,
        frontier=frontier,
        confirmed=len(confirmed) > 0,
        unfinished=_unfinished(trials),
        cost=cost,
    )


def around_the_crossing(frontier: Students, rule: LimitRule, *, threshold: float) -> Students:
    """Returns the largest student of a frontier that fails the rule, and the smallest that holds it."""
    holding_S = rule.holding(frontier.median_S, threshold)
    return frontier.take(np.concatenate([np.flatnonzero(~holding_S)[-1:], np.flatnonzero(holding_S)[:1]]))


def _unfinished(trials: Trials) -> int:
    """Returns how many fresh seeds were begun and have no result from any try."""
    fresh_N = trials.is_confirm & trials.is_distilled
    begun, ended = (trials.student_seed[of] for of in (fresh_N, fresh_N & trials.is_result))
    return len(np.setdiff1d(begun, ended))


def curve_values(curve: Students, column: Column, *, threshold: float) -> tuple[list[Floats], Floats]:
    """Returns each student's seeds as values of which lower is better (`turn`), and the degrees of freedom of each.

    A failed seed counts as the worst value that any of them measured, and as no better than twice the threshold
    (half of it, where higher is better). A student without a measured seed says nothing of the noise.
    """
    turned = [turned_values(curve.values_of(index), column) for index in range(len(curve))]
    rule = turn(threshold, column)
    worst = max((float(values.max()) for values in turned if len(values)), default=rule)
    worst = max(worst, rule + (math.log(2) if column.log else abs(rule)))
    values = [np.append(own, np.full(failed, worst)) for own, failed in zip(turned, curve.failed_S, strict=True)]
    degrees_K = np.where(curve.measured_S > 0, curve.seed_counts - 1, 0).astype(np.float64)
    return values, degrees_K


def turned_values(values: Floats, column: Column) -> Floats:
    """Returns what `turn` gives for each of many values, to the last bit."""
    # NumPy's logarithm rounds otherwise on some processors.
    scaled = np.array(list(map(math.log, values.tolist())), dtype=np.float64) if column.log else values
    return -scaled if column.higher_is_better else scaled


def turn(value: float, column: Column) -> float:
    """Returns a value so that lower is better, by its logarithm where the column is averaged so."""
    scaled = math.log(value) if column.log else value
    return -scaled if column.higher_is_better else scaled


def turn_back(value: float, column: Column) -> float:
    """Returns the value that `turn` turned."""
    scaled = -value if column.higher_is_better else value
    return math.exp(scaled) if column.log else scaled


def _frontier(students: Students, searched: Students, *, column: Column) -> Students:
    """Returns those of `students` that no other dominates by the medians of `searched`, smallest first.

    A student that failed in half of its seeds or more is the worst of all: on the frontier where none is smaller.
    """
    known = searched if np.isin(students.code_S, searched.code_S).all() else students
    order = np.argsort(known.code_S)
    median_S = (
        known.median_S[order[np.searchsorted(known.code_S[order], students.code_S)]] if len(known) else known.median_S
    )
    sign = -1.0 if column.higher_is_better else 1.0
    qualities = np.minimum(sign * median_S, sys.float_info.max)
    points_S2 = np.stack([students.cost_S.astype(np.float64), qualities], axis=1)
    return students.take(nondominated(points_S2))
