"""This module finds the sweep that judges another one's limit by fresh seeds, and says whether it is complete."""

import pyarrow as pa

from analysis import Phase
from sweeps.ledger.sweeps import spec_of_sweep
from sweeps.ledger.tags import SETTLED
from sweeps.ledger.tracking import Tracking
from sweeps.spec.sweep import SweepSpec


def confirmation_of(tracking: Tracking, name: str, *, seeds: int | None = None) -> SweepSpec:
    """Returns the sweep to run, or to continue, so that the limit of the sweep `name` rests on fresh seeds.

    It is the sweep itself where it has the phase confirm, else NAME-confirmed, which begins with the finished trials of
    its space. There are `seeds` for each candidate, by default as many as its specification says; one that has begun
    with fewer gets the others as well, and one that has more keeps them. Raises SweepError where there is no sweep
    `name`, or NAME-confirmed would be too long a name.
    """
    spec = spec_of_sweep(tracking, name)
    if Phase.CONFIRM not in spec.trial_phases:
        confirmed = spec.confirmed(seeds or spec.confirm.seeds)
        known = tracking.find_sweep(confirmed.name) and spec_of_sweep(tracking, confirmed.name)
        if not known or Phase.CONFIRM not in known.trial_phases:
            return confirmed  # a sweep of that name may be another one: its driver says so
        spec = known
    return spec.with_fresh_seeds(seeds or spec.confirm.seeds)


def fresh_results(table: pa.Table) -> frozenset[str]:
    """Returns the identities of the trials with fresh seeds that are done with."""
    rows = table.select(["phase", "state", "trial_key"]).to_pylist()
    return frozenset(row["trial_key"] for row in rows if row["phase"] == Phase.CONFIRM and row["state"] in SETTLED)


def is_complete(table: pa.Table) -> bool:
    """Returns whether there are trials with fresh seeds, and all that were begun are done with."""
    begun = {row["trial_key"] for row in table.to_pylist() if row["phase"] == Phase.CONFIRM}
    return bool(begun) and begun == fresh_results(table)
