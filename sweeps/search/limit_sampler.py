"""This module is the sampler `limit`: an Optuna sampler that asks for the training that most narrows the limit.

What it asks follows from analysis.seeking; here points become students, and trials of the study what was measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from analysis import LimitRule
from analysis.seeking.limit_search import LimitReading, LimitSearch
from analysis.seeking.space import Candidate, Training, space_of
from analysis.seeking.values import Measured
from gan import count_parameters
from gan.seeds import seed_at
from sweeps.planning.points import Params, architecture_at, frozen, is_allowed
from sweeps.spec.search import MOST_STUDENTS
from sweeps.spec.space import Value, distributions, every_point, is_number
from sweeps.spec.sweep import SweepSpec

FAILED = "failed"  # an attribute of a trial that ended without a quality
PURPOSE = "purpose"  # why it was asked for
OF_SIZE = ("width", "depth", "block", "gan_weight", "seed")  # what a candidate has of its own, or acts by its size


class LimitSampler(BaseSampler):
    """A LimitSampler names student and seed of the next trial, by all trials of a study that only it asks.

    Trials that run count as if they had ended, so that many workers do not all try the same. Every answer follows from
    the study's trials: a study that is opened again goes on as it would have.
    """

    def __init__(self, spec: SweepSpec, *, threshold: float) -> None:
        self._spaces, self._first_seed = distributions(spec.domains()), spec.student_seeds[0]
        self._candidates = _candidates(spec)
        self._params = {candidate: dict(params) for params, candidate in self._candidates.items()}
        seed = seed_at(spec.seed, "sampler") % 2**32
        rule: LimitRule = spec.limit
        self._search = LimitSearch(space_of(list(self._params)), rule, threshold=threshold, seed=seed)
        self._confidence, self._random = spec.search.confidence, RandomSampler(seed=seed)
        self._read: tuple[int, LimitReading] | None = None  # of so many trials

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
        measured = self._measured(others)
        had = {each.key for each in measured}
        running = self._trainings(each for each in others if each.state == TrialState.RUNNING)
        asked = self._search.next(measured, pending=[each for each in running if each.key not in had])
        study._storage.set_trial_user_attr(trial._trial_id, PURPOSE, asked.purpose.value)
        return {**self._params[asked.candidate], "seed": self._first_seed + asked.seed}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Returns a value by chance, for what a point in line leaves open."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def reading(self, study: Study) -> LimitReading:
        """Returns where the limit of the whole space lies, by the trials that have ended."""
        measured = self._measured(study.get_trials(deepcopy=False))
        if self._read is None or self._read[0] != len(measured):
            self._read = len(measured), self._search.read(measured)
        return self._read[1]

    def why_over(self, study: Study) -> str | None:
        """Returns in words where the limit lies, once that is sure enough; None before, and where nothing is."""
        if self._confidence == 1:
            return None
        reading = self.reading(study)
        if not reading.trainings or reading.nearness < self._confidence:
            return None
        place = "beyond all sizes" if reading.size is None else f"within one step of {reading.size:,} parameters"
        return f"search: the limit of the space lies {place} with a probability of {reading.nearness:.0%}"

    def _measured(self, trials: Sequence[FrozenTrial]) -> list[Measured]:
        ended = [each for each in trials if each.state == TrialState.COMPLETE or FAILED in each.user_attrs]
        found = [(training, trial) for trial in ended for training in self._trainings([trial])]
        return [
            Measured(candidate=training.candidate, seed=training.seed, quality=trial.values[1] if trial.values else None)
            for training, trial in found
        ]

    def _trainings(self, trials: Iterable[FrozenTrial]) -> list[Training]:
        """Returns what trials train, each once; those whose point is not of the space, or not yet whole, left out."""
        found: dict[tuple[object, ...], Training] = {}
        for trial in trials:
            candidate = self._candidates.get(frozen({n: v for n, v in trial.params.items() if n != "seed"}))
            if candidate is not None and "seed" in trial.params:
                training = Training(candidate=candidate, seed=trial.params["seed"] - self._first_seed)
                found.setdefault(training.key, training)
        return list(found.values())


def _candidates(spec: SweepSpec) -> dict[frozenset[tuple[str, Any]], Candidate]:
    """Returns every student that the search may train, by what Optuna chooses of it beside the seed."""
    searched = distributions(spec.search.space.domains())
    points = every_point(spec.search.space.domains(), MOST_STUDENTS) or []
    return {
        frozen(_params_of(point, searched)): _candidate(spec, point) for point in points if is_allowed(spec, point)
    }


def _params_of(point: Mapping[str, Value], searched: Iterable[str]) -> Params:
    return {name: point[name] for name in searched}


def _candidate(spec: SweepSpec, point: Mapping[str, Value]) -> Candidate:
    architecture = architecture_at(spec, point)
    settings = [
        (name, float(value) if is_number(value) else str(value))
        for name, value in point.items()
        if name not in OF_SIZE
    ]
    return Candidate(
        parameters=count_parameters(architecture),
        depth=architecture.depth,
        block=architecture.block,
        gan_weight=float(point["gan_weight"]),
        kimg=spec.recipe(point).kimg,
        settings=tuple(settings),
    )
