"""This module lets a sweep have the finished trials of others: a row depends on its identity alone.

The run stays where it is. A sweep that takes it over says so in a tag of the run, with its own ordinal and phase, and
from then on has it among its rows.
"""

import json
from collections.abc import Iterator, Mapping

from analysis import TrialState
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Event, Record
from sweeps.ledger.records import Objectives, finite_objectives, record_of
from sweeps.ledger.tags import PHASE, POINT, REUSED, SWEEP, TRIAL, TRIAL_KEY
from sweeps.ledger.tracking import Tracking
from sweeps.spec.space import Value
from sweeps.trial.log import costs_of
from sweeps.trial.request import Job


class Reuse:
    """A Reuse has what other sweeps on the same teacher and protocol have completed, and takes it over."""

    def __init__(self, records: Mapping[str, Record], trials: TrialStorage, *, sweep: str, delivery: Delivery) -> None:
        self._records, self._trials, self._sweep, self._delivery = dict(records), trials, sweep, delivery

    @classmethod
    def of(
        cls, tracking: Tracking, sweep: str, *, trials: TrialStorage, shared: Mapping[str, str], delivery: Delivery
    ) -> "Reuse":
        """Returns all completed trials that have the tags `shared` and are not this sweep's own."""
        runs = tracking.completed(shared, beyond=delivery.parent_run_id)
        return cls({run.data.tags[TRIAL_KEY]: record_of(run) for run in runs}, trials, sweep=sweep, delivery=delivery)

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def points(self) -> Iterator[tuple[str, dict[str, Value]]]:
        """Yields (identity, point of its space, and its seed) of each trial."""
        for key, record in self._records.items():
            yield key, {"seed": int(record.params["seed"]), **json.loads(record.tags.get(POINT, "{}"))}

    def take(self, job: Job, objectives: tuple[str, str]) -> Objectives | None:
        """Make the finished trial of `job` a row of this sweep. Returns its objectives."""
        record = self._records.pop(job.request.key)
        own = {TRIAL: str(job.trial), PHASE: job.request.phase, POINT: job.point_json, REUSED: record.run_id}
        own |= {SWEEP: self._sweep}
        metrics = {**costs_of(job.request.architecture, job.request.bits), **record.metrics}  # which an early one lacks
        metrics |= job.latency.metrics if job.latency else {}
        folder = self._trials.folder(job.request.key)
        if folder.path.exists():
            folder.delete()  # an unfinished try of this sweep
        folder.append(
            Event(kind="reused", kimg=0.0, metrics=metrics, params=record.params, tags={**record.tags, **own})
        )
        self._delivery.deliver(folder)  # now, so that whoever reads only the store sees the row while the sweep runs
        assert record.state == TrialState.COMPLETED
        return finite_objectives({**metrics, **job.priced}, objectives)
