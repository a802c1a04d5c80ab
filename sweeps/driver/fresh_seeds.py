"""This module says which candidates of the limit get further fresh seeds, until its interval is narrow enough."""

import math
from collections.abc import Iterable

from analysis import CompressionLimit
from sweeps.spec.sweep import SweepSpec


def reached(limit: CompressionLimit, spec: SweepSpec) -> bool:
    """Returns whether the ends of a confirmed limit's interval lie as near to each other as the sweep asks."""
    asked = spec.confirm.precision
    return asked is None or factor(limit) <= asked


def factor(limit: CompressionLimit) -> float:
    """Returns how many times as large the interval's upper end is as its lower one; infinity for an open end.

    It is 1 where the whole interval lies beyond all sizes that are judged: no further seed would narrow it.
    """
    interval = limit.interval if limit.confirmed else None
    if interval is None:
        return math.inf
    sizes = [point.parameters for point in limit.curve]
    if interval.low is None or interval.high is None:
        beyond = (interval.high or math.inf) <= min(sizes) or (interval.low or 0.0) >= max(sizes)
        return 1.0 if beyond else math.inf
    return interval.high / interval.low


def deciding_sizes(sizes: Iterable[int], limit: CompressionLimit) -> set[int]:
    """Returns those of the candidates' sizes that decide where the limit lies: all where its interval has an open end.

    Else those between its ends, and the next ones on both sides.
    """
    known = sorted(set(sizes))
    if math.isinf(factor(limit)) or limit.interval is None:
        return set(known)
    low = max((size for size in known if size <= (limit.interval.low or 0)), default=0)
    high = min((size for size in known if size >= (limit.interval.high or math.inf)), default=math.inf)
    return {size for size in known if low <= size <= high}


def remark(limit: CompressionLimit, spec: SweepSpec) -> str:
    """Returns in words what further seeds came to."""
    found, seeds = factor(limit), max((point.seeds for point in limit.curve), default=0)
    span = "it has an open end" if math.isinf(found) else f"its ends are a factor of {found:.2f} apart"
    if limit.interval and None in (limit.interval.low, limit.interval.high) and not math.isinf(found):
        return f"confirm: with {seeds} fresh seeds the limit lies beyond the sizes that were tried"
    if reached(limit, spec):
        return f"confirm: the interval is as narrow as was asked with {seeds} fresh seeds: {span}"
    return f"confirm: after {seeds} fresh seeds the interval is wider than {spec.confirm.precision:g}: {span}"
