"""Which rows a limit rests on: the students that are judged, and those of them that make the curve."""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.columns import Column
from analysis.frontier.pareto import front_of
from analysis.frontier.students import Student, is_result, students_of
from analysis.limit.crossing import Floats
from analysis.limit.rule import LimitRule
from analysis.schema import Mode, Phase, require_one_protocol, require_one_teacher, student_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """The students that a limit is judged by, smallest first, and those of one size each that make its curve.

    `searched` are those that finished in the search, `frontier` those of them that none of the others dominates.
    `unfinished` counts the fresh seeds that were begun and have no result yet.
    """

    students: tuple[Student, ...]
    curve: tuple[Student, ...]
    searched: tuple[Student, ...]
    frontier: tuple[Student, ...]
    confirmed: bool
    unfinished: int

    @property
    def smaller(self) -> list[Student]:
        """Searched students below all that are judged."""
        return [student for student in self.searched if student.parameters < self.students[0].parameters]

    @property
    def larger(self) -> list[Student]:
        """Searched students above all that are judged."""
        return [student for student in self.searched if student.parameters > self.students[-1].parameters]


def judge(table: pa.Table, column: Column) -> Judgement:
    """The confirmed students where there are any, else the searched ones.

    The curve's students are those on the frontier of parameters and quality. Confirmed students are chosen by the
    medians of their search rows, so that the seeds that then measure the curve have not chosen it; by their own
    medians where one of them was never searched. A student that never finished counts only among confirmed ones: an
    error in a search says nothing of its size. Raises AnalysisError for rows of several protocols or teachers.
    """
    all_rows = table.to_pylist()
    rows = [row for row in all_rows if is_result(row)]
    judged = pa.Table.from_pylist(rows, table.schema)
    require_one_protocol(judged)
    require_one_teacher(judged)
    searched = list(students_of((row for row in rows if row["phase"] == Phase.SEARCH), column))
    confirmed = list(students_of((row for row in rows if row["phase"] == Phase.CONFIRM), column))
    finished = tuple(student for student in searched if student.row["final"])
    measured = [student for student in finished if student.values]
    frontier = _frontier(measured, measured, column)
    return Judgement(
        students=tuple(confirmed) or finished,
        curve=_frontier(confirmed, searched, column) if confirmed else frontier,
        searched=finished,
        frontier=frontier,
        confirmed=bool(confirmed),
        unfinished=_unfinished(all_rows),
    )


def around_the_crossing(frontier: Iterable[Student], rule: LimitRule, threshold: float) -> list[Student]:
    """Of a frontier, smallest first, the largest student that fails the rule and the smallest that holds it."""
    sides: dict[bool, list[Student]] = {True: [], False: []}
    for student in frontier:
        sides[rule.holds(student.median, threshold)].append(student)
    return sides[False][-1:] + sides[True][:1]


def _unfinished(rows: list[Row]) -> int:
    """How many fresh seeds were begun of which no try has a result."""
    fresh = [row for row in rows if row["phase"] == Phase.CONFIRM and row["mode"] == Mode.DISTILLED]
    begun, ended = ({(*student_of(row), row["seed"]) for row in of} for of in (fresh, filter(is_result, fresh)))
    return len(begun - ended)


def curve_values(curve: Iterable[Student], column: Column, threshold: float) -> tuple[list[Floats], Floats]:
    """Each student's seeds as values of which lower is better (`turn`), and the degrees of freedom of each.

    A failed seed counts as the worst value that any of them measured, and as no better than twice the threshold
    (half of it, where higher is better). A student without a measured seed says nothing of the noise.
    """
    curve = list(curve)
    turned = [[turn(value, column) for value in student.values] for student in curve]
    rule = turn(threshold, column)
    worst = max((value for values in turned for value in values), default=rule)
    worst = max(worst, rule + (math.log(2) if column.log else abs(rule)))
    values = [np.array([*of_size, *[worst] * student.failed]) for of_size, student in zip(turned, curve, strict=True)]
    degrees_K = np.array([student.seeds - 1 if student.values else 0 for student in curve], dtype=np.float64)
    return values, degrees_K


def turn(value: float, column: Column) -> float:
    """A value so that lower is better, by its logarithm where the column is averaged so."""
    scaled = math.log(value) if column.log else value
    return -scaled if column.higher_is_better else scaled


def turn_back(value: float, column: Column) -> float:
    """The inverse of `turn`."""
    scaled = -value if column.higher_is_better else value
    return math.exp(scaled) if column.log else scaled


def _frontier(students: list[Student], searched: list[Student], column: Column) -> tuple[Student, ...]:
    """Of `students` those that none of the others dominates by the medians of `searched`, smallest first.

    One that failed in half of its seeds or more is the worst of all: on the frontier where none is smaller.
    """
    known = {student_of(student.row): student.median for student in searched}
    if any(student_of(student.row) not in known for student in students):
        known = {student_of(student.row): student.median for student in students}
    sign = -1.0 if column.higher_is_better else 1.0
    points: dict[tuple[float, float], Student] = {}
    for student in students:
        quality = min(sign * known[student_of(student.row)], sys.float_info.max)
        points.setdefault((float(student.parameters), quality), student)  # of equal ones the first
    return tuple(points[point] for point in front_of(list(points)))
