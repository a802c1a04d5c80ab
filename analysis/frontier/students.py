"""Trials as students: several seeds of one student are one student, and fresh seeds stand beside searched ones."""

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import Column, column_of
from analysis.frontier.pareto import final_students, pareto_frontier
from analysis.schema import Mode, Phase, TrialState, student_of

Row = dict[str, Any]
# Of a worker, a machine or a person, and no evidence about the student: OUT_OF_MEMORY, LOST, INTERRUPTED.
FAILURES = (TrialState.DIVERGED, TrialState.FAILED)
_CONFIRMED = {
    "confirmed": pa.float64(),
    "confirmed_low": pa.float64(),
    "confirmed_high": pa.float64(),
    "confirmed_seeds": pa.int64(),
    "confirmed_failed": pa.int64(),
}


@dataclass(frozen=True)
class Student:
    """A student with what its seeds measured.

    `failed` seeds diverged, ended with an error, or measured nothing finite. In the median they count as worse
    than any other, so that a student holds a rule only where most of its seeds do.
    """

    row: Row  # of the seed nearest to the median
    values: tuple[float, ...]
    failed: int
    median: float

    @property
    def parameters(self) -> int:
        return int(self.row["parameters"])

    @property
    def seeds(self) -> int:
        return len(self.values) + self.failed


def is_result(row: Row) -> bool:
    """Whether a row is evidence about a student: it reached the full budget, or failed on the way."""
    if row["mode"] != Mode.DISTILLED or row["phase"] not in (Phase.SEARCH, Phase.CONFIRM):
        return False
    return bool(row["final"] and row["state"] == TrialState.COMPLETED) or row["state"] in FAILURES


def students_of(rows: Iterable[Row], column: Column) -> Iterator[Student]:
    """The students of `rows`, smallest first, each seed once: the finished row of it, where there is one."""
    groups: dict[tuple[Any, ...], dict[int, Row]] = {}
    for row in sorted(rows, key=lambda row: (row["parameters"], row["trial"])):
        seeds = groups.setdefault(student_of(row), {})
        if row["seed"] not in seeds or not _is_measured(seeds[row["seed"]], column):
            seeds[row["seed"]] = row
    for group in groups.values():
        rows_of_one = list(group.values())
        values = tuple(row[column.name] for row in rows_of_one if _is_measured(row, column))
        failed = len(rows_of_one) - len(values)
        worst = -math.inf if column.higher_is_better else math.inf
        median = statistics.median([*values, *[worst] * failed])
        yield Student(_nearest(rows_of_one, median, column), values, failed, median)


def searched_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """A row for each final student of the search: of several seeds the one nearest to the median of `metric`.

    Of all phases where no student of the search has finished.
    """
    students = final_students(table)
    searched = students.filter(pc.equal(students["phase"], Phase.SEARCH.value))
    rows = (searched if len(searched) else students).to_pylist()
    return pa.Table.from_pylist([student.row for student in students_of(rows, column_of(metric))], table.schema)


def student_frontier(table: pa.Table, metric: str = "fid", cost: str = "parameters") -> pa.Table:
    """The Pareto frontier of the searched students, smallest first, so that one lucky seed does not decide it."""
    return pareto_frontier(searched_students(table, metric), (cost, metric))


def confirmed_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """The searched students that fresh seeds finished for, with the columns of `with_confirmations`, smallest first."""
    students = with_confirmations(searched_students(table, metric), table, metric)
    students = students.filter(pc.is_valid(students["confirmed"]))
    return students.sort_by([("parameters", "ascending"), ("trial", "ascending")])


def with_confirmations(students: pa.Table, table: pa.Table, metric: str = "fid") -> pa.Table:
    """`students` with what fresh seeds say of each beside it.

    Columns confirmed (the median of `metric`, a failed seed counting as worse than any; null where most failed),
    confirmed_low and confirmed_high (the range of what was measured), confirmed_seeds (how many were measured) and
    confirmed_failed (how many failed); all null where nothing was confirmed.
    """
    rows = table.filter(pc.equal(table["phase"], Phase.CONFIRM.value)).to_pylist()
    confirmed = students_of((row for row in rows if is_result(row)), column_of(metric))
    known = {student_of(student.row): _confirmation(student) for student in confirmed}
    nothing: dict[str, Any] = dict.fromkeys(_CONFIRMED)
    found = [known.get(student_of(row), nothing) for row in students.to_pylist()]
    columns = pa.Table.from_pylist(found, pa.schema(_CONFIRMED))
    for name in _CONFIRMED:
        students = students.append_column(name, columns[name])
    return students


def _confirmation(student: Student) -> dict[str, Any]:
    return {
        "confirmed": student.median if math.isfinite(student.median) else None,
        "confirmed_low": min(student.values, default=None),
        "confirmed_high": max(student.values, default=None),
        "confirmed_seeds": len(student.values),
        "confirmed_failed": student.failed,
    }


def _nearest(rows: list[Row], median: float, column: Column) -> Row:
    measured = [row for row in rows if _is_measured(row, column)]
    return min(measured, key=lambda row: abs(row[column.name] - median), default=rows[0])


def _is_measured(row: Row, column: Column) -> bool:
    value = row[column.name]
    finished = row["final"] and row["state"] == TrialState.COMPLETED
    return bool(finished and value is not None and math.isfinite(value) and (value > 0 or not column.log))
