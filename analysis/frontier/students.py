"""Trials as students: several seeds of one student are one student, and fresh seeds stand beside searched ones.

Shapes: N trials, S students, V values of all students' seeds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import Column, column_of
from analysis.frontier.pareto import nondominated_rows
from analysis.schema import STUDENT
from analysis.schemes import Row
from analysis.trials import Floats, Ints, Mask, Trials, by_code, codes_of, first_of_each, last_of_each

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


@dataclass(frozen=True)
class Students:
    """Many students, smallest first, as arrays; an index gives one as a Student.

    `row_S` is the place in the table of the seed nearest to the median, `code_S` the student's in
    `Trials.student`. The measured values of student s are those of values_V from start_S on, measured_S in number.
    """

    trials: Trials
    row_S: Ints
    code_S: Ints
    parameters_S: Ints
    median_S: Floats
    failed_S: Ints
    measured_S: Ints
    start_S: Ints
    values_V: Floats

    def __len__(self) -> int:
        return len(self.row_S)

    def __getitem__(self, index: int) -> Student:
        values = tuple(self.values_of(index).tolist())
        row = self.trials.row(int(self.row_S[index]))
        return Student(row, values, int(self.failed_S[index]), float(self.median_S[index]))

    def __iter__(self) -> Iterator[Student]:
        return (self[index] for index in range(len(self)))

    @property
    def seed_counts(self) -> Ints:
        return self.measured_S + self.failed_S

    def values_of(self, index: int) -> Floats:
        """What the seeds of one student measured."""
        start = int(self.start_S[index])
        return self.values_V[start : start + int(self.measured_S[index])]

    def take(self, which: Ints | Mask) -> "Students":
        """Those at some places, or where a mask is true."""
        names = ("row_S", "code_S", "parameters_S", "median_S", "failed_S", "measured_S", "start_S")
        return replace(self, **{name: getattr(self, name)[which] for name in names})


def students_of(trials: Trials, which: Mask, column: Column) -> Students:
    """The students of the rows that `which` marks, smallest first.

    Each seed once: the finished row of it, where there is one.
    """
    rows = np.flatnonzero(which)
    parameters_N = trials.integers("parameters")
    rows = rows[np.lexsort((trials.integers("trial")[rows], parameters_N[rows]))]
    is_measured = _measured(trials, column)
    # By student in the order of their first rows, within one by seed in the order of theirs.
    rows = rows[_row_of_each_seed(trials.student_seed[rows], is_measured[rows])]
    student = trials.student[rows]
    number = by_code(student)
    first = first_of_each(student)
    number[student[first]] = np.arange(len(first))
    group = number[student]
    order = np.argsort(group, kind="stable")
    rows, group = rows[order], group[order]
    counts_S = np.bincount(group)
    starts_S = np.cumsum(counts_S) - counts_S
    measured = is_measured[rows]
    values = trials.numbers(column.name)[rows]
    worst = -np.inf if column.higher_is_better else np.inf
    median_S, nearest_S = _medians(np.where(measured, values, worst), measured, counts_S, starts_S)
    measured_S = np.bincount(group[measured], minlength=len(counts_S))
    return Students(
        trials=trials,
        row_S=rows[nearest_S],
        code_S=trials.student[rows[starts_S]],
        parameters_S=parameters_N[rows[nearest_S]],
        median_S=median_S,
        failed_S=counts_S - measured_S,
        measured_S=measured_S,
        start_S=np.cumsum(measured_S) - measured_S,
        values_V=values[measured],
    )


def searched_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """A row for each final student of the search: of several seeds the one nearest to the median of `metric`.

    Of all phases where no student of the search has finished.
    """
    return table.take(final_searched(Trials(table), column_of(metric)).row_S)


def final_searched(trials: Trials, column: Column) -> Students:
    """The final students of the search, and of all phases where no student of the search has finished."""
    final = trials.is_finished & trials.is_distilled
    searched = final & trials.is_search
    return students_of(trials, searched if searched.any() else final, column)


def student_frontier(table: pa.Table, metric: str = "fid", cost: str = "parameters") -> pa.Table:
    """The Pareto frontier of the searched students, smallest first, so that one lucky seed does not decide it."""
    return frontier_of(final_searched(Trials(table), column_of(metric)), (cost, metric))


def frontier_of(students: Students, objectives: tuple[str, str]) -> pa.Table:
    """The rows of those students that no other dominates, in ascending order of the first objective."""
    table = students.trials.table
    return table.take(nondominated_rows(table, students.row_S, objectives))


def confirmed_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """The searched students that fresh seeds finished for, with the columns of `with_confirmations`, smallest first."""
    trials, column = Trials(table), column_of(metric)
    searched, fresh = final_searched(trials, column), fresh_students(trials, column)
    rows = searched.row_S[np.isin(searched.code_S, fresh.code_S)]  # copies no row that has none
    students = with_fresh(table.take(rows), fresh)
    students = students.filter(pc.is_valid(students["confirmed"]))
    return students.sort_by([("parameters", "ascending"), ("trial", "ascending")])


def with_confirmations(students: pa.Table, table: pa.Table, metric: str = "fid") -> pa.Table:
    """`students` with what fresh seeds say of each beside it.

    Columns confirmed (the median of `metric`, a failed seed counting as worse than any; null where most failed),
    confirmed_low and confirmed_high (the range of what was measured), confirmed_seeds (how many were measured) and
    confirmed_failed (how many failed); all null where nothing was confirmed.
    """
    return with_fresh(students, fresh_students(Trials(table), column_of(metric)))


def fresh_students(trials: Trials, column: Column) -> Students:
    """The students of the fresh seeds."""
    return students_of(trials, trials.is_result & trials.is_confirm, column)


def with_fresh(students: pa.Table, fresh: Students) -> pa.Table:
    """`with_confirmations` by students of fresh seeds that are known."""
    known = fresh.trials.table.select(STUDENT).take(fresh.row_S)
    both = pa.concat_tables([known, students.select(STUDENT)])
    codes = codes_of([both[name] for name in STUDENT])
    place = by_code(codes)
    place[codes[: len(fresh)]] = np.arange(len(fresh))
    index = pa.array(place[codes[len(fresh) :]])
    index = pc.if_else(pc.less(index, 0), None, index)  # taking a null gives a null
    for name, values in _confirmations(fresh).items():
        students = students.append_column(name, values.take(index))
    return students


def _confirmations(fresh: Students) -> dict[str, pa.Array]:
    values = [fresh.values_of(index) for index in range(len(fresh))]
    medians = [float(median) if np.isfinite(median) else None for median in fresh.median_S]
    columns = {
        "confirmed": medians,
        "confirmed_low": [float(own.min()) if len(own) else None for own in values],
        "confirmed_high": [float(own.max()) if len(own) else None for own in values],
        "confirmed_seeds": fresh.measured_S,
        "confirmed_failed": fresh.failed_S,
    }
    return {name: pa.array(columns[name], kind) for name, kind in _CONFIRMED.items()}


def _row_of_each_seed(codes: Ints, measured: Mask) -> Ints:
    """The place of the first measured row of each code, or else of its last, by the codes' first places."""
    chosen = last_of_each(codes)
    first_measured = by_code(codes)
    places = np.flatnonzero(measured)[::-1]
    first_measured[codes[places]] = places
    found = first_measured[codes[chosen]]
    return np.where(found >= 0, found, chosen)


def _medians(values: Floats, measured: Mask, counts_S: Ints, starts_S: Ints) -> tuple[Floats, Ints]:
    """Each student's median, and the place of the first measured value that is nearest to it.

    A student's values lie side by side. Those with the same number of seeds are worked out together.
    """
    median_S, nearest_S = np.empty(len(counts_S)), np.empty(len(counts_S), dtype=np.int64)
    for count in np.unique(counts_S):
        of_count = np.flatnonzero(counts_S == count)
        places = starts_S[of_count, None] + np.arange(count)
        own = values[places]
        middle = [(count - 1) // 2, count // 2]
        low, high = np.partition(own, middle, axis=1)[:, middle].T
        median = (low + high) / 2
        # Of a student most of whose seeds failed all are as near.
        at = np.where(np.isfinite(median), median, 0.0)[:, None]
        apart = np.where(measured[places] & np.isfinite(median)[:, None], np.abs(own - at), 0.0)
        apart[~measured[places]] = np.inf
        median_S[of_count], nearest_S[of_count] = median, starts_S[of_count] + np.argmin(apart, axis=1)
    return median_S, nearest_S


def _measured(trials: Trials, column: Column) -> Mask:
    values = trials.numbers(column.name)
    return trials.is_finished & np.isfinite(values) & ((values > 0) if column.log else np.bool_(True))
