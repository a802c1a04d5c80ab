"""This module says which candidates of a limit get further fresh seeds, and when it is sure and narrow enough."""

import math
from collections.abc import Iterable

import pyarrow as pa

from analysis import CostLimit, SpaceLimit, cost_limits
from sweeps.results.space_limit import space_limit
from sweeps.spec.sweep import SweepSpec


def confirmed_limit(table: pa.Table, spec: SweepSpec) -> CostLimit | None:
    """Returns the limit of what the sweep seeks the fewest of, parameters or bytes; None before anything is measured.

    That of parameters is the one that `analysis.compression_limit` states, with the same interval.
    """
    return next(iter(cost_limits(table, spec.limit, cost=spec.limit_cost)), None)


def reached(limit: CostLimit | None, spec: SweepSpec) -> bool:
    """Returns whether the ends of a confirmed limit's interval lie as near to each other as the sweep asks."""
    asked = spec.confirm.precision
    return asked is None or factor(limit) <= asked


def limit_of_space(table: pa.Table, spec: SweepSpec) -> SpaceLimit | None:
    """Returns where the model has the limit of the space by all trainings; None where the sweep does not ask it."""
    return space_limit(spec, table) if spec.confirm.confidence is not None else None


def is_sure(space: SpaceLimit | None, spec: SweepSpec) -> bool:
    """Returns whether the model places the limit within one step as surely as the sweep asks; never with 1."""
    asked = spec.confirm.confidence
    return asked is None or (space is not None and space.nearness >= asked < 1)


def factor(limit: CostLimit | None) -> float:
    """Returns how many times as large the interval's upper end is as its lower one; infinity for an open end.

    It is 1 where the whole interval lies beyond all sizes that are judged: no further seed would narrow it.
    """
    if limit is None or not limit.confirmed or limit.interval is None:
        return math.inf
    if lies_beyond(limit):
        return 1.0
    low, high = limit.interval.low, limit.interval.high
    return math.inf if low is None or high is None else high / low


def lies_beyond(limit: CostLimit | None) -> bool:
    """Returns whether the whole interval of a confirmed limit lies beyond the sizes that are judged."""
    if limit is None or not limit.confirmed or limit.interval is None or limit.ends is None:
        return False
    low, high = limit.interval.low, limit.interval.high
    has_open_end = low is None or high is None
    return has_open_end and ((high or math.inf) <= limit.ends[0] or (low or 0.0) >= limit.ends[1])


def deciding_sizes(sizes: Iterable[int], limit: CostLimit | None) -> set[int]:
    """Returns those of the candidates' sizes that decide where the limit lies: all where its interval has an open end.

    Else those between its ends, and the next ones on both sides; and where it lies beyond all sizes, those beyond.
    """
    known = sorted(set(sizes))
    if limit is None or limit.interval is None or math.isinf(factor(limit)):
        return set(known)
    low = max((size for size in known if size <= (limit.interval.low or 0)), default=0)
    high = min((size for size in known if size >= (limit.interval.high or math.inf)), default=math.inf)
    return {size for size in known if low <= size <= high}


def remark(limit: CostLimit | None, space: SpaceLimit | None, *, spec: SweepSpec) -> str:
    """Returns in words what further seeds came to, by the model of the space and by the fresh seeds, where asked."""
    seeds, parts = limit.most_seeds if limit else 0, []
    if spec.confirm.confidence is not None:
        parts.append(_sureness(space, spec, seeds=seeds))
    if spec.confirm.precision is not None:
        parts.append(_narrowness(limit, spec, seeds=seeds))
    return f"confirm: {'; '.join(parts)}"


def _sureness(space: SpaceLimit | None, spec: SweepSpec, *, seeds: int) -> str:
    if space is None:
        return f"after {seeds} fresh seeds the trainings do not say where the limit of the space lies"
    where = f"the limit of the space lies within one step with a probability of {space.nearness:.0%}"
    if is_sure(space, spec):
        return f"with {seeds} fresh seeds {where}"
    return f"after {seeds} fresh seeds {where}, less than {spec.confirm.confidence:.0%}"


def _narrowness(limit: CostLimit | None, spec: SweepSpec, *, seeds: int) -> str:
    found = factor(limit)
    span = "it has an open end" if math.isinf(found) else f"its ends are a factor of {found:.2f} apart"
    if lies_beyond(limit):
        return f"with {seeds} fresh seeds the limit lies beyond the sizes that were tried"
    interval = f"the interval{limit.column.in_unit if limit else ''}"
    if reached(limit, spec):
        return f"{interval} is as narrow as was asked with {seeds} fresh seeds: {span}"
    return f"after {seeds} fresh seeds {interval} is wider than {spec.confirm.precision:g}: {span}"
