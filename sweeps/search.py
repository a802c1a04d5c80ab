"""The search: an Optuna study that outlives the process and never asks for a trial twice.

The study (an Optuna journal file) and the ledger of trials make a resume: a new search on the same
study, where finished trials are known by their identity and unfinished ones are asked again.
"""

import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from gan import count_parameters, mac_g
from gan.seeds import seed_at
from sweeps.ledger import Ledger, Objectives, finite_objectives, next_ordinal, settled_in
from sweeps.queues import JobQueue, Nothing
from sweeps.requests import Job, TrialRequest
from sweeps.reuse import Reuse
from sweeps.search_spec import OBJECTIVES
from sweeps.space import AnyDomain, FixedDomain, Value, distributions, point_of
from sweeps.spec import SweepSpec

optuna.logging.set_verbosity(optuna.logging.WARNING)

REPEATS_BEFORE_RANDOM = {"gp": 2}  # whose repeats are slow, and stubborn
REPEATS_BEFORE_RANDOM_OTHERS = 20
REPEATS_BEFORE_END = 500

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
    is asked. Where the sampler keeps
    repeating itself random points are drawn, and where those repeat as well the space is used up and the
    search ends.

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
        self._search, self._domains = spec.search, spec.domains()
        self._distributions = distributions(self._domains)
        self._to_request, self._study = to_request, study
        self._ledger, self._next_trial = ledger, next_ordinal(ledger)
        self._sampler = study.sampler
        self._random = optuna.samplers.RandomSampler(seed=seed_at(spec.seed, "random points") % 2**32)
        self._keys: set[str] = set()  # asked in this session
        self._running: dict[str, _Asked] = {}
        self._handed_out = self.done
        self._batch: list[_Asked] = []
        self._waiting: deque[_Asked] = deque()
        self._batch_size = spec.search.batch_size if spec.search.reproducible else 1

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
            self._tell(asked.trial, asked.objectives)

    def _hand_out(self, asked: _Asked) -> Job:
        self._running[asked.job.request.key] = asked
        self._handed_out += 1
        return asked.job

    def _fill_batch(self) -> bool:
        """Tell the batch before, ask the next one. False where none is left to ask."""
        for asked in self._batch:
            self._tell(asked.trial, asked.objectives)
        self._batch = []
        for _ in range(min(self._batch_size, self.total - len(self._keys))):
            asked_next = self._ask(of_ledger=True)
            if asked_next is None:
                break
            self._batch.append(asked_next)
        self._waiting = deque(asked for asked in self._batch if not asked.ended)
        return bool(self._batch)

    def _ask(self, of_ledger: bool = False) -> _Asked | None:
        """A point that is to be trained; with `of_ledger` also one whose result is known."""
        patience = REPEATS_BEFORE_RANDOM.get(self._search.sampler, REPEATS_BEFORE_RANDOM_OTHERS)
        with self._own_sampler():
            for repeats in range(REPEATS_BEFORE_END):
                if repeats == patience:
                    self._study.sampler = self._random
                if self._handed_out >= self.total:
                    return None
                trial = self._study.ask(self._distributions)
                point = point_of(trial, self._domains)
                request = self._to_request(point)
                if self._breaks_a_constraint(trial, request):
                    self._study.tell(trial, state=TrialState.PRUNED)
                    continue
                known = self._ledger.get(request.key)
                settled = known is not None and known.settled
                if request.key in self._keys or (settled and not of_ledger):
                    self._tell(trial, known.objectives if known and settled else None)
                    continue
                self._keys.add(request.key)
                number = known.trial if known else self._take_ordinal()
                job = Job(request=request, trial=number, point=dict(point))
                if settled and known:
                    return _Asked(trial, job, known.objectives, ended=True)
                if self._reuse is None or request.key not in self._reuse:
                    return _Asked(trial, job)
                taken = _Asked(trial, job, self._reuse.take(job, self._search.objectives), ended=True)
                self.done, self._handed_out = self.done + 1, self._handed_out + 1
                if of_ledger:
                    return taken
                self._tell(trial, taken.objectives)
        return None

    def _take_ordinal(self) -> int:
        number, self._next_trial = self._next_trial, self._next_trial + 1
        return number

    def _breaks_a_constraint(self, trial: optuna.Trial, request: TrialRequest) -> bool:
        excess = self._search.constraints.excess(count_parameters(request.architecture), mac_g(request.architecture))
        for name, value in excess.items():
            trial.set_constraint(name, value)
        return any(value > 0 for value in excess.values())

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


def open_storage(folder: Path) -> optuna.storages.BaseStorage:
    """The journal of a sweep's study in `folder`, safe for several processes."""
    path = str(folder / "study.journal")
    return optuna.storages.JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path)))


def open_study(spec: SweepSpec, storage: optuna.storages.BaseStorage, ledger: Ledger | None = None) -> optuna.Study:
    """The sweep's study, made ready to go on: orphans of an ended process are closed and asked again.

    So is a trial whose run was deleted. An adaptive study is told what the ledger knows and it does not. In a
    new study the spec's points, or the whole grid, are put in line first. A reproducible one always begins anew
    and is answered from the ledger, so that it does not depend on where it was cut off.
    """
    if spec.search.reproducible and spec.name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=spec.name, storage=storage)
    study = optuna.create_study(
        study_name=spec.name,
        storage=storage,
        sampler=build_sampler(spec),
        directions=[OBJECTIVES[name] for name in spec.search.objectives],
        load_if_exists=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(spec.search.objectives))
    for orphan in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(orphan.number, state=TrialState.FAIL)
        if orphan.params:
            study.enqueue_trial(orphan.params, skip_if_exists=False)
    is_new = not study.get_trials(deepcopy=False)
    if ledger is not None:
        for params in _unknown(study, spec.domains(), ledger):
            study.enqueue_trial(params, skip_if_exists=False)
    if ledger and spec.search.is_adaptive:
        study.add_trials(_untold(study, spec.domains(), ledger))
    if is_new:
        for point in _points(spec):
            study.enqueue_trial(point)
    return study


def _unknown(study: optuna.Study, domains: Mapping[str, AnyDomain], ledger: Ledger) -> list[dict[str, Any]]:
    """Points with a result in the study of which the ledger has no trial: their runs were deleted."""
    names = distributions(domains)
    known = {frozenset((name, entry.point.get(name)) for name in names) for entry in settled_in(ledger, "search")}
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    told = {frozenset(trial.params.items()): trial.params for trial in completed}
    return [params for point, params in told.items() if point not in known]


def _untold(study: optuna.Study, domains: Mapping[str, AnyDomain], ledger: Ledger) -> list[optuna.trial.FrozenTrial]:
    """The search's settled trials that the study lacks: of another sweep, or of a study that was lost."""
    spaces = distributions(domains)
    told = {frozenset(trial.params.items()) for trial in study.get_trials(deepcopy=False)}
    found = []
    for entry in settled_in(ledger, "search"):
        if entry.objectives is None or not all(domain.holds(entry.point.get(name)) for name, domain in domains.items()):
            continue
        params = {name: entry.point[name] for name in spaces}
        if frozenset(params.items()) not in told:
            found.append(optuna.trial.create_trial(params=params, distributions=spaces, values=list(entry.objectives)))
    return found


def planned_trials(spec: SweepSpec) -> int:
    """How many trials the search has: the spec's, or all points of a grid that has fewer."""
    return min(grid_size(spec), spec.search.trials) if spec.search.sampler == "grid" else spec.search.trials


def grid_size(spec: SweepSpec) -> int:
    """The number of points of a grid over the spec's space."""
    return math.prod(len(domain.values) for domain in spec.domains().values())


def build_sampler(spec: SweepSpec) -> optuna.samplers.BaseSampler:
    """The spec's sampler. A grid's points are put in line beforehand; random fills in after it."""
    seed = seed_at(spec.seed, "sampler") % 2**32
    if spec.search.sampler == "tpe":
        # The liar keeps points that run at the same time apart.
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    if spec.search.sampler == "nsgaii":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=spec.search.population_size)
    if spec.search.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
    return optuna.samplers.RandomSampler(seed=seed)


def _points(spec: SweepSpec) -> list[dict[str, Any]]:
    domains = spec.domains()
    first_seed = {"seed": spec.student_seeds[0]} if "seed" in domains else {}
    searched = [name for name, domain in domains.items() if not isinstance(domain, FixedDomain)]
    points = [{**point.values, **first_seed} for point in spec.search.points]
    points = [{name: point[name] for name in searched} for point in points]
    if spec.search.sampler == "grid":
        domains = {name: domains[name] for name in searched}
        columns = [domain.values for domain in domains.values()]
        points += [dict(zip(domains, row, strict=True)) for row in itertools.product(*columns)]
    return points
