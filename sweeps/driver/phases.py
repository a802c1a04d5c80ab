"""The phases of a sweep: what each of them runs, given what is known already."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from mlflow.exceptions import MlflowException

import analysis
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Record
from sweeps.ledger.records import (
    Ledger,
    Objectives,
    all_records,
    is_settled,
    journaled_records,
    ledger_of,
    next_ordinal,
    ordinal,
    settled_in,
)
from sweeps.ledger.tags import PHASE, PROTOCOL, TEACHER_DIGEST
from sweeps.ledger.tracking import Tracking
from sweeps.models.foundation import Foundation
from sweeps.results.table import table_of
from sweeps.search.queues import JobQueue, ListQueue
from sweeps.search.reuse import Reuse
from sweeps.search.rungs import Rungs
from sweeps.search.study import has_study, open_storage, open_study
from sweeps.search.study_queue import SearchBasis, study_queue
from sweeps.spec.points import planned_trials
from sweeps.spec.space import Value
from sweeps.spec.sweep import PhaseName, SweepSpec
from sweeps.trial.log import TrialContext, close_running
from sweeps.trial.request import Job, TrialRequest


class OpenSweep:
    """A sweep under way on one data set: its parent run, its ledger, and the queue of each phase."""

    def __init__(
        self,
        spec: SweepSpec,
        folder: Path,
        tracking: Tracking,
        foundation: Foundation,
        parent_run_id: str,
        trials: TrialStorage,
    ) -> None:
        self.spec, self.folder = spec, folder
        self._tracking, self._foundation, self.parent_run_id = tracking, foundation, parent_run_id
        self._delivery = Delivery(tracking.store, parent_run_id)
        shared = {
            TEACHER_DIGEST: foundation.teacher.weights_digest,
            PROTOCOL: foundation.protocol.digest,
        }
        self.taken = 0  # trials of other sweeps with which the search began
        self._reuse = Reuse.of(tracking, spec.name, parent_run_id, trials, shared, self._delivery)
        self._records = all_records(tracking, parent_run_id, trials)
        self.context = TrialContext(
            sweep=spec.name,
            parent_run_id=parent_run_id,
            store=tracking.store,
            dataset=spec.dataset.name,
            compute=spec.resources.compute,
            protocol=foundation.protocol,
            materials=foundation.materials,
            teacher_version=foundation.teacher_version,
            teacher_parameters=foundation.teacher.parameters,
            rungs_kimg=spec.evaluation.rungs_kimg,
            trials=trials,
        )

    def queue(self, phase: PhaseName) -> JobQueue:
        """What is missing of `phase`."""
        if phase == "search":
            return self._search()
        requests = self._confirmations() if phase == "confirm" else self._baselines()
        ledger = self.ledger()
        missing = [(point, request) for point, request in requests if not is_settled(ledger, request.key)]
        jobs = []
        for number, (point, request) in enumerate(missing, start=next_ordinal(ledger)):
            job = Job(request=request, trial=ordinal(ledger, request.key, number), point=point)
            if request.key in self._reuse:
                self._reuse.take(job, self.spec.search.objectives)
            else:
                jobs.append(job)
        return ListQueue(self.spec.name, jobs, done=len(requests) - len(jobs))

    def rungs(self) -> Rungs | None:
        """What the search's pruning compares, with the rungs that were reached before; None where nothing is pruned."""
        rungs = Rungs.of(self.spec)
        if rungs is None:
            return None
        for folder in self.context.trials.folders():
            record = folder.record()
            if record and record.tags[PHASE] == "search":
                for event in folder.reported():
                    rungs.learn(folder.key, event.kimg, {**record.metrics, **event.metrics})
        return rungs

    def records(self) -> Mapping[str, Record]:
        """All trials, as the store has them (or had them when it was last seen) and the journals know them."""
        try:
            self._records = all_records(self._tracking, self.parent_run_id, self.context.trials)
        except MlflowException:
            self._records |= journaled_records(self.context.trials)  # with what the store said last
        return self._records

    def ledger(self) -> Ledger:
        """The records as far as the search needs them."""
        return ledger_of(self.records(), self.spec.search.objectives)

    def table(self) -> pa.Table:
        """One row per trial."""
        return table_of(self.spec.name, self._foundation.shared_tags(self.spec), self.records().items())

    @property
    def teacher_objectives(self) -> Objectives:
        """The teacher's (parameters, fid)."""
        return float(self._foundation.teacher.parameters), self._foundation.teacher_metrics.fid

    def finished_students(self) -> dict[str, Objectives]:
        """(parameters, fid) of each distilled student that reached the full budget, by identity."""
        rows = analysis.final_students(self.table()).to_pylist()
        return {row["trial_key"]: (row["parameters"], row["fid"]) for row in rows if row["fid"] is not None}

    def trial_seconds(self) -> float:
        """The wall time of all trials so far."""
        return sum(entry.wall_s for entry in self.ledger().values())

    def close(self, state: str, patience_s: float) -> int:
        """End whatever still counts as running, and deliver. Returns of how many trials something is undelivered.

        To be called when the workers are gone, so that nothing else writes to a journal.
        """
        close_running(self.context.trials, analysis.TrialState(state))
        return self._delivery.deliver_all(self.context.trials, patience_s)

    # --- what the phases run ------------------------------------------------------------------

    def _search(self) -> JobQueue:
        """The study. An adaptive one begins with all that other sweeps know of its space, beyond its own trials.

        A search that has begun is not changed by what others find meanwhile.
        """
        spec, total = self.spec, planned_trials(self.spec)
        storage = open_storage(self.folder)
        if spec.search.is_adaptive and not has_study(spec, storage):
            self._take_what_is_known()
        ledger = self.ledger()
        if spec.search.is_adaptive:
            total += sum(entry.reused for entry in settled_in(ledger, "search"))
        study = open_study(spec, storage, ledger)
        return study_queue(SearchBasis(spec, self._student, study, ledger, total, self._reuse))

    def _take_what_is_known(self) -> None:
        ledger, domains = self.ledger(), self.spec.domains()
        if any(entry.phase == "search" and not entry.reused for entry in ledger.values()):
            return  # it has begun, and lost its study
        number = next_ordinal(ledger)
        for key, known in list(self._reuse.points()):
            point = {name: known[name] for name, domain in domains.items() if domain.holds(known.get(name))}
            if len(point) < len(domains) or is_settled(ledger, key):
                continue
            request = self._student(point)
            if request.key == key and self.spec.search.constraints.allow(request.architecture):
                self._reuse.take(Job(request=request, trial=number, point=point), self.spec.search.objectives)
                number += 1
                self.taken += 1

    def _confirmations(self) -> list[tuple[dict[str, Value], TrialRequest]]:
        """The candidates with each of the fresh seeds."""
        spec = self.spec
        whole = spec.confirm.of == "frontier"
        around = spec.confirm.around
        candidates = analysis.limit_candidates(self.table(), spec.limit, around=around, whole_frontier=whole)
        found = []
        for row in candidates.to_pylist():
            for seed in spec.confirm_seeds:
                point = {**_point(row), "seed": seed}
                found.append((point, self._student(point, "confirm")))
        return found

    def _baselines(self) -> list[tuple[dict[str, Value], TrialRequest]]:
        """From-scratch twins of the chosen students."""
        training = self.spec.baseline.training
        twins = scratch_twins(self.table(), self.spec)
        return [(twin, self._request(twin, phase="baseline", training=training)) for twin in twins]

    def _student(self, point: Mapping[str, Value], phase: PhaseName = "search") -> TrialRequest:
        """The crossing from search to domain: a point of the space as a trial."""
        recipe, fused = self.spec.recipe(point), self.spec.fused(phase)
        return self._request(point, phase=phase, distillation=recipe, fused=fused)

    def _request(self, point: Mapping[str, Any], **what: Any) -> TrialRequest:
        foundation, spec = self._foundation, self.spec
        width, depth = int(point["width"]), int(point["depth"])
        return TrialRequest(
            architecture=spec.student_architecture(width, depth, point.get("block", "dcgan")),
            seed=int(point.get("seed", spec.student_seeds[0])),
            teacher_digest=foundation.teacher.weights_digest,
            pool_digest=foundation.pool_digest,
            protocol_digest=foundation.protocol.digest,
            threads=spec.resources.cpus_per_trial,
            compute=spec.resources.compute,
            **what,
        )


def scratch_twins(table: pa.Table, spec: SweepSpec) -> list[dict[str, Value]]:
    """Which architectures and seeds are trained from scratch, each once, as `spec.baseline.of` says."""
    of = spec.baseline.of
    if of == "none":
        return []
    rows = analysis.final_students(table).to_pylist()
    if of == "confirmed" and "confirm" in spec.phases:
        rows = [row for row in rows if row["phase"] == analysis.Phase.CONFIRM]
    elif of != "all":
        rows = analysis.student_frontier(table, spec.limit.metric).to_pylist()
    names = ("width", "depth", "block", "seed")
    return list({tuple(row[name] for name in names): {name: row[name] for name in names} for row in rows}.values())


def _point(row: Mapping[str, Any]) -> dict[str, Value]:
    settings = analysis.settings_of(row)
    return {**settings, **{name: row[name] for name in ("width", "depth", "block", "gan_weight")}}
