"""This module takes two frontiers as step functions of cost: over which range each is better, by what factor."""

import bisect
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

Point = tuple[float, float]  # (cost, quality) of a frontier in ascending order of cost
Winner = Literal["a", "b", "equal"]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A Segment is a range of cost over which one frontier is better: from `low` up to but without `high`.

    The range has no end where `high` is None. `factor` is how many times better, the median over the range's
    logarithm; None where one quality is not positive. `difference` is the same for the absolute difference. Both are
    None where `alone`: the other frontier has no student that cheap.

    >>> from analysis import compare, example_trials
    >>> a, b = example_trials({"parameters": 1_000, "fid": 20.0}), example_trials({"parameters": 4_000, "fid": 10.0})
    >>> [(segment.better, segment.low, segment.high, segment.factor) for segment in compare(a, b).segments]
    [('a', 1000.0, 4000.0, None), ('b', 4000.0, None, 2.0)]
    """

    better: Winner
    low: float
    high: float | None
    alone: bool
    factor: float | None
    difference: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def value_at(front: Sequence[Point], cost: float) -> float | None:
    """Returns the quality of the best student of at most `cost`; None where there is none."""
    index = bisect.bisect_right([point[0] for point in front], cost)
    return front[index - 1][1] if index else None


def segments(a: Sequence[Point], b: Sequence[Point], *, higher_is_better: bool, end: float) -> tuple[Segment, ...]:
    """Returns the ranges of cost in ascending order, neighbours with the same winner as one.

    `a` and `b` are frontiers in ascending order of cost. The last range has no end; for its medians it reaches to
    `end`, such as the teacher's size.
    """
    costs = sorted({cost for cost, _ in (*a, *b)})
    cells = [
        _Cell(
            low=low,
            high=high,
            a=value_at(a, low),
            b=value_at(b, low),
            higher_is_better=higher_is_better,
            end=end,
        )
        for low, high in pairwise([*costs, None])
        if low is not None
    ]
    return tuple(_merged(list(run)) for _, run in groupby(cells, key=lambda cell: (cell.better, cell.alone)))


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A _Cell is a range without a step of either frontier."""

    low: float
    high: float | None
    a: float | None
    b: float | None
    higher_is_better: bool
    end: float

    @property
    def alone(self) -> bool:
        return self.a is None or self.b is None

    @property
    def better(self) -> Winner:
        if self.a is None or self.b is None:
            return "a" if self.b is None else "b"
        if math.isclose(self.a, self.b, rel_tol=1e-9):  # relative to two teachers, equal numbers round apart
            return "equal"
        return "a" if (self.a > self.b) == self.higher_is_better else "b"

    @property
    def length(self) -> float:
        high = max(self.end, self.low) if self.high is None else self.high
        return math.log(high / self.low) if self.low > 0 else high - self.low

    @property
    def factor(self) -> float | None:
        if self.a is None or self.b is None or min(self.a, self.b) <= 0:
            return None
        return max(self.a, self.b) / min(self.a, self.b)

    @property
    def difference(self) -> float | None:
        return None if self.a is None or self.b is None else abs(self.a - self.b)


def _merged(cells: list[_Cell]) -> Segment:
    first, last = cells[0], cells[-1]
    lengths = [cell.length for cell in cells]
    return Segment(
        better=first.better,
        low=first.low,
        high=last.high,
        alone=first.alone,
        factor=_weighted_median([cell.factor for cell in cells], lengths),
        difference=_weighted_median([cell.difference for cell in cells], lengths),
    )


def _weighted_median(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Returns the value at which half the weight is reached; None where a value is missing."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if len(known) < len(values):
        return None
    total = sum(weights)
    if total <= 0:
        return statistics.median(value for value, _ in known)
    reached = 0.0
    for value, weight in sorted(known):
        reached += weight
        if reached >= total / 2:
            return value
    return max(value for value, _ in known)
