"""This module is a sweep under way on one data set: what it stands on, and what is known of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from analysis import COSTS, TrialState, findings_of
from sweeps.deployment.latencies import LatencyBook
from sweeps.driver.known import KnownTrials
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Record
from sweeps.ledger.records import Objectives
from sweeps.ledger.snapshot import TrialReader
from sweeps.ledger.tracking import Tracking
from sweeps.models.foundation import Foundation
from sweeps.results.answer import show_answer
from sweeps.results.table import architecture_columns
from sweeps.spec.architecture import architecture_of, architecture_of_row
from sweeps.spec.search import LATENCY
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.log import TrialContext, close_running


@dataclass(frozen=True, kw_only=True)
class SweepBasis:
    """A SweepBasis is what a sweep stands on: its specification and models, its parent run, and where its files are.

    It `is_new` where the tracking store had no run of its trials yet. `latencies` are those of its students where they
    lead the search.
    """

    spec: SweepSpec
    foundation: Foundation
    tracking: Tracking
    parent_run_id: str
    folder: Path
    trials: TrialStorage
    is_new: bool = False
    latencies: LatencyBook | None = None

    def context(self) -> TrialContext:
        """Returns what all its trials share."""
        spec, foundation = self.spec, self.foundation
        return TrialContext(
            sweep=spec.name,
            parent_run_id=self.parent_run_id,
            store=self.tracking.store,
            dataset=spec.dataset.name,
            compute=spec.resources.compute,
            protocol=foundation.protocol,
            materials=foundation.materials,
            teacher_version=foundation.teacher_version,
            teacher_parameters=foundation.teacher.parameters,
            rungs_kimg=spec.evaluation.rungs_kimg,
            trials=self.trials,
            searched=tuple(spec.domains()),
            samples=spec.mlflow.samples_at(files_are_free=self.tracking.store.takes_files_freely),
            system_metrics=spec.mlflow.system_metrics,
            is_new=self.is_new,
        )


class OpenSweep:
    """An OpenSweep has a parent run that is open."""

    def __init__(self, basis: SweepBasis) -> None:
        self.basis, self.spec, self.folder, self.parent_run_id = basis, basis.spec, basis.folder, basis.parent_run_id
        self.context, self.delivery = basis.context(), Delivery(basis.tracking.store, basis.parent_run_id)
        self._reader, self._shared = self._reader_of(basis.trials), basis.foundation.shared_tags(basis.spec)
        self._known: KnownTrials | None = None

    @property
    def known(self) -> KnownTrials:
        """Returns what was known at the last reading, which the first call may be."""
        if self._known is None:
            self._known = KnownTrials(self.spec, self._shared, trials=self._reader.read())
        return self._known

    def read_again(self) -> KnownTrials:
        """Returns what is known now; while the store is away, with what it said last."""
        self._known = KnownTrials(self.spec, self._shared, trials=self._reader.read_again())
        return self._known

    def show(self) -> None:
        """Show on the sweep's run in MLflow what is known. Raises MlflowException while the store is away."""
        self._show(self.known)

    def show_news(self, is_over: Callable[[], bool]) -> None:
        """Read the trials and show what the sweep has come to now, unless nobody wants it by then, as `is_over` says.

        A thread of its own may do so, beside one that reads and writes.
        """
        reader = self._reader_of(self.basis.trials.apart())
        known = KnownTrials(self.spec, self._shared, trials=reader.read())
        if not is_over():
            self._show(known)
        if self.basis.latencies:
            self.basis.latencies.log()

    def _show(self, known: KnownTrials) -> None:
        tracking, spec = self.basis.tracking, self.spec
        findings = findings_of(known.table, spec.limit, cost=spec.limit_cost)
        show_answer(tracking, tracking.client.get_run(self.parent_run_id), spec=spec, findings=findings)

    def _reader_of(self, trials: TrialStorage) -> TrialReader:
        basis = self.basis
        names = basis.spec.search.objectives
        return TrialReader(basis.tracking, basis.parent_run_id, trials=trials, names=names, priced=self._priced)

    def _priced(self, record: Record) -> Record:
        """Returns a trial's record with what leads the search as its latency, where that is measured by the driver."""
        latencies = self.basis.latencies
        if latencies is None or "width" not in record.params:  # it has just begun
            return record
        architecture = architecture_of(architecture_of_row(architecture_columns(record)), self.spec.shape)
        return replace(record, metrics={**record.metrics, LATENCY: latencies.of(architecture).median_ms})

    @property
    def teacher_objectives(self) -> Objectives:
        """Returns the teacher's (parameters, fid), or (bytes, fid) where the limit is of bytes."""
        foundation, cost = self.basis.foundation, COSTS[self.spec.limit_cost]
        return float(cost.of_floats(foundation.teacher.parameters)), foundation.teacher_metrics.fid

    def close(self, state: TrialState, patience_s: float) -> int:
        """End whatever still counts as running, and deliver. Returns how many trials have something undelivered.

        Call it only when the workers are gone, so that nothing else writes to a journal.
        """
        close_running(self.basis.trials, state)
        has_latencies = self.basis.latencies is None or self.basis.latencies.log()
        return self.delivery.deliver_all(self.basis.trials, patience_s) + (not has_latencies)
