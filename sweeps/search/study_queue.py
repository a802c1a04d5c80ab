"""This module asks a study for points and tells it their results, and never has a trial run twice.

Finished trials are known by their identity and answered from the ledger.
"""

import random
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.trial import TrialState

from analysis import Phase
from gan.seeds import seed_at
from sweeps.ledger.records import Ledger, Objectives, next_ordinal, objectives_of, settled_in
from sweeps.ledger.tags import SETTLED
from sweeps.planning.points import LISTED_POINTS, excess_at, is_allowed, listed_points
from sweeps.search.limit_sampler import FAILED, LOST, LimitSampler
from sweeps.search.queues import JobQueue, NoJob
from sweeps.search.reuse import Reuse
from sweeps.search.study import OUR_TRIAL
from sweeps.spec.space import Value, distributions, point_of
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import Job, ToJob, TrialRequest, unmeasured_job

PATIENCE = 2  # repeats before a sampler is led elsewhere, where all points that are left can be listed
PATIENCE_WITHOUT_LIST = 20
REPEATS_BEFORE_END = 500  # repeats before the search ends, in a space that cannot be listed

Point = Mapping[str, Value]
ToRequest = Callable[[Point], TrialRequest]


@dataclass(frozen=True, kw_only=True)
class SearchBasis:
    """A SearchBasis is what a queue asks, and what is known from the start.

    `to_request` makes a trial of a point, and `to_job` a job of that. `total` is how many trials the search has, those
    of `ledger` among them. What `reuse` has is taken over from other sweeps instead of trained.
    """

    spec: SweepSpec
    to_request: ToRequest
    study: optuna.Study
    ledger: Ledger
    total: int
    reuse: Reuse | None = None
    to_job: ToJob = unmeasured_job


@dataclass(kw_only=True)
class _Asked:
    """This is a point of the study on its way to a result."""

    trial: optuna.Trial
    job: Job
    objectives: Objectives | None = None
    ended: bool = False
    is_evidence: bool = True  # whether its end tells of the student, and not of a machine


class StudyQueue(JobQueue):
    """A StudyQueue asks a study for points and tells it their results; its two kinds differ in when they tell.

    A point whose identity is settled is answered from the ledger; one that another sweep has finished is taken over;
    one that breaks a constraint is put aside untrained; one that is under way is given up. Then another is asked. Where
    the sampler keeps repeating itself, it is given one of the points that are left, by chance; with none left the
    search ends.
    """

    def __init__(self, search: SearchBasis) -> None:
        spec, ledger = search.spec, search.ledger
        self.sweep, self.total, self._reuse = spec.name, search.total, search.reuse
        self.done = len(list(settled_in(ledger, Phase.SEARCH)))
        self._spec, self._search, self._domains = spec, spec.search, spec.domains()
        self._distributions = distributions(self._domains)
        self._to_request, self._to_job = search.to_request, search.to_job
        self._study, self._sampler = search.study, search.study.sampler
        self._ledger, self._next_trial = ledger, next_ordinal(ledger)
        chance = seed_at(spec.seed, "random points") % 2**32
        self._random, self._chance = optuna.samplers.RandomSampler(seed=chance), random.Random(chance)
        self._keys: set[str] = set()  # what was asked for in this session
        self._told: dict[str, Objectives | None] = {}  # what the study was told
        self._running: dict[str, _Asked] = {}
        if spec.search.sampler == "grid" and self._listed is not None:
            self.total = min(self.total, len(self._listed))

    @property
    def standing(self) -> str | None:
        """Returns where the limit of the space lies so far, where the sampler seeks it."""
        return self._sampler.standing if isinstance(self._sampler, LimitSampler) else None

    @abstractmethod
    def _has_room(self) -> bool:
        """Returns whether another point may be asked for."""

    @abstractmethod
    def _answer(self, asked: _Asked) -> _Asked | None:
        """Deal with a new point whose result is known. Returns it where it is kept, None where another is asked."""

    def _hand_out(self, asked: _Asked) -> Job:
        self._running[asked.job.request.key] = asked
        return asked.job

    def _end(self, job: Job, result: Mapping[str, Any]) -> _Asked:
        self.done += 1
        asked = self._running.pop(job.request.key)
        asked.objectives, asked.ended = objectives_of(result, self._search.objectives), True
        asked.is_evidence = result.get("state") in SETTLED
        return asked

    def _ask(self) -> _Asked | None:
        """Returns a new point, None where none is left to ask for, or the search knows what it sought."""
        self.remark = self._why_over()
        if self.remark:
            return None
        repeats, patience = 0, PATIENCE_WITHOUT_LIST if self._listed is None else PATIENCE
        with self._own_sampler():
            while self._has_room() and repeats < REPEATS_BEFORE_END:
                in_line = self._stands_in_line()
                if repeats >= patience and not in_line and not self._lead_elsewhere():
                    break
                repeats += not in_line
                trial = self._study.ask(self._distributions)
                point = point_of(trial.params, self._domains)
                if self._breaks_a_constraint(trial, point):
                    self._study.tell(trial, state=TrialState.PRUNED)
                    continue
                request = self._to_request(point)
                if request.key in self._told:
                    self._tell(trial, self._told[request.key])
                elif request.key in self._keys:
                    self._study.tell(trial, state=TrialState.FAIL)
                elif asked := self._take(trial, request, point=point):
                    return asked
        if self._has_room():
            self.remark = f"search: {len(self._told | self._running)} of {self.total} trials, its space has no more"
        elif isinstance(self._sampler, LimitSampler) and (open_end := self._sampler.why_open(self._study)):
            self.remark = f"search: all {self.total} trials are spent, and {open_end}"
        return None

    def _why_over(self) -> str | None:
        """Returns in words that the search knows what it sought, and that nothing stands in line."""
        if not isinstance(self._sampler, LimitSampler) or self._stands_in_line():
            return None
        found = self._sampler.why_over(self._study)
        return found and f"{found}: it ended after {self.done} of {self.total} trials"

    def _must_wait(self) -> bool:
        """Returns whether what is asked next had better know how a trial that runs has ended."""
        if not isinstance(self._sampler, LimitSampler) or not self._has_room() or self._stands_in_line():
            return False
        return self._sampler.must_wait(self._study)

    def _stands_in_line(self) -> bool:
        return bool(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _take(self, trial: optuna.Trial, request: TrialRequest, *, point: Point) -> _Asked | None:
        """Make a job of a new point. Returns None where its result was known and another is asked."""
        self._keys.add(request.key)
        known = self._ledger.get(request.key)
        job = self._to_job(request, known.trial if known else self._take_ordinal(), point=point)
        trial.set_user_attr(OUR_TRIAL, job.trial)  # Optuna counts otherwise
        if known and known.settled:
            return self._answer(_Asked(trial=trial, job=job, objectives=known.objectives, ended=True))
        if self._reuse is not None and request.key in self._reuse:
            self.done += 1
            return self._answer(
                _Asked(trial=trial, job=job, objectives=self._reuse.take(job, self._search.objectives), ended=True)
            )
        return _Asked(trial=trial, job=job)

    def _take_ordinal(self) -> int:
        number, self._next_trial = self._next_trial, self._next_trial + 1
        return number

    def _breaks_a_constraint(self, trial: optuna.Trial, point: Point) -> bool:
        excess = excess_at(self._spec, point)
        for name, value in excess.items():
            trial.set_constraint(name, value)
        return any(value > 0 for value in excess.values())

    def _lead_elsewhere(self) -> bool:
        """Make the next point a new one, as far as that is possible. Returns False where none is left."""
        if self._listed is None:
            self._study.sampler = self._random
            return True
        known = self._keys | self._told.keys()
        left = [params for key, params in self._listed.items() if key not in known]
        if left:
            self._study.enqueue_trial(self._chance.choice(left))
        return bool(left)

    @cached_property
    def _listed(self) -> dict[str, dict[str, Any]] | None:
        """Returns by identity what a search over a listed space may ask for; None for a space that cannot be listed."""
        listed = listed_points(self._spec, LISTED_POINTS)
        if listed is None:
            return None
        points = [(point_of(params, self._domains), params) for params in listed]
        return {self._to_request(point).key: params for point, params in points if is_allowed(self._spec, point)}

    @contextmanager
    def _own_sampler(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._study.sampler = self._sampler

    def _tell(self, trial: optuna.Trial, objectives: Objectives | None) -> None:
        if objectives is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, objectives)

    def _tell_outcome(self, asked: _Asked) -> None:
        self._told[asked.job.request.key] = asked.objectives
        if asked.objectives is None:
            asked.trial.set_user_attr(FAILED if asked.is_evidence else LOST, value=True)
        self._tell(asked.trial, asked.objectives)


class ImmediateStudyQueue(StudyQueue):
    """This queue asks for one point at a time and tells each result at once, so that the sampler knows all there is."""

    def __init__(self, search: SearchBasis) -> None:
        super().__init__(search)
        self._told = {key: entry.objectives for key, entry in search.ledger.items() if entry.settled}
        self._handed_out = self.done
        self._waits: bool | None = None  # whether the next point does; None is not known since a trial ended

    def next(self) -> Job | NoJob:
        """Returns the next job, YET where it is better chosen when another has ended, LEFT where the search has."""
        if self._running and self._waits is None:
            self._waits = self._must_wait()  # it stays so until a trial ends, and Ray Tune asks ten times a second
        if self._running and self._waits:
            return NoJob.YET
        self._waits = None
        asked = self._ask()
        if asked is None:
            return NoJob.LEFT
        self._handed_out += 1
        return self._hand_out(asked)

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        """Tell the study."""
        self._waits = None
        self._tell_outcome(self._end(job, result))

    def _has_room(self) -> bool:
        return self._handed_out < self.total

    def _answer(self, asked: _Asked) -> None:
        self._handed_out += 1
        self._tell_outcome(asked)


class BatchedStudyQueue(StudyQueue):
    """This queue asks in batches of a fixed size, and tells a batch in the order of asking when all of it has ended.

    So spec and seed alone decide what is asked (`search.reproducible`), whichever trial ends first.
    """

    def __init__(self, search: SearchBasis) -> None:
        super().__init__(search)
        self._batch: list[_Asked] = []
        self._waiting: deque[_Asked] = deque()

    def next(self) -> Job | NoJob:
        """Returns the next job, YET where the batch has not all ended, LEFT where the search has."""
        while not self._waiting:
            if not all(asked.ended for asked in self._batch):
                return NoJob.YET
            if not self._fill_batch():
                return NoJob.LEFT
        return self._hand_out(self._waiting.popleft())

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        """Note the result, which the study is told with its batch."""
        self._end(job, result)

    def _fill_batch(self) -> bool:
        """Tell the batch before, ask the next one. Returns whether there is any."""
        for asked in self._batch:
            self._tell_outcome(asked)
        self._batch = []
        while len(self._batch) < self._search.batch_size and (asked_next := self._ask()):
            self._batch.append(asked_next)
        self._waiting = deque(asked for asked in self._batch if not asked.ended)
        return bool(self._batch)

    def _has_room(self) -> bool:
        return len(self._keys) < self.total

    def _answer(self, asked: _Asked) -> _Asked:
        return asked  # it is told with its batch


def study_queue(search: SearchBasis) -> StudyQueue:
    """Returns the queue of a sweep's search, of the kind that `search.reproducible` asks for."""
    return (BatchedStudyQueue if search.spec.search.reproducible else ImmediateStudyQueue)(search)
