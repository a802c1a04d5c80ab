"""This module says what is already known of a sweep's trials: which identities are finished, and with what result.

`snapshot.py` reads the tracking store and the journals together; what follows from their records is here.
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlflow.entities import Run

from analysis import Phase, TrialState
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Record
from sweeps.ledger.tags import PHASE, POINT, REUSED, SETTLED, TRIAL, TRIAL_KEY
from sweeps.ledger.tracking import Tracking

Objectives = tuple[float, float]  # the search's (cost, quality), as they were measured


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """A LedgerEntry is one trial, as far as the search needs it."""

    trial: int
    phase: Phase
    state: TrialState
    objectives: Objectives | None  # at the end, or where the trial was stopped
    wall_s: float  # what this sweep spent on it
    point: Mapping[str, bool | float | int | str]
    reused: bool = False  # whether another sweep trained it

    @property
    def settled(self) -> bool:
        return self.state in SETTLED


Ledger = Mapping[str, LedgerEntry]


def stored_records(tracking: Tracking, parent_run_id: str) -> dict[str, Record]:
    """Returns the sweep's trials in the tracking store by identity, including those it has from other sweeps."""
    own = {run.data.tags[TRIAL_KEY]: record_of(run) for run in tracking.each_trial(parent_run_id)}
    return own | shared_records(tracking, parent_run_id)


def shared_records(tracking: Tracking, parent_run_id: str) -> dict[str, Record]:
    """Returns the trials that a sweep has from others by identity, each with its place here."""
    found = {}
    for run, place in tracking.shared(parent_run_id):
        record = record_of(run)
        found[run.data.tags[TRIAL_KEY]] = replace(record, tags={**record.tags, **place})
    return found


def journaled_records(trials: TrialStorage, *, undelivered: bool = False) -> dict[str, Record]:
    """Returns the trials with a journal in `trials`; with `undelivered`, those of which the store lacks something."""
    folders = [folder for folder in trials.folders() if not (undelivered and folder.is_delivered)]
    return {folder.key: record for folder in folders if (record := folder.record())}


def ledger_of(records: Mapping[str, Record], names: Sequence[str]) -> Ledger:
    """Returns the records as far as a search with the objectives `names` needs them."""
    return {key: _entry(record, names) for key, record in records.items()}


def next_ordinal(ledger: Ledger) -> int:
    """Returns the ordinal above the highest one that was given out."""
    return 1 + max((entry.trial for entry in ledger.values()), default=0)


def is_settled(ledger: Ledger, key: str) -> bool:
    """Returns whether the trial of that identity is done with."""
    return key in ledger and ledger[key].settled


def settled_in(ledger: Ledger, phase: Phase) -> Iterable[LedgerEntry]:
    """Yields the settled trials of a phase."""
    return [entry for entry in ledger.values() if entry.settled and entry.phase == phase]


def record_of(run: Run) -> Record:
    """Returns the record of a run of the tracking store, with its metrics as they were logged."""
    metrics = {name: _logged(value) for name, value in run.data.metrics.items()}
    return Record(run_id=run.info.run_id, tags=run.data.tags, params=run.data.params, metrics=metrics)


def _logged(value: float) -> float:
    # MLflow 3.17 stores an infinity as the greatest number there is, which passes for a measurement.
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value


def finite_objectives(metrics: Mapping[str, Any], names: Sequence[str]) -> Objectives | None:
    """Returns (cost, quality) of what was measured; None where one is missing, NaN or infinite.

    No study may be told such values.
    """
    cost, quality = (float(metrics.get(name, math.nan)) for name in names)
    return (cost, quality) if math.isfinite(cost) and math.isfinite(quality) else None


def objectives_of(result: Mapping[str, Any], names: Sequence[str]) -> Objectives | None:
    """Returns (cost, quality) of a trial that completed or was stopped at a rung; None otherwise, or if not finite."""
    if result.get("state") not in {TrialState.COMPLETED, TrialState.RUNNING}:
        return None
    return finite_objectives(result, names)


def _entry(record: Record, names: Sequence[str]) -> LedgerEntry:
    tags, metrics, state = record.tags, record.metrics, record.state
    objectives = None
    if state in {TrialState.COMPLETED, TrialState.PRUNED}:
        objectives = finite_objectives(metrics, names)
    return LedgerEntry(
        trial=int(tags[TRIAL]),
        phase=Phase(tags[PHASE]),
        state=state,
        objectives=objectives,
        wall_s=0.0 if REUSED in tags else metrics.get("wall_s", 0.0),
        point=json.loads(tags.get(POINT, "{}")),
        reused=REUSED in tags,
    )
