"""Trials as students: several seeds of one student are one student, and fresh seeds stand beside searched ones."""

import math
import statistics
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.pareto import final_students, pareto_frontier
from analysis.schema import Mode, Phase, student_of

Rows = list[dict[str, Any]]
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
    groups = _by_student((searched if len(searched) else students).to_pylist())
    return pa.Table.from_pylist([_nearest_to_median(group, metric) for group in groups.values()], table.schema)


def student_frontier(table: pa.Table, metric: str = "fid", cost: str = "parameters") -> pa.Table:
    """The Pareto frontier of the searched students, smallest first, so that one lucky seed does not decide it."""
    return pareto_frontier(searched_students(table, metric), (cost, metric))


def confirmed_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """The searched students that fresh seeds finished for, with the columns of `with_confirmations`, smallest first."""
    students = with_confirmations(searched_students(table, metric), table, metric)
    return students.filter(pc.is_valid(students["confirmed"])).sort_by(
        [("parameters", "ascending"), ("trial", "ascending")]
    )


def with_confirmations(students: pa.Table, table: pa.Table, metric: str = "fid") -> pa.Table:
    """`students` with what fresh seeds say of each beside it.

    Columns confirmed (the median of `metric`), confirmed_low and confirmed_high (its range), confirmed_seeds
    (how many finished) and confirmed_failed (how many did not); null where nothing was confirmed.
    """
    tried = pc.and_(pc.equal(table["phase"], Phase.CONFIRM.value), pc.equal(table["mode"], Mode.DISTILLED.value))
    groups = _by_student(table.filter(tried).to_pylist())
    rows = [_confirmation(groups.get(student_of(student), []), metric) for student in students.to_pylist()]
    columns = pa.Table.from_pylist(rows, pa.schema(_CONFIRMED))
    for name in _CONFIRMED:
        students = students.append_column(name, columns[name])
    return students


def _confirmation(rows: Rows, metric: str) -> dict[str, Any]:
    values = [row[metric] for row in rows if row["final"] and _is_finite(row[metric])]
    ended = [row for row in rows if row["state"] != "RUNNING"]
    if not ended:
        return dict.fromkeys(_CONFIRMED)
    return {
        "confirmed": statistics.median(values) if values else None,
        "confirmed_low": min(values, default=None),
        "confirmed_high": max(values, default=None),
        "confirmed_seeds": len(values),
        "confirmed_failed": len(ended) - len(values),
    }


def _nearest_to_median(rows: Rows, metric: str) -> dict[str, Any]:
    values = [row[metric] for row in rows if _is_finite(row[metric])]
    if not values:
        return rows[0]
    median = statistics.median_low(values)  # a value that was measured
    return next(row for row in rows if row[metric] == median)


def _by_student(rows: Rows) -> dict[tuple[Any, ...], Rows]:
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(student_of(row), []).append(row)
    return groups


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
