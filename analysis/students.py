"""Trials as students: several seeds of one student are one student, and fresh seeds stand beside searched ones."""

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import column_of
from analysis.judging import Student, is_result, students_of
from analysis.pareto import final_students, pareto_frontier
from analysis.schema import Phase, student_of

_CONFIRMED = {
    "confirmed": pa.float64(),
    "confirmed_low": pa.float64(),
    "confirmed_high": pa.float64(),
    "confirmed_seeds": pa.int64(),
    "confirmed_failed": pa.int64(),
}


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
