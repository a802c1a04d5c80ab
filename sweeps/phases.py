"""The phases of a sweep: what each of them runs, given what is known already."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from mlflow.exceptions import MlflowException

import analysis
from gan import DataRoot
from sweeps.delivery import Delivery
from sweeps.foundation import Foundation
from sweeps.journal import Record, trial_folders
from sweeps.ledger import Ledger, Objectives, ledger_of, next_ordinal, stored_records, with_journals
from sweeps.pruning import RungSurvival
from sweeps.queues import JobQueue, ListQueue
from sweeps.requests import Job, TrialRequest
from sweeps.results import table_of
from sweeps.search import StudyQueue, grid_size, open_storage, open_study
from sweeps.space import Value
from sweeps.spec import PhaseName, SweepSpec
from sweeps.tracking import Tracking
from sweeps.trial import TrialContext, closing


class OpenSweep:
    """A sweep under way on one data set: its parent run, its ledger, and the queue of each phase."""

    def __init__(
        self,
        spec: SweepSpec,
        folder: Path,
        tracking: Tracking,
        foundation: Foundation,
        parent_run_id: str,
        data_root: DataRoot,
    ) -> None:
        self.spec, self.folder = spec, folder
        self._tracking, self._foundation, self._parent_run_id = tracking, foundation, parent_run_id
        self._delivery = Delivery(tracking.store, parent_run_id)
        self._stored: dict[str, Record] = stored_records(tracking, parent_run_id)
        self.context = TrialContext(
            sweep=spec.name,
            parent_run_id=parent_run_id,
            store=tracking.store,
            dataset=spec.dataset,
            data_root=data_root,
            compute=spec.resources.compute,
            protocol=foundation.extractor.protocol,
            extractor_files=foundation.extractor.files,
            pool_path=foundation.pool_path,
            agreement_path=foundation.agreement_path,
            teacher_version=foundation.teacher.version,
            teacher_parameters=foundation.teacher.card.parameters,
            rungs_kimg=spec.evaluation.rungs_kimg,
            trials=folder / "trials",
        )

    def queue(self, phase: PhaseName) -> JobQueue:
        """What is missing of `phase`."""
        if phase == "search":
            return self._search()
        requests = self._confirmations() if phase == "confirm" else self._baselines()
        ledger = self.ledger()
        missing = [(point, request) for point, request in requests if not _is_settled(ledger, request)]
        jobs = [
            Job(request=request, trial=_ordinal(ledger, request, number), point=point)
            for number, (point, request) in enumerate(missing, start=next_ordinal(ledger))
        ]
        return ListQueue(self.spec.name, jobs, done=len(requests) - len(missing))

    def scheduler(self) -> RungSurvival | None:
        """The search's pruning, knowing the rungs that trials reached before; None where nothing is pruned."""
        if self.spec.search.pruning is None:
            return None
        survival = RungSurvival(self.spec.search.pruning, self.spec.evaluation.rungs_kimg)
        for folder in trial_folders(self.context.trials):
            record = folder.record()
            if record and record.tags["ganlimit.phase"] == "search":
                for event in folder.reported():
                    survival.learn(
                        self.spec.name, folder.key, event.kimg, record.metrics["parameters"], event.metrics["fid"]
                    )
        return survival

    def records(self) -> Mapping[str, Record]:
        """All trials, as the store has them (or had them when it was last seen) and the journals know them."""
        # While the store is away: what it said last, and the journals.
        with contextlib.suppress(MlflowException):
            self._stored = stored_records(self._tracking, self._parent_run_id)
        return with_journals(self._stored, self.context.trials)

    def ledger(self) -> Ledger:
        """The records as far as the search needs them."""
        return ledger_of(self.records())

    def table(self) -> pa.Table:
        """One row per trial."""
        return table_of(self.spec.name, self._foundation.shared_tags(self.spec), self.records().items())

    @property
    def teacher_objectives(self) -> Objectives:
        """The teacher's (parameters, fid)."""
        teacher = self._foundation.teacher
        return float(teacher.card.parameters), teacher.metrics.fid

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
        for folder in trial_folders(self.context.trials):
            record = folder.record()
            if record and record.state == analysis.TrialState.RUNNING:
                folder.append(closing(analysis.TrialState(state), None, record.metrics.get("kimg", 0.0)))
        return self._delivery.deliver_all(self.context.trials, patience_s)

    # --- what the phases run ------------------------------------------------------------------

    def _search(self) -> JobQueue:
        spec, ledger = self.spec, self.ledger()
        total = min(grid_size(spec), spec.search.trials) if spec.search.sampler == "grid" else spec.search.trials
        study = open_study(spec, open_storage(self.folder))
        return StudyQueue(spec, self._student, study, ledger, total)

    def _confirmations(self) -> list[tuple[dict[str, Value], TrialRequest]]:
        """The candidates with each of the fresh seeds."""
        spec = self.spec
        whole = spec.confirm.of == "frontier"
        candidates = analysis.limit_candidates(self.table(), spec.limit, spec.confirm.around, whole)
        found = []
        for row in candidates.to_pylist():
            for seed in spec.confirm_seeds:
                point = {**_point(row), "seed": seed}
                found.append((point, self._student(point, "confirm")))
        return found

    def _baselines(self) -> list[tuple[dict[str, Value], TrialRequest]]:
        """From-scratch twins of the chosen students: architectures and seeds, each once."""
        of, table = self.spec.baseline.of, self.table()
        if of == "none":
            return []
        rows = analysis.final_students(table).to_pylist()
        if of == "confirmed" and "confirm" in self.spec.phases:
            rows = [row for row in rows if row["phase"] == analysis.Phase.CONFIRM]
        elif of != "all":
            rows = analysis.pareto_frontier(table).to_pylist()
        names = ("width", "depth", "block", "seed")
        twins = list({tuple(row[name] for name in names): {name: row[name] for name in names} for row in rows}.values())
        return [(twin, self._request(twin, phase="baseline", training=self.spec.baseline.training)) for twin in twins]

    def _student(self, point: Mapping[str, Value], phase: PhaseName = "search") -> TrialRequest:
        """The crossing from search to domain: a point of the space as a trial."""
        return self._request(point, phase=phase, distillation=self.spec.recipe(point))

    def _request(self, point: Mapping[str, Any], **what: Any) -> TrialRequest:
        foundation, spec = self._foundation, self.spec
        width, depth = int(point["width"]), int(point["depth"])
        return TrialRequest(
            architecture=spec.student_architecture(foundation.dataset, width, depth, point.get("block", "dcgan")),
            seed=int(point.get("seed", spec.student_seeds[0])),
            teacher_digest=foundation.teacher.card.weights_digest,
            pool_digest=foundation.pool.digest,
            protocol_digest=foundation.extractor.protocol.digest,
            threads=spec.resources.cpus_per_trial,
            compute=spec.resources.compute,
            **what,
        )


def _point(row: Mapping[str, Any]) -> dict[str, Value]:
    settings = analysis.settings_of(row)
    return {**settings, **{name: row[name] for name in ("width", "depth", "block", "gan_weight")}}


def _is_settled(ledger: Ledger, request: TrialRequest) -> bool:
    return request.key in ledger and ledger[request.key].settled


def _ordinal(ledger: Ledger, request: TrialRequest, otherwise: int) -> int:
    return ledger[request.key].trial if request.key in ledger else otherwise
