"""This module takes the seeds of one student together, and sets fresh seeds beside those of the search.

Shapes: N trials, S students, V values of all students' seeds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import PARAMETERS, Column, column_of
from analysis.frontier.pareto import nondominated_rows
from analysis.schemes import Row
from analysis.trials import Floats, Ints, Mask, Trials, by_code, codes_of, first_of_each, last_of_each, student_columns

_CONFIRMED = {
    "confirmed": pa.float64(),
    "confirmed_low": pa.float64(),
    "confirmed_high": pa.float64(),
    "confirmed_seeds": pa.int64(),
    "confirmed_failed": pa.int64(),
}


@dataclass(frozen=True, kw_only=True)
class Student:
    """A Student has what its seeds measured.

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


@dataclass(frozen=True, kw_only=True)
class Students:
    """Students are many of them as arrays, smallest first; an index gives one as a Student.

    `cost_S` is what they are ordered by: parameters, or another cost that was asked for, in its own unit.
    `row_S` is the place in the table of the seed nearest to the median, `code_S` the student's in
    `Trials.student`. The measured values of student s are measured_S many of values_V, from start_S on.
    """

    trials: Trials
    row_S: Ints
    code_S: Ints
    cost_S: Ints | Floats
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
        failed, median = int(self.failed_S[index]), float(self.median_S[index])
        return Student(row=row, values=values, failed=failed, median=median)

    def __iter__(self) -> Iterator[Student]:
        return (self[index] for index in range(len(self)))

    @property
    def seed_counts(self) -> Ints:
        return self.measured_S + self.failed_S

    def values_of(self, index: int) -> Floats:
        """Returns what the seeds of one student measured."""
        start = int(self.start_S[index])
        return self.values_V[start : start + int(self.measured_S[index])]

    def take(self, which: Ints | Mask) -> "Students":
        """Returns the students at some places, or where a mask is true."""
        names = ("row_S", "code_S", "cost_S", "median_S", "failed_S", "measured_S", "start_S")
        return replace(self, **{name: getattr(self, name)[which] for name in names})


def students_of(trials: Trials, which: Mask, *, column: Column, cost: Column = PARAMETERS) -> Students:
    """Returns the students of the rows that `which` marks, those of least `cost` first.

    A seed counts once: by its finished row, where there is one. A row without a finite cost counts for nothing.
    """
    cost_N = trials.integers(cost.name) if cost is PARAMETERS else trials.numbers(cost.name)
    rows = np.flatnonzero(which & np.isfinite(cost_N))
    rows = rows[np.lexsort((trials.integers("trial")[rows], cost_N[rows]))]
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
    median_S, nearest_S = _medians(np.where(measured, values, worst), measured, counts_S=counts_S, starts_S=starts_S)
    measured_S = np.bincount(group[measured], minlength=len(counts_S))
    return Students(
        trials=trials,
        row_S=rows[nearest_S],
        code_S=trials.student[rows[starts_S]],
        cost_S=cost_N[rows[nearest_S]],
        median_S=median_S,
        failed_S=counts_S - measured_S,
        measured_S=measured_S,
        start_S=np.cumsum(measured_S) - measured_S,
        values_V=values[measured],
    )


def searched_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """Returns a row for each final student of the search: of several seeds the one nearest to the median of `metric`.

    Where no student of the search has finished, the students are those of all phases.

    >>> from analysis import example_trials, searched_students
    >>> table = example_trials(*({"seed": seed, "fid": fid} for seed, fid in enumerate([8.0, 30.0, 9.0])))
    >>> searched_students(table)["fid"].to_pylist()
    [9.0]
    """
    return table.take(final_searched(Trials(table), column_of(metric)).row_S)


def final_searched(trials: Trials, column: Column) -> Students:
    """Returns the final students of the search, and of all phases where no student of the search has finished."""
    final = trials.is_finished & trials.is_distilled
    searched = final & trials.is_search
    return students_of(trials, searched if searched.any() else final, column=column)


def student_frontier(table: pa.Table, metric: str = "fid", *, cost: str = "parameters") -> pa.Table:
    """Returns the Pareto frontier of the searched students, smallest first, so that one lucky seed does not decide it.

    >>> from analysis import example_trials, pareto_frontier, student_frontier
    >>> small = [{"width": 2, "parameters": 2_000, "seed": seed, "fid": fid} for seed, fid in enumerate([5, 30, 31])]
    >>> large = [{"width": 4, "parameters": 4_000, "seed": seed, "fid": 20} for seed in range(3)]
    >>> table = example_trials(*small, *large)
    >>> pareto_frontier(table)["parameters"].to_pylist(), student_frontier(table)["parameters"].to_pylist()
    ([2000], [2000, 4000])
    """
    return frontier_of(final_searched(Trials(table), column_of(metric)), (cost, metric))


def frontier_of(students: Students, objectives: tuple[str, str]) -> pa.Table:
    """Returns the rows of the students that no other dominates, in ascending order of the first objective."""
    table = students.trials.table
    return table.take(nondominated_rows(table, students.row_S, objectives=objectives))


def confirmed_students(table: pa.Table, metric: str = "fid") -> pa.Table:
    """Returns the students of which fresh seeds have a median, smallest first, with `with_confirmations`' columns.

    Each is its row of the search, or where it has none, as a model of the space names such, that of a fresh seed.
    """
    trials, column = Trials(table), column_of(metric)
    students = with_fresh_seeds(final_searched(trials, column), fresh_students(trials, column))
    return students.filter(pc.is_valid(students["confirmed"]))


def with_fresh_seeds(searched: Students, fresh: Students) -> pa.Table:
    """Returns what `confirmed_students` does, with those as well of which most fresh seeds failed."""
    never_searched = fresh.row_S[~np.isin(fresh.code_S, searched.code_S)]
    of_search = searched.row_S[np.isin(searched.code_S, fresh.code_S)]  # copies no row that has none
    students = with_fresh(fresh.trials.table.take(np.concatenate([of_search, never_searched])), fresh)
    return students.sort_by([("parameters", "ascending"), ("trial", "ascending")])


def with_confirmations(students: pa.Table, table: pa.Table, *, metric: str = "fid") -> pa.Table:
    """Returns `students` with what fresh seeds say of each beside it.

    The columns are confirmed (the median of `metric`, a failed seed counting as worse than any; null where most
    failed), confirmed_low and confirmed_high (the range of what was measured), confirmed_seeds (how many were measured)
    and confirmed_failed (how many failed); all null where nothing was confirmed.

    >>> from analysis import Phase, example_trials, searched_students, with_confirmations
    >>> fresh = [{"phase": Phase.CONFIRM, "seed": 100 + number, "fid": fid} for number, fid in enumerate([9.0, 11.0])]
    >>> table = example_trials({"fid": 8.0}, *fresh)
    >>> with_confirmations(searched_students(table), table).select(["fid", "confirmed", "confirmed_seeds"]).to_pylist()
    [{'fid': 8.0, 'confirmed': 10.0, 'confirmed_seeds': 2}]
    """
    return with_fresh(students, fresh_students(Trials(table), column_of(metric)))


def fresh_students(trials: Trials, column: Column, *, cost: Column = PARAMETERS) -> Students:
    """Returns the students of the fresh seeds, those of least `cost` first."""
    return students_of(trials, trials.is_result & trials.is_confirm, column=column, cost=cost)


def with_fresh(students: pa.Table, fresh: Students) -> pa.Table:
    """Returns what `with_confirmations` does, for students of fresh seeds that are known."""
    identity = student_columns(students)
    known = fresh.trials.table.select(identity).take(fresh.row_S)
    both = pa.concat_tables([known, students.select(identity)])
    codes = codes_of([both[name] for name in identity])
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
    """Returns the place of the first measured row of each code, or else of its last, by the codes' first places."""
    chosen = last_of_each(codes)
    first_measured = by_code(codes)
    places = np.flatnonzero(measured)[::-1]
    first_measured[codes[places]] = places
    found = first_measured[codes[chosen]]
    return np.where(found >= 0, found, chosen)


def _medians(values: Floats, measured: Mask, *, counts_S: Ints, starts_S: Ints) -> tuple[Floats, Ints]:
    """Returns each student's median, and the place of the first measured value that is nearest to it.

    A student's values lie side by side. Students with the same number of seeds are worked out together.
    """
    median_S, nearest_S = np.empty(len(counts_S)), np.empty(len(counts_S), dtype=np.int64)
    for count in np.unique(counts_S):
        of_count = np.flatnonzero(counts_S == count)
        places = starts_S[of_count, None] + np.arange(count)
        own = values[places]
        middle = [(count - 1) // 2, count // 2]
        low, high = np.partition(own, middle, axis=1)[:, middle].T
        median = (low + high) / 2
        # Where most seeds of a student failed, all are as near.
        at = np.where(np.isfinite(median), median, 0.0)[:, None]
        apart = np.where(measured[places] & np.isfinite(median)[:, None], np.abs(own - at), 0.0)
        apart[~measured[places]] = np.inf
        median_S[of_count], nearest_S[of_count] = median, starts_S[of_count] + np.argmin(apart, axis=1)
    return median_S, nearest_S


def _measured(trials: Trials, column: Column) -> Mask:
    values = trials.numbers(column.name)
    measured = trials.is_finished & np.isfinite(values)
    return measured & (values > 0) if column.log else measured
