"""The search: Ray Tune's OptunaSearch on a study that outlives the process.

The study (an Optuna journal file) and the ledger of trials make a resume: a new search on the same
study, where finished trials are known by their identity and unfinished ones are asked again.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from gan.seeds import seed_at
from sweeps.requests import TrialRequest
from sweeps.space import suggest
from sweeps.spec import SweepSpec

optuna.logging.set_verbosity(optuna.logging.WARNING)

OBJECTIVES = ("parameters", "fid")
REPEATS_BEFORE_RANDOM = 20
REPEATS_BEFORE_END = 200

Objectives = tuple[float, float]  # (parameters, fid), both minimised


class LedgerSearch(OptunaSearch):
    """OptunaSearch that never asks for a trial twice.

    A suggested point whose identity is in `finished` is answered from there; one that is under way is
    given up; then another is asked. Where the sampler keeps repeating itself, random points are drawn,
    and where those repeat as well the space is used up and the search ends.
    """

    def __init__(
        self,
        spec: SweepSpec,
        to_request: Callable[[Mapping[str, Any]], TrialRequest],
        storage: optuna.storages.BaseStorage,
        finished: Mapping[str, Objectives | None],
        next_trial: int,
    ) -> None:
        self._domains = spec.domains()
        self._to_request = to_request
        self._finished = dict(finished)  # identity -> objectives, None where the trial failed
        self._under_way: set[str] = set()
        self._next_trial = next_trial
        self._random = optuna.samplers.RandomSampler(seed=seed_at(spec.seed, "random points") % 2**32)
        super().__init__(
            space=lambda trial: suggest(trial, self._domains),
            metric=list(OBJECTIVES),
            mode=["min", "min"],
            sampler=build_sampler(spec),
            study_name=spec.name,
            storage=storage,
        )

    @property
    def study(self) -> optuna.Study:
        assert self._ot_study is not None
        return self._ot_study

    def suggest(self, trial_id: str) -> Any:
        """The next trial as {"job": {"request": JSON, "trial": ordinal}}, or FINISHED when none is left."""
        sampler = self.study.sampler
        try:
            for repeats in range(REPEATS_BEFORE_END):
                if repeats == REPEATS_BEFORE_RANDOM:
                    self.study.sampler = self._random
                trial = self.study.ask()
                request = self._to_request(suggest(trial, self._domains))
                if self._is_new(trial, request.key):
                    self._ot_trials[trial_id] = trial
                    self._under_way.add(request.key)
                    number, self._next_trial = self._next_trial, self._next_trial + 1
                    return {"job": {"request": request.model_dump_json(), "trial": number}}
        finally:
            self.study.sampler = sampler
        return str(Searcher.FINISHED)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the study: objectives where the trial completed, a failure where it did not."""
        if trial_id in self._completed_trials or trial_id not in self._ot_trials:
            return
        objectives = objectives_of(result or {}) if not error else None
        self._tell(self._ot_trials[trial_id], objectives)
        self._completed_trials.add(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's own storage is the state, and no pickle of it is written or read."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as for `save`."""

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its whole configuration at the start, for a restore that is never used here.
        return {}

    def _is_new(self, trial: optuna.Trial, key: str) -> bool:
        if key in self._finished:
            self._tell(trial, self._finished[key])
            return False
        if key in self._under_way:
            self._tell(trial, None)
            return False
        return True

    def _tell(self, trial: optuna.Trial, objectives: Objectives | None) -> None:
        if objectives is None:
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self.study.tell(trial, objectives)


def objectives_of(result: Mapping[str, Any]) -> Objectives | None:
    """(parameters, fid) of a completed trial; None where it did not complete, or they are not finite."""
    if result.get("state") != "COMPLETED":
        return None
    values = (float(result["parameters"]), float(result["fid"]))
    return values if all(map(math.isfinite, values)) else None


def open_storage(folder: Path) -> optuna.storages.BaseStorage:
    """The journal of a sweep's study in `folder`, safe for several processes."""
    path = str(folder / "study.journal")
    return optuna.storages.JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path)))


def prepare_study(study: optuna.Study, spec: SweepSpec) -> None:
    """Make a study ready to go on: orphans of an ended process are closed and asked again.

    In a new study the spec's points, or the whole grid, are put in line first.
    """
    orphans = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for orphan in orphans:
        study.tell(orphan.number, state=TrialState.FAIL)
        if orphan.params:
            study.enqueue_trial(orphan.params, skip_if_exists=False)
    if not study.get_trials(deepcopy=False):
        for point in _points(spec):
            study.enqueue_trial(point)


def grid_size(spec: SweepSpec) -> int:
    """The number of points of a grid over the spec's space."""
    return math.prod(len(domain.values) for domain in spec.domains().values())


def build_sampler(spec: SweepSpec) -> optuna.samplers.BaseSampler:
    """The spec's sampler. A grid's points are put in line beforehand; random fills in after it."""
    seed = seed_at(spec.seed, "sampler") % 2**32
    if spec.search.sampler == "tpe":
        # The liar keeps points that run at the same time apart.
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _points(spec: SweepSpec) -> list[dict[str, Any]]:
    domains = spec.domains()
    first_seed = {"seed": spec.student_seeds[0]} if "seed" in domains else {}
    searched = spec.search.space.domains().keys()
    points = [{**point.model_dump(include=set(searched)), **first_seed} for point in spec.search.points]
    if spec.search.sampler == "grid":
        columns = [domain.values for domain in domains.values()]
        points += [dict(zip(domains, row, strict=True)) for row in itertools.product(*columns)]
    return points
