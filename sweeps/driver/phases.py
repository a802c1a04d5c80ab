"""This module says what each phase of a sweep runs, given what is known already."""

import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from optuna.storages import BaseStorage

import analysis
from analysis import Phase
from sweeps.driver.known import KnownTrials
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.requests import Requests
from sweeps.driver.rounds import Asked, Rounds, Sized, point_of_row, with_seeds
from sweeps.ledger.records import is_settled, next_ordinal, settled_in
from sweeps.ledger.tags import PROTOCOL, TEACHER_DIGEST
from sweeps.planning.points import frozen, is_allowed, places_of, planned_trials
from sweeps.results import space_limit as space_limits
from sweeps.search.queues import GrowingQueue, JobQueue, ListQueue, SuccessiveQueues
from sweeps.search.reuse import Reuse
from sweeps.search.study import has_study, open_study
from sweeps.search.study_file import open_storage
from sweeps.search.study_queue import SearchBasis, study_queue
from sweeps.spec.architecture import architecture_of_row
from sweeps.spec.search import LATENCY
from sweeps.spec.space import Value
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import Job


class PhaseLayout:
    """A PhaseLayout lays out the phases of an open sweep one after the other, each from a reading of its own.

    `taken` is the number of other sweeps' trials with which the search began, and `remarks` are what a person should
    know of how it goes on.
    """

    def __init__(self, sweep: OpenSweep) -> None:
        self._sweep, self._spec = sweep, sweep.spec
        foundation = sweep.basis.foundation
        self._requests = Requests(sweep.spec, foundation, latencies=sweep.basis.latencies)
        self._reuse = Reuse.of(
            sweep.basis.tracking,
            sweep.spec.name,
            trials=sweep.basis.trials,
            shared={TEACHER_DIGEST: foundation.teacher.weights_digest, PROTOCOL: foundation.protocol.digest},
            delivery=sweep.delivery,
        )
        self._is_first = True
        self._searched = sweep.spec  # with the space of the search, which may become wider
        self.taken = 0
        self.remarks: list[str] = []

    def queue(self, phase: Phase) -> JobQueue:
        """Returns what is missing of `phase`."""
        known = self._sweep.known if self._is_first else self._sweep.read_again()
        self._is_first = False
        if phase == Phase.SEARCH:
            return self._search(known)
        if phase == Phase.BASELINE:
            return self._listed(known, self._baselines(known))
        if self._spec.confirm.grows:
            return self._growing(known)
        return self._listed(known, self._confirmations(known))

    def _listed(self, known: KnownTrials, asked: Iterable[Asked]) -> JobQueue:
        """Returns a queue of jobs known before the phase begins."""
        asked = list(asked)
        jobs = self._missing(known, asked)
        return ListQueue(self._spec.name, jobs, done=len(asked) - len(jobs))

    def _growing(self, known: KnownTrials) -> JobQueue:
        """Returns the queue of a confirmation whose deciding candidates get further seeds."""
        candidates, folder = self._candidates(known), self._sweep.folder
        rounds = Rounds(self._spec, self._requests, candidates=candidates, folder=folder)
        asked = rounds.begun(known.table)
        jobs, more = self._missing(known, asked), partial(self._further, rounds)
        return GrowingQueue(self._spec.name, jobs, done=len(asked) - len(jobs), more=more)

    def _further(self, rounds: Rounds) -> tuple[list[Job], str | None]:
        """Returns the trials of the next round that lacks some, or in words how the rounds ended."""
        known = self._sweep.read_again()
        while asked := rounds.next(known.table):
            if jobs := self._missing(known, asked):
                return jobs, None
            known = self._sweep.read_again()
        return [], rounds.remark

    def _missing(self, known: KnownTrials, asked: Sequence[Asked]) -> list[Job]:
        """Returns jobs of what is not done with; those that another sweep finished are taken over."""
        ledger, jobs = known.ledger, []
        missing = [(point, request) for point, request in asked if not is_settled(ledger, request.key)]
        numbers = itertools.count(next_ordinal(ledger))
        for point, request in missing:  # one that was cut off keeps its number, and takes no further one
            number = ledger[request.key].trial if request.key in ledger else next(numbers)
            job = self._requests.job(request, number, point=point)
            if request.key in self._reuse:
                self._reuse.take(job, self._spec.search.objectives)
            else:
                jobs.append(job)
        return jobs

    def _search(self, known: KnownTrials) -> JobQueue:
        """Returns the study's queue. An adaptive study begins with all that other sweeps know of its space.

        A search that has begun is not changed by what others find meanwhile.
        """
        storage = open_storage(self._sweep.folder, say=self.remarks.append)
        if self._spec.search.is_adaptive and not has_study(self._spec, storage):
            self._take_what_is_known(known)
            known = self._sweep.read_again() if self.taken else known
        self._searched = space_limits.searched_spec(self._spec, known.table)
        queue = self._of_study(known, storage)
        return SuccessiveQueues(queue, following=self._beyond) if self._spec.search.extend else queue

    def _of_study(self, known: KnownTrials, storage: BaseStorage) -> JobQueue:
        """Returns the queue of the study in the space that is searched now."""
        spec = self._searched
        study = open_study(spec, storage, ledger=known.ledger, teacher=self._teacher())
        return study_queue(
            SearchBasis(
                spec=spec,
                to_request=self._requests.student,
                to_job=self._requests.job,
                study=study,
                ledger=known.ledger,
                total=self._total(known),
                reuse=self._reuse,
            )
        )

    def _total(self, known: KnownTrials) -> int:
        """Returns how many trials the search has, those of other sweeps among them."""
        reused = sum(entry.reused for entry in settled_in(known.ledger, Phase.SEARCH))
        return planned_trials(self._spec) + (reused if self._spec.search.is_adaptive else 0)

    def _beyond(self) -> JobQueue | None:
        """Returns the search in a wider space, where the limit lies beyond the one that was searched."""
        known = self._sweep.read_again()
        if len(list(settled_in(known.ledger, Phase.SEARCH))) >= self._total(known):
            return None
        wider = space_limits.wider_spec(self._searched, known.table)
        if wider is None:
            return None
        self._searched = wider
        return self._of_study(known, open_storage(self._sweep.folder))

    def _teacher(self) -> dict[str, Any]:
        """Returns what a rule reads of the teacher, by the names of the table's columns."""
        foundation = self._sweep.basis.foundation
        metrics = foundation.teacher_metrics
        return {
            "teacher_fid": metrics.fid,
            "teacher_inception_score": metrics.inception_score,
            "teacher_parameters": foundation.teacher.parameters,
        }

    def _take_what_is_known(self, known: KnownTrials) -> None:
        ledger, search = known.ledger, self._spec.search
        if any(entry.phase == Phase.SEARCH and not entry.reused for entry in ledger.values()):
            return  # it has begun, and lost its study
        first = next_ordinal(ledger)
        for key, values in list(self._reuse.points()):
            places = [] if is_settled(ledger, key) else places_of(self._spec, values)
            requests = ((point, self._requests.student(point)) for point in places if is_allowed(self._spec, point))
            found = next(((point, request) for point, request in requests if request.key == key), None)
            if found is not None:
                point, request = found
                job = self._requests.job(request, first + self.taken, point=point)
                self._reuse.take(job, search.objectives)
                self.taken += 1

    def _confirmations(self, known: KnownTrials) -> Iterable[Asked]:
        """Returns the candidates with each of the fresh seeds."""
        return with_seeds(self._requests, self._candidates(known), seeds=self._spec.confirm_seeds)

    def _candidates(self, known: KnownTrials) -> list[Sized]:
        """Returns the students that tell where the limit lies, by the rows of the search."""
        spec, confirm = self._spec, self._spec.confirm
        if spec.search.sampler == "limit":
            deciding = space_limits.deciding_points(spec, known.table, most=confirm.most_candidates)
            if deciding:
                return deciding
        whole, cost = confirm.of == "frontier", LATENCY if spec.search.is_timed else spec.limit_cost
        rows = analysis.limit_candidates(
            known.table, spec.limit, around=confirm.around, whole_frontier=whole, cost=cost
        )
        return [(row[spec.limit_cost], point_of_row(row)) for row in rows.to_pylist()]

    def _baselines(self, known: KnownTrials) -> Iterable[Asked]:
        """Yields the from-scratch twins of the chosen students."""
        for twin in scratch_twins(known.table, self._spec):
            yield twin, self._requests.baseline(twin)


def scratch_twins(table: pa.Table, spec: SweepSpec) -> list[dict[str, Value]]:
    """Returns which architectures and seeds are trained from scratch, each once, as `spec.baseline.of` says."""
    of = spec.baseline.of
    if of == "none":
        return []
    rows = analysis.final_students(table).to_pylist()
    if of == "confirmed" and Phase.CONFIRM in spec.trial_phases:
        rows = [row for row in rows if row["phase"] == Phase.CONFIRM]
    elif of != "all":
        rows = analysis.student_frontier(table, spec.limit.metric).to_pylist()
    twins = [{**architecture_of_row(row), "seed": row["seed"]} for row in rows]
    return list({frozen(twin): twin for twin in twins}.values())
