"""This module counts what a sweep has spent of its budget."""

import time
from dataclasses import dataclass, field

from sweeps.spec.phases import BudgetSpec
from sweeps.spec.resources import ResourceSpec
from sweeps.spec.sweep import HOUR_S


@dataclass(kw_only=True)
class Spending:
    """A Spending counts the time of trials; `trial_s` seconds of it were spent before this run of the command.

    GPU-hours count all trials as if they had the part of a GPU that they have now. Before it is known there are none.
    """

    budget: BudgetSpec
    resources: ResourceSpec
    trial_s: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def add(self, seconds: float) -> None:
        """Count a trial that took `seconds`."""
        self.trial_s += seconds

    @property
    def core_hours(self) -> float:
        return self.trial_s * self.resources.cpus_per_trial / HOUR_S

    @property
    def gpu_hours(self) -> float:
        return self.trial_s * (self.resources.gpus or 0.0) / HOUR_S

    @property
    def wall_hours(self) -> float:
        """Returns the hours since this run of the command began."""
        return (time.monotonic() - self.began) / HOUR_S

    def remaining(self) -> str:
        """Returns what is left of each limit that is set, in words; nothing where none is."""
        names = ("wall_hours", "core_hours", "gpu_hours")
        limits = {name: getattr(self.budget, name) for name in names}
        left = {name: limit - getattr(self, name) for name, limit in limits.items() if limit is not None}
        return ", ".join(f"{max(0.0, hours):.2f} {name.replace('_', '-')}" for name, hours in left.items())

    @property
    def is_over(self) -> bool:
        """Returns whether one of the limits is reached."""
        return self.exceeded is not None

    @property
    def exceeded(self) -> str | None:
        """Returns the limit that is reached, in words; None where none is."""
        for name in ("wall_hours", "core_hours", "gpu_hours"):
            limit, spent = getattr(self.budget, name), getattr(self, name)
            if limit is not None and spent >= limit:
                return f"budget.{name} {limit:g} is spent"
        return None
