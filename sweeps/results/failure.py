"""This module says of a sweep of which no trial reached its end what the first of them failed of."""

import pyarrow as pa
import pyarrow.compute as pc

from analysis import TrialState, state_counts
from sweeps.errors import NothingFinishedError

# What a trial ends in that says nothing of its student. One that was pruned or interrupted did not fail.
_REMEDIES = {
    TrialState.FAILED: "Mend what it names: the same command again tries every trial again.",
    TrialState.OUT_OF_MEMORY: "Lower student.batch_size or --workers: the same command again tries every trial again.",
    TrialState.LOST: "Look at what ended the workers: the same command again tries every trial again.",
    TrialState.DIVERGED: "Lower student.optimiser.learning_rate, and give the sweep another name with --name.",
}


def failure_of(name: str, table: pa.Table) -> NothingFinishedError | None:
    """Returns what the sweep `name` ends with where it has trials and every one failed; None where one did not."""
    failed = pc.is_in(table["state"], pa.array([str(state) for state in _REMEDIES]))
    if not len(table) or not pc.all(failed).as_py():
        return None
    first = table.select(["trial", "state", "error"]).slice(0, 1).to_pylist()[0]
    counts = ", ".join(f"{count} {state.lower().replace('_', ' ')}" for state, count in state_counts(table).items())
    cause = f": {first['error']}" if first["error"] else ""
    return NothingFinishedError(
        f"A trial of {name} reaches the end of its budget",
        f"{counts}; trial {first['trial']} first{cause}",
        _REMEDIES[TrialState(first["state"])],
    )
