"""What is already known of a sweep's trials: which identities are finished, and with what result.

The tracking store and the journals on this machine together: a journal speaks for what the store does not
have yet.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run

from analysis import TrialState
from sweeps.journal import Record, trial_folders
from sweeps.tracking import TRIAL_KEY, Tracking

# A trial in one of these states would end the same way again; any other state is run again.
SETTLED = frozenset({TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.OUT_OF_MEMORY})

Objectives = tuple[float, float]  # (parameters, fid), both minimised


@dataclass(frozen=True)
class LedgerEntry:
    """One trial, as far as the search needs it."""

    trial: int
    phase: str
    state: TrialState
    objectives: Objectives | None  # at the end, or where the trial was stopped
    wall_s: float

    @property
    def settled(self) -> bool:
        return self.state in SETTLED


Ledger = Mapping[str, LedgerEntry]


def stored_records(tracking: Tracking, parent_run_id: str) -> dict[str, Record]:
    """The sweep's trials in the tracking store, by identity, in the order in which they began."""
    return {run.data.tags[TRIAL_KEY]: record_of(run) for run in tracking.trials(parent_run_id)}


def with_journals(stored: Mapping[str, Record], trials: Path) -> dict[str, Record]:
    """`stored`, and what the journals in `trials` know beyond it."""
    records = dict(stored)
    for folder in trial_folders(trials):
        record = folder.record()
        known = folder.key in records and folder.delivered()[0] >= len(folder.events())
        if record and not known:
            records[folder.key] = record
    return records


def ledger_of(records: Mapping[str, Record]) -> Ledger:
    """The records as far as the search needs them."""
    return {key: _entry(record) for key, record in records.items()}


def next_ordinal(ledger: Ledger) -> int:
    """One above the highest ordinal that was given out."""
    return 1 + max((entry.trial for entry in ledger.values()), default=0)


def settled_in(ledger: Ledger, phase: str) -> Iterable[LedgerEntry]:
    """The settled trials of a phase."""
    return [entry for entry in ledger.values() if entry.settled and entry.phase == phase]


def record_of(run: Run) -> Record:
    """A run of the tracking store as a record."""
    return Record(run.info.run_id, run.data.tags, run.data.params, run.data.metrics)


def finite_objectives(parameters: float, fid: float) -> Objectives | None:
    """(parameters, fid) as floats; None where one is NaN or infinite, which no study may be told."""
    values = float(parameters), float(fid)
    return values if all(map(math.isfinite, values)) else None


def _entry(record: Record) -> LedgerEntry:
    tags, metrics, state = record.tags, record.metrics, record.state
    objectives = None
    if state in {TrialState.COMPLETED, TrialState.PRUNED} and "fid" in metrics:
        objectives = finite_objectives(metrics["parameters"], metrics["fid"])
    wall_s = metrics.get("wall_s", 0.0)
    return LedgerEntry(int(tags["ganlimit.trial"]), tags["ganlimit.phase"], state, objectives, wall_s)
