"""This module chooses of a sweep's findings those in the cost whose limit it seeks: parameters, bytes or latency."""

from dataclasses import dataclass

import pyarrow as pa

from analysis import CompressionLimit, CostLimit, DeviceFindings, Findings
from sweeps.spec.search import LATENCY, TIMED_FORM
from sweeps.spec.sweep import BYTES, PARAMETERS, SweepSpec


@dataclass(frozen=True, kw_only=True)
class Sought:
    """A Sought is the limit that a sweep seeks: its cost, its student, and the frontier of the same cost.

    `cost` is a column; `trial` is the student of least cost that holds the rule, None where there is none.
    """

    cost: str
    limit: CompressionLimit | CostLimit
    trial: int | None
    frontier: pa.Table

    @property
    def trials(self) -> set[int]:
        """Returns the trials of the frontier and at the limit."""
        return {*self.frontier["trial"].to_pylist(), *([] if self.trial is None else [self.trial])}


def sought_of(findings: Findings, spec: SweepSpec, *, device: DeviceFindings | None = None) -> Sought:
    """Returns the limit that `spec` seeks.

    It is that of parameters where no student of few bits has been measured, and where `device`, what deployed students
    cost, is not given.
    """
    of_form = () if device is None else device.limits.get(LATENCY, ())
    fastest = next((limit for limit in of_form if limit.form == TIMED_FORM), None)
    if spec.search.is_timed and device is not None and fastest is not None:
        trial = fastest.student.trial if fastest.student else None
        return Sought(cost=LATENCY, limit=fastest, trial=trial, frontier=device.frontiers[LATENCY])
    limit, of_bytes, frontier = findings.limit, findings.bytes_limit, findings.bytes_frontier
    if spec.limit_cost != BYTES or of_bytes is None or frontier is None:
        return Sought(cost=PARAMETERS, limit=limit, trial=limit.trial, frontier=findings.frontier)
    trial = of_bytes.student.trial if of_bytes.student else None
    return Sought(cost=BYTES, limit=of_bytes, trial=trial, frontier=frontier)
