"""This module reads a sweep's trials from the tracking store: only what may have changed since the last reading.

MLflow keeps no time of a run's last change, so what may have changed is known otherwise. A settled run stays as it is,
unless it is deleted, or begun again, which leaves a tag (tags.REOPENED). The cache therefore holds the rows of the
settled runs that had begun before a moment `since_ms`, and the ids of all others from before it. A reading fetches

1. the deleted runs, to drop their rows,
2. of the runs from before that moment those that are not settled, and those that were reopened,
3. all runs from after it,
4. by their ids, those of which the cache has only the id and that neither 1 nor 2 found: they have ended meanwhile,
   or were restored,
5. the trials that other sweeps share with this one, each time.

Then the store is asked whether the number of older runs is the known one. If it is not, everything is read anew:
`mlflow gc` removed a run for good, or a node's clock is further off than `slack_s`.

A change that a person makes by hand in a settled run is not noticed. Whoever makes one deletes the cache.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from mlflow.entities import Run

from analysis import TrialState, trial_table, validate
from sweeps.ledger.journal import Record
from sweeps.ledger.records import record_of, shared_records
from sweeps.ledger.states import RunStatus
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tags import REOPENED, SETTLED, TRIAL_KEY
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.run_cache import START_MS, RunCache, source_of, with_start
from sweeps.results.table import row_of, shared_columns

# A run may begin so much earlier, by its node's clock, than others that the store heard of before it: clocks differ,
# and a store that is away is reached late.
SLACK_S = 600.0


@dataclass(frozen=True)
class StoredTrials:
    """StoredTrials are a sweep's trials as the tracking store has them.

    `table` has a row for each, ordered by ordinal, and is what `results.sweep_table` gives. `running` has the records
    of the running trials, by identity. `taken` has the identities of the trials that are other sweeps' runs.
    """

    table: pa.Table
    running: Mapping[str, Record]
    _: KW_ONLY
    taken: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Fetched:
    """This is a run that was fetched now."""

    start_ms: int
    row: dict[str, Any] | None
    record: Record | None  # for a run that has not ended
    is_done: bool  # whether it stays as it is


def read_trials(tracking: Tracking, workspace: Workspace, *, name: str, slack_s: float = SLACK_S) -> StoredTrials:
    """Returns the trials of the sweep called `name`; those that cannot have changed come from the cache in its folder.

    Raises SweepError when there is no such sweep.
    """
    parent = find_sweep(tracking, name)
    parent_run_id: str = parent.info.run_id
    folder, shared = workspace.sweep(name), shared_columns(name, parent.data.tags)
    source = source_of(tracking.store.uri, parent_run_id, shared=shared)
    cache = RunCache.load(folder, source)
    before_ms = int((time.time() - slack_s) * 1000)  # every run that begins from now on begins after this
    deleted = {run.info.run_id for run in tracking.each_trial(parent_run_id, deleted=True)}
    fetched = _fetch(tracking, parent_run_id, cache=cache, deleted=deleted, shared=shared)
    kept = _kept(cache, {*fetched, *deleted})
    older = len(kept) + sum(run.start_ms < cache.since_ms for run in fetched.values())
    if not tracking.has_trials(parent_run_id, _before(cache), count=older):
        fetched = _fetch(tracking, parent_run_id, cache=RunCache.empty(), deleted=deleted, shared=shared)
        kept = RunCache.empty().table
    own = _ordered(pa.concat_tables([kept, _table(fetched)]))
    renewed = _renewed(own, fetched, deleted=deleted - fetched.keys(), before_ms=before_ms)
    if not renewed.equals(cache):
        renewed.save(folder, source)
    taken = shared_records(tracking, parent_run_id)
    rows = [row for key, record in taken.items() if (row := row_of(shared, key, record=record))]
    table = with_newer_rows(own.drop_columns([START_MS]), trial_table(rows))
    return StoredTrials(table, _running(table, fetched, taken=taken), taken=frozenset(row["trial_key"] for row in rows))


def with_newer_rows(table: pa.Table, newer: pa.Table) -> pa.Table:
    """Returns the rows of both trial tables, ordered by ordinal; where both have a trial, the row of `newer`."""
    both = pa.concat_tables([table, newer])
    last = {key: number for number, key in enumerate(both["trial_key"].to_pylist())}
    rows = both.take(pa.array(last.values(), pa.int64()))
    return validate(rows.take(pc.sort_indices(rows["trial"])))  # the sort keeps the order of equals


# --- what the store is asked ----------------------------------------------------------------------


def _fetch(
    tracking: Tracking, parent_run_id: str, *, cache: RunCache, deleted: set[str], shared: Mapping[str, Any]
) -> dict[str, _Fetched]:
    """Returns all runs that may differ from what the cache says of them, by run id."""
    older = tracking.changeable_trials(parent_run_id, _before(cache)) if cache.since_ms else ()
    newer = tracking.each_trial(parent_run_id, f"attributes.start_time >= {cache.since_ms}")
    found = {run.info.run_id: _fetched(run, shared) for run in chain(older, newer)}
    missing = tracking.trials_by_id(parent_run_id, cache.watched - found.keys() - deleted)
    return found | {run.info.run_id: _fetched(run, shared) for run in missing}


def _before(cache: RunCache) -> str:
    return f"attributes.start_time < {cache.since_ms}"


def _fetched(run: Run, shared: Mapping[str, Any]) -> _Fetched:
    record = record_of(run)
    row = row_of(shared, run.data.tags[TRIAL_KEY], record=record)
    ended = run.info.status != RunStatus.RUNNING and record.state in SETTLED
    return _Fetched(
        start_ms=run.info.start_time,
        row=row,
        record=record if record.state == TrialState.RUNNING else None,
        is_done=row is not None and ended and REOPENED not in record.tags,
    )


# --- what becomes of it ---------------------------------------------------------------------------


def _kept(cache: RunCache, otherwise_known: set[str]) -> pa.Table:
    """Returns the cache's rows of all runs except `otherwise_known`."""
    return cache.table.filter(pc.invert(_are_in(cache.table, otherwise_known)))


def _table(fetched: Mapping[str, _Fetched]) -> pa.Table:
    runs = [run for run in fetched.values() if run.row]
    return with_start(trial_table(run.row for run in runs if run.row), [run.start_ms for run in runs])


def _ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([(START_MS, "ascending"), ("run_id", "ascending")])  # as the store orders them


def _renewed(own: pa.Table, fetched: Mapping[str, _Fetched], *, deleted: set[str], before_ms: int) -> RunCache:
    """Returns the cache for the next reading: those of the rows `own` that it need not fetch."""
    newest_ms = max([*own[START_MS].to_pylist(), *(run.start_ms for run in fetched.values())], default=0)
    since_ms = min(newest_ms, before_ms)
    open_runs = {run_id: run.start_ms for run_id, run in fetched.items() if not run.is_done}
    done = pc.and_(pc.less(own[START_MS], since_ms), pc.invert(_are_in(own, open_runs.keys())))
    watched = {run_id for run_id, start_ms in open_runs.items() if start_ms < since_ms}
    return RunCache(own.filter(done), since_ms, watched=frozenset(watched | deleted))


def _are_in(table: pa.Table, run_ids: Iterable[str]) -> pa.ChunkedArray:
    return pc.is_in(table["run_id"], value_set=pa.array(run_ids, pa.string()))


def _running(table: pa.Table, fetched: Mapping[str, _Fetched], *, taken: Mapping[str, Record]) -> dict[str, Record]:
    rows = table.filter(pc.equal(table["state"], str(TrialState.RUNNING))).select(["trial_key", "run_id"])
    # A trial that was taken from another sweep, and runs again there, is not among this sweep's runs.
    known = {run_id: run.record for run_id, run in fetched.items()} | {each.run_id: each for each in taken.values()}
    records = {row["trial_key"]: known.get(row["run_id"]) for row in rows.to_pylist()}
    return {key: record for key, record in records.items() if record}
