"""What is already known of a sweep's trials: which identities are finished, and with what result."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlflow.entities import Run

from analysis import TrialState
from sweeps.tracking import STATE, TRIAL_KEY, Tracking

# A trial in one of these states would end the same way again; any other state is run again.
SETTLED = frozenset({TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.OUT_OF_MEMORY})


@dataclass(frozen=True)
class LedgerEntry:
    """One trial's run, as far as the search needs it."""

    run_id: str
    trial: int
    phase: str
    state: TrialState
    objectives: tuple[float, float] | None  # (parameters, fid) of a completed trial

    @property
    def settled(self) -> bool:
        return self.state in SETTLED


Ledger = Mapping[str, LedgerEntry]


def read_ledger(tracking: Tracking, parent_run_id: str) -> Ledger:
    """The sweep's trials by identity."""
    return {run.data.tags[TRIAL_KEY]: _entry(run) for run in tracking.trials(parent_run_id)}


def next_ordinal(ledger: Ledger) -> int:
    """One above the highest ordinal that was given out."""
    return 1 + max((entry.trial for entry in ledger.values()), default=0)


def settled_in(ledger: Ledger, phase: str) -> Iterable[LedgerEntry]:
    """The settled trials of a phase."""
    return [entry for entry in ledger.values() if entry.settled and entry.phase == phase]


def _entry(run: Run) -> LedgerEntry:
    tags, metrics = run.data.tags, run.data.metrics
    state = TrialState(tags[STATE])
    objectives = (metrics["parameters"], metrics["fid"]) if state == TrialState.COMPLETED else None
    return LedgerEntry(run.info.run_id, int(tags["ganlimit.trial"]), tags["ganlimit.phase"], state, objectives)
