"""What a trial is: by which scheme its student was made, and which size the student has."""

from enum import StrEnum
from typing import Any

from analysis.schema import SIZE, Mode
from analysis.trials import Ints, Trials, codes_of, first_of_each

Row = dict[str, Any]


class Scheme(StrEnum):
    """What a row of the paper's table shows."""

    REAL = "real held-out images"
    TEACHER = "teacher"
    MSE = "distilled, MSE"
    JOINT = "distilled, joint"
    SCRATCH = "from scratch"


def scheme_of(row: Row) -> Scheme:
    """The scheme of a trial's row."""
    if row["mode"] == Mode.SCRATCH:
        return Scheme.SCRATCH
    return Scheme.JOINT if (row["gan_weight"] or 0) > 0 else Scheme.MSE


def size_of(row: Row) -> tuple[int, int, int, str]:
    """What makes two trials' generators the same, smallest first: parameters, width, depth, block."""
    parameters, width, depth, block = (row[name] for name in SIZE)
    return parameters, width, depth, block


def sizes_among(trials: Trials, rows: Ints) -> list[int]:
    """A row of each size that is among `rows`, the first of it, smallest size first."""
    first = rows[first_of_each(codes_of([trials.size[rows]]))]
    sizes = [size_of(row) for row in trials.table.select(SIZE).take(first).to_pylist()]
    return [int(first[place]) for place in sorted(range(len(first)), key=sizes.__getitem__)]
