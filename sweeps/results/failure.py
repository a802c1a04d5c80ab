"""This module says of a sweep in which nothing was trained to its end why that is so."""

import pyarrow as pa
import pyarrow.compute as pc

from analysis import TrialState, state_counts
from sweeps.errors import NothingFeasibleError, NothingFinishedError, SweepError
from sweeps.planning.feasibility import infeasible, is_feasible
from sweeps.spec.sweep import SweepSpec

# What a trial ends in before the end of its budget, the worst first. One that was interrupted goes on.
_REMEDIES = {
    TrialState.FAILED: "Mend what it names: the same command again tries every trial again.",
    TrialState.OUT_OF_MEMORY: "Lower student.batch_size or --workers: the same command again tries every trial again.",
    TrialState.LOST: "Look at what ended the workers: the same command again tries every trial again.",
    TrialState.DIVERGED: "Lower student.optimiser.learning_rate, and give the sweep another name with --name.",
    TrialState.PRUNED: "Leave search.pruning out, or raise its grace, and give the sweep another name with --name.",
}


def failure_of(spec: SweepSpec, table: pa.Table) -> SweepError | None:
    """Returns what a sweep with the rows `table` ends with where nothing was trained to its end; None where some was.

    It has no student, or no time to begin one; or all its trials failed, or were stopped at a rung.
    """
    if not len(table):
        return _nothing_began(spec)
    ended = [TrialState(state) for state in pc.unique(table["state"]).to_pylist()]
    if not _REMEDIES.keys() >= set(ended):
        return None
    rows = table.select(["trial", "state", "error"]).to_pylist()
    first = next((row for row in rows if row["state"] != TrialState.PRUNED), rows[0])
    counts = ", ".join(f"{count} {state.lower().replace('_', ' ')}" for state, count in state_counts(table).items())
    cause = f": {first['error']}" if first["error"] else ""
    return NothingFinishedError(
        f"A trial of {spec.name} reaches the end of its budget",
        f"{counts}; trial {first['trial']} first{cause}",
        _REMEDIES[TrialState(first["state"])],
    )


def _nothing_began(spec: SweepSpec) -> NothingFinishedError | NothingFeasibleError | None:
    if not is_feasible(spec):
        return infeasible(spec)
    limits = spec.budget.model_dump(exclude_none=True)
    if not limits or not spec.search.trials:
        return None  # it searches nothing, and no other sweep has finished anything of its space
    return NothingFinishedError(
        f"A trial of {spec.name} begins before its budget is spent",
        ", ".join(f"budget.{name} {hours:g}" for name, hours in limits.items()),
        "Raise it, and give the sweep another name with --name.",
    )
