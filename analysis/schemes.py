"""This module says by which scheme a trial made its student, and which size the student has."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from analysis.schema import SIZE, Mode
from analysis.trials import Ints, Trials, codes_of, first_of_each

Row = dict[str, Any]

PLUS = " + "  # between the parts of a scheme's name


class Scheme(StrEnum):
    """A scheme is a way to make a generator, or what generators are compared with: a row of the paper's table.

    >>> Scheme("distilled, joint") is Scheme.JOINT
    True
    """

    REAL = "real held-out images"
    TEACHER = "teacher"
    MSE = "distilled, MSE"
    JOINT = "distilled, joint"
    OTHER = "distilled, other"  # the table's column `scheme` says by what
    SCRATCH = "from scratch"


def parts_in_common(schemes: Iterable[str | None]) -> tuple[str, ...]:
    """Returns what the names of several schemes have in common; nothing of one alone."""
    first, *others = ((scheme or "").split(PLUS) for scheme in schemes)
    return tuple(part for part in first if part and others and all(part in other for other in others))


def scheme_of(row: Row) -> Scheme:
    """Returns the scheme of a trial's row."""
    if row["mode"] == Mode.SCRATCH:
        return Scheme.SCRATCH
    if row["scheme"]:
        return Scheme.OTHER
    return Scheme.JOINT if (row["gan_weight"] or 0) > 0 else Scheme.MSE


def _order(row: Row) -> tuple[int, int, int, str, int, str]:
    """Returns what makes two trials' generators the same, to be sorted by."""
    parameters, width, depth, block, rank, widths = (row[name] for name in SIZE)
    return parameters, width, depth, block, rank or 0, widths or ""


def sizes_among(trials: Trials, rows: Ints) -> list[int]:
    """Returns the first row of each size that is among `rows`, smallest size first."""
    first = rows[first_of_each(codes_of([trials.size[rows]]))]
    sizes = [_order(row) for row in trials.table.select(SIZE).take(first).to_pylist()]
    return [int(first[place]) for place in sorted(range(len(first)), key=sizes.__getitem__)]
