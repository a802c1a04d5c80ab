"""This module gives a trial table as arrays: which rows are evidence of what, and which are of the same student.

A table can have a million rows, and a dictionary for each of them costs gigabytes and minutes. Shapes: N rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.schema import SIZE, STUDENT, VARIANT, Mode, Phase, TrialState

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# OUT_OF_MEMORY, LOST and INTERRUPTED tell of a worker, a machine or a person, and are no evidence about the student.
FAILURES = (TrialState.DIVERGED, TrialState.FAILED)
_SPAN = 2**62  # of the numbers that codes are combined in
_ROOM = 4  # times the rows may codes go up to: it is the length of tables by code
_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads consecutive numbers, which Arrow's hash table is slow on


@dataclass(frozen=True)
class Trials:
    """Trials are the rows of `table`; what is asked of all of them is worked out once for this object."""

    table: pa.Table

    def __len__(self) -> int:
        return len(self.table)

    def numbers(self, name: str) -> Floats:
        """Returns a numeric column as float64 N, NaN where a value is missing."""
        return np.asarray(self.table[name].to_numpy(), dtype=np.float64)

    def integers(self, name: str) -> Ints:
        """Returns a column of integers without missing values as int64 N."""
        return np.asarray(self.table[name].to_numpy(), dtype=np.int64)

    def where(self, name: str, value: str) -> Mask:
        """Returns the mask of the rows whose column `name` is `value`."""
        return mask_of(pc.equal(self.table[name], str(value)))

    def row(self, index: int) -> dict[str, Any]:
        """Returns one row as a dictionary."""
        return dict(self.table.slice(index, 1).to_pylist()[0])

    @cached_property
    def is_distilled(self) -> Mask:
        return self.where("mode", Mode.DISTILLED)

    @cached_property
    def is_scratch(self) -> Mask:
        return self.where("mode", Mode.SCRATCH)

    @cached_property
    def is_search(self) -> Mask:
        return self.where("phase", Phase.SEARCH)

    @cached_property
    def is_confirm(self) -> Mask:
        return self.where("phase", Phase.CONFIRM)

    @cached_property
    def is_final(self) -> Mask:
        """Returns the mask of the rows that reached the full budget, whatever was measured then."""
        return mask_of(self.table["final"])

    @cached_property
    def is_finished(self) -> Mask:
        return self.is_final & self.where("state", TrialState.COMPLETED)

    @cached_property
    def is_result(self) -> Mask:
        """Returns the mask of the evidence about students: they reached the full budget, or failed on the way."""
        failed = mask_of(pc.is_in(self.table["state"], pa.array([str(state) for state in FAILURES])))
        return self.is_distilled & (self.is_search | self.is_confirm) & (self.is_finished | failed)

    @cached_property
    def is_other(self) -> Mask:
        """Returns the mask of the rows that were distilled by another scheme than the paper's two."""
        return ~self.is_scratch & mask_of(pc.is_valid(self.table["scheme"]))

    @cached_property
    def is_joint(self) -> Mask:
        """Returns the mask of the rows that were distilled by MSE with a GAN term, the paper's joint scheme."""
        return ~self.is_scratch & ~self.is_other & (self.numbers("gan_weight") > 0)

    @cached_property
    def is_mse(self) -> Mask:
        """Returns the mask of the rows that were distilled by MSE alone."""
        return ~self.is_scratch & ~self.is_other & ~self.is_joint

    @cached_property
    def student(self) -> Ints:
        """Returns codes, int64 N, that are equal where `schema.student_of` and the form of a deployed student are."""
        return codes_of([self.table[name] for name in student_columns(self.table)])

    @cached_property
    def size(self) -> Ints:
        """Returns codes, int64 N, that are equal where parameters, width, depth and block are."""
        return codes_of([self.table[name] for name in (*SIZE, *variant_columns(self.table))])

    @cached_property
    def seed(self) -> Ints:
        return codes_of([self.table["seed"]])

    @cached_property
    def student_seed(self) -> Ints:
        """Returns codes, int64 N, that are equal where student and seed are."""
        return codes_of([self.student, self.seed])

    @cached_property
    def size_seed(self) -> Ints:
        """Returns codes, int64 N, that are equal where size and seed are."""
        return codes_of([self.size, self.seed])

    @cached_property
    def size_student_seed(self) -> Ints:
        """Returns codes, int64 N, that are equal where size, student and seed are."""
        return codes_of([self.size, self.student_seed])


def student_columns(table: pa.Table) -> tuple[str, ...]:
    """Returns the columns that are equal in the rows of one student: a deployed form is one of its own."""
    return (*STUDENT, *variant_columns(table))


def variant_columns(table: pa.Table) -> tuple[str, ...]:
    """Returns the column of the form, where measurements were joined to the table."""
    return (VARIANT,) if VARIANT in table.column_names else ()


def codes_of(columns: Sequence[pa.ChunkedArray | Ints]) -> Ints:
    """Returns codes, int64 N and not far above N, that are equal where all the columns are."""
    total, span = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        numbers, own = _numbers(column)
        if span * own > _SPAN:
            total, span = _dense(total), len(total)
        if span * own > _SPAN:
            numbers, own = _dense(numbers), len(numbers)
        total, span = total * own + numbers, span * own
    return total if span <= _ROOM * len(total) + 1_000 else _dense(total)


def first_of_each(codes_N: Ints) -> Ints:
    """Returns the places of the first of each code, ascending."""
    places = np.arange(len(codes_N))
    first = by_code(codes_N)
    first[codes_N[::-1]] = places[::-1]  # of equal places the last assignment stays
    return np.flatnonzero(first[codes_N] == places)


def last_of_each(codes_N: Ints) -> Ints:
    """Returns the places of the last of each code, in the order of the codes' first places."""
    last = by_code(codes_N)
    last[codes_N] = np.arange(len(codes_N))
    return np.asarray(last[codes_N[first_of_each(codes_N)]], dtype=np.int64)


def by_code(codes_N: Ints) -> Ints:
    """Returns a table with a place for each code, -1 in all."""
    return np.full(int(codes_N.max(initial=-1)) + 1, -1, dtype=np.int64)


def mask_of(column: pa.ChunkedArray) -> Mask:
    """Returns a column of truth values as an array; a missing one is False."""
    return np.asarray(pc.fill_null(column, fill_value=False).to_numpy(), dtype=np.bool_)


def _numbers(column: pa.ChunkedArray | Ints) -> tuple[Ints, int]:
    """Returns numbers from 0 that are equal where the values are, and one more than the largest that there can be."""
    if isinstance(column, pa.ChunkedArray) and not (pa.types.is_integer(column.type) and not column.null_count):
        if pa.types.is_floating(column.type):
            column = pc.add(column, 0.0)  # -0.0 is 0.0
        encoded = column.combine_chunks().dictionary_encode()
        return np.asarray(encoded.indices.fill_null(-1).to_numpy(), dtype=np.int64) + 1, len(encoded.dictionary) + 1
    values_N = np.asarray(column.to_numpy() if isinstance(column, pa.ChunkedArray) else column, dtype=np.int64)
    low, high = (int(values_N.min()), int(values_N.max())) if len(values_N) else (0, 0)
    if high - low >= _SPAN:
        return _dense(values_N), len(values_N)
    return values_N - low, high - low + 1


def _dense(codes_N: Ints) -> Ints:
    encoded = pa.array(codes_N.view(np.uint64) * _ODD).dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
