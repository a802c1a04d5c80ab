"""This module is the sampler `limit`: an Optuna sampler that asks for the training that most narrows the limit.

What it asks follows from analysis.seeking; here points become students, and trials of the study what was measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from analysis import COSTS
from analysis.seeking.limit_search import FEWEST_TRAININGS, LimitPlace, LimitSearch
from analysis.seeking.space import Training, space_of
from analysis.seeking.values import Measured
from gan.seeds import seed_at
from sweeps.planning.points import frozen
from sweeps.planning.students import space_students
from sweeps.spec.space import distributions
from sweeps.spec.sweep import SweepSpec

FAILED = "failed"  # an attribute of a trial whose student has no quality: it diverged
LOST = "lost"  # of one that ended without telling anything of its student
PURPOSE = "purpose"  # why it was asked for


class LimitSampler(BaseSampler):
    """A LimitSampler names student and seed of the next trial, by all trials of a study that only it asks.

    Trials that run count as if they had ended, so that many workers do not all try the same. Every answer follows from
    the study's trials: a study that is opened again goes on as it would have.
    """

    def __init__(self, spec: SweepSpec, *, teacher: Mapping[str, Any]) -> None:
        self._spaces, self._first_seed = distributions(spec.domains()), spec.student_seeds[0]
        self._candidates = space_students(spec)
        self._params = {candidate: dict(params) for params, candidate in self._candidates.items()}
        seed = seed_at(spec.seed, "sampler") % 2**32
        threshold = spec.limit.threshold_for(teacher)
        space = space_of(list(self._params), cost=COSTS[spec.limit_cost])
        self._search = LimitSearch(space, spec.limit, threshold=threshold, seed=seed)
        self._teacher_parameters = int(teacher["teacher_parameters"])
        self._asked = {"confidence": spec.search.confidence, "precision": spec.search.precision}
        self._random = RandomSampler(seed=seed)
        self._read: tuple[int, LimitPlace] | None = None  # of so many trials
        self._ended: dict[int, Training] = {}  # by the number of a trial that has ended: there are thousands

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Returns all that is searched."""
        return self._spaces

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns the next point; nothing for a point that is in line."""
        if "fixed_params" in trial.system_attrs:
            return {}
        others = [each for each in study.get_trials(deepcopy=False) if each.number != trial.number]
        measured, pending = self._state(others)
        known = {each.key for each in (*measured, *pending)}
        lost = self._trainings(each for each in others if LOST in each.user_attrs)
        asked = self._search.next(measured, pending=pending, lost=[each for each in lost if each.key not in known])
        study._storage.set_trial_user_attr(trial._trial_id, PURPOSE, asked.purpose.value)
        return {**self._params[asked.candidate], "seed": self._first_seed + asked.seed}

    def must_wait(self, study: Study) -> bool:
        """Returns whether the next point is better asked for when a trial that runs has ended."""
        measured, pending = self._state(study.get_trials(deepcopy=False))
        return self._search.must_wait(measured, pending=pending, **self._asked)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Returns a value by chance, for what a point in line leaves open."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def reading(self, study: Study) -> LimitPlace:
        """Returns where the limit of the whole space lies, by the trials that have ended."""
        measured = self._measured(study.get_trials(deepcopy=False))
        if self._read is None or self._read[0] != len(measured):
            self._read = len(measured), self._search.place(measured)
        return self._read[1]

    @property
    def standing(self) -> str | None:
        """Returns in words what was last read of a study; None before there was anything."""
        if self._read is None or not self._read[1].trainings:
            return None
        return self._read[1].standing(self._teacher_parameters, **self._asked)

    def why_over(self, study: Study) -> str | None:
        """Returns in words where the limit lies, once that is sure enough; None before, and where nothing is."""
        reading = self.reading(study)
        if reading.trainings < FEWEST_TRAININGS or not reading.is_sure(**self._asked):
            return None
        size = None if reading.size is None else reading.cost.amount(reading.size)
        place = "beyond all sizes" if size is None else f"within one step of {size}"
        limit = f"search: the limit of the space{reading.cost.in_unit}"
        return f"{limit} lies {place} with a probability of {reading.nearness:.0%}"

    def why_open(self, study: Study) -> str | None:
        """Returns in words that the limit is not as certain as was asked; None where it is, or nothing was asked."""
        if self._asked["confidence"] == 1 or self.why_over(study) or not self.standing:
            return None
        return f"the limit is not as certain as was asked: {self.reading(study).short(self._teacher_parameters)}"

    def _state(self, trials: Sequence[FrozenTrial]) -> tuple[list[Measured], list[Training]]:
        """Returns what was measured, and what else is under way."""
        measured = self._measured(trials)
        known = {each.key for each in measured}
        running = self._trainings(each for each in trials if each.state == TrialState.RUNNING)
        return measured, [each for each in running if each.key not in known]

    def _measured(self, trials: Sequence[FrozenTrial]) -> list[Measured]:
        """Returns what was measured, in the order of the ends; of a training that was done again, its result."""
        ended = [each for each in trials if each.state == TrialState.COMPLETE or FAILED in each.user_attrs]
        ended.sort(key=lambda each: (each.datetime_complete or datetime.max, each.number))
        found: dict[tuple[object, ...], Measured] = {}
        for trial in ended:
            if each := self._training(trial):
                quality = trial.values[1] if trial.values else None
                if each.key not in found or found[each.key].quality is None:
                    found[each.key] = Measured(candidate=each.candidate, seed=each.seed, quality=quality)
        return list(found.values())

    def _trainings(self, trials: Iterable[FrozenTrial]) -> list[Training]:
        """Returns what trials train, each once; those whose point is not of the space, or not yet whole, left out."""
        found: dict[tuple[object, ...], Training] = {}
        for trial in trials:
            if each := self._training(trial):
                found.setdefault(each.key, each)
        return list(found.values())

    def _training(self, trial: FrozenTrial) -> Training | None:
        if trial.number in self._ended:
            return self._ended[trial.number]
        candidate = self._candidates.get(frozen({n: v for n, v in trial.params.items() if n != "seed"}))
        if candidate is None or "seed" not in trial.params:
            return None
        training = Training(candidate=candidate, seed=trial.params["seed"] - self._first_seed)
        if trial.state.is_finished():
            self._ended[trial.number] = training
        return training
