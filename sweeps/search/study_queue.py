"""The search: a study is asked for points and told their results, and never has a trial run twice.

Finished trials are known by their identity and answered from the ledger.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.trial import TrialState

from gan.seeds import seed_at
from sweeps.ledger.records import Ledger, Objectives, finite_objectives, next_ordinal, settled_in
from sweeps.search.queues import JobQueue, Nothing
from sweeps.search.reuse import Reuse
from sweeps.spec.points import LISTED_POINTS, listed_points
from sweeps.spec.space import Value, distributions, point_of
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import Job, TrialRequest

PATIENCE = 2  # repeats before a sampler is led elsewhere, where all that is left can be listed
PATIENCE_WITHOUT_LIST = 20
REPEATS_BEFORE_END = 500  # in a space without a list

Point = Mapping[str, Value]
ToRequest = Callable[[Point], TrialRequest]


@dataclass
class _Asked:
    """A point of the study on its way to a result."""

    trial: optuna.Trial
    job: Job
    objectives: Objectives | None = None
    ended: bool = False


class StudyQueue(JobQueue):
    """Asks a study for points and tells it their results.

    A point whose identity is settled is answered from the ledger, one that another sweep has finished is taken
    over, one that breaks a constraint is put aside untrained, one that is under way is given up; then another
    is asked. Where the sampler keeps repeating itself it is given a point by chance, of those that are left; with
    none left the search ends.

    With `search.reproducible` points are asked in batches of a fixed size, and a batch is told, in the
    order of asking, when all of it has ended: spec and seed alone decide what is asked.
    """

    def __init__(
        self,
        spec: SweepSpec,
        to_request: ToRequest,
        study: optuna.Study,
        ledger: Ledger,
        total: int,
        reuse: Reuse | None = None,
    ) -> None:
        self.sweep, self.total, self._reuse = spec.name, total, reuse
        self.done = len(list(settled_in(ledger, "search")))
        self._spec, self._search, self._domains = spec, spec.search, spec.domains()
        self._distributions = distributions(self._domains)
        self._to_request, self._study = to_request, study
        self._ledger, self._next_trial = ledger, next_ordinal(ledger)
        self._sampler = study.sampler
        chance = seed_at(spec.seed, "random points") % 2**32
        self._random, self._chance = optuna.samplers.RandomSampler(seed=chance), random.Random(chance)
        self._keys: set[str] = set()  # asked in this session
        # What the study knows: all that is settled, or, where it begins anew, what this session has told it.
        self._told = {} if spec.search.reproducible else {key: e.objectives for key, e in ledger.items() if e.settled}
        self._running: dict[str, _Asked] = {}
        self._handed_out = self.done
        self._batch: list[_Asked] = []
        self._waiting: deque[_Asked] = deque()
        if spec.search.sampler == "grid" and self._listed is not None:
            self.total = min(total, len(self._listed))

    def next(self) -> Job | Nothing:
        """The next job. In a batch that is not all ended there may be none yet."""
        if not self._search.reproducible:
            asked = self._ask()
            return self._hand_out(asked) if asked else Nothing.LEFT
        while not self._waiting:
            if not all(asked.ended for asked in self._batch):
                return Nothing.YET
            if not self._fill_batch():
                return Nothing.LEFT
        return self._hand_out(self._waiting.popleft())

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        """Tell the study: at once, or with the batch."""
        self.done += 1
        asked = self._running.pop(job.request.key)
        asked.objectives, asked.ended = objectives_of(result, self._search.objectives), True
        if not self._search.reproducible:
            self._told[job.request.key] = asked.objectives
            self._tell(asked.trial, asked.objectives)

    def _hand_out(self, asked: _Asked) -> Job:
        self._running[asked.job.request.key] = asked
        self._handed_out += 1
        return asked.job

    def _fill_batch(self) -> bool:
        """Tell the batch before, ask the next one. False where none is left to ask."""
        for asked in self._batch:
            self._tell(asked.trial, asked.objectives)
            self._told[asked.job.request.key] = asked.objectives
        self._batch = []
        while len(self._batch) < self._search.batch_size and (asked_next := self._ask()):
            self._batch.append(asked_next)
        self._waiting = deque(asked for asked in self._batch if not asked.ended)
        return bool(self._batch)

    def _ask(self) -> _Asked | None:
        """A point that is to be trained; of a reproducible search also one whose result is known."""
        repeats, patience = 0, PATIENCE_WITHOUT_LIST if self._listed is None else PATIENCE
        with self._own_sampler():
            while self._has_room and repeats < REPEATS_BEFORE_END:
                in_line = bool(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
                if repeats >= patience and not in_line and not self._lead_elsewhere():
                    break
                repeats += not in_line
                trial = self._study.ask(self._distributions)
                point = point_of(trial.params, self._domains)
                request = self._to_request(point)
                if self._breaks_a_constraint(trial, request):
                    self._study.tell(trial, state=TrialState.PRUNED)
                elif request.key in self._keys or request.key in self._told:
                    self._tell(trial, self._told.get(request.key))
                elif asked := self._take(trial, request, point):
                    return asked
        if self._has_room:
            self.remark = f"search: {len(self._told | self._running)} of {self.total} trials, its space has no more"
        return None

    @property
    def _has_room(self) -> bool:
        return (len(self._keys) if self._search.reproducible else self._handed_out) < self.total

    def _take(self, trial: optuna.Trial, request: TrialRequest, point: Point) -> _Asked | None:
        """A new point: a job, or a result that is known. None where an adaptive search has told it at once."""
        self._keys.add(request.key)
        known = self._ledger.get(request.key)
        job = Job(request=request, trial=known.trial if known else self._take_ordinal(), point=dict(point))
        if known and known.settled:
            return _Asked(trial, job, known.objectives, ended=True)
        if self._reuse is None or request.key not in self._reuse:
            return _Asked(trial, job)
        objectives = self._reuse.take(job, self._search.objectives)
        self.done, self._handed_out = self.done + 1, self._handed_out + 1
        if self._search.reproducible:
            return _Asked(trial, job, objectives, ended=True)
        self._told[request.key] = objectives
        self._tell(trial, objectives)
        return None

    def _take_ordinal(self) -> int:
        number, self._next_trial = self._next_trial, self._next_trial + 1
        return number

    def _breaks_a_constraint(self, trial: optuna.Trial, request: TrialRequest) -> bool:
        excess = self._search.constraints.excess(request.architecture)
        for name, value in excess.items():
            trial.set_constraint(name, value)
        return any(value > 0 for value in excess.values())

    def _lead_elsewhere(self) -> bool:
        """See to it that the next point is a new one, as far as that can be. False where none is left."""
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
        """What a search with an end may ask for, by identity; None for a space without end."""
        listed = listed_points(self._spec, LISTED_POINTS)
        if listed is None:
            return None
        requests = [(self._to_request(point_of(params, self._domains)), params) for params in listed]
        allow = self._search.constraints.allow
        return {request.key: params for request, params in requests if allow(request.architecture)}

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


def objectives_of(result: Mapping[str, Any], names: Sequence[str]) -> Objectives | None:
    """(cost, quality) of a trial that completed or was stopped at a rung; None otherwise, or if not finite."""
    if result.get("state") not in {"COMPLETED", "RUNNING"}:
        return None
    return finite_objectives(result, names)
