"""This module is NSGA-II for points that stand in line, and one that rarely draws a point twice.

The cost of the latter grows far less with the study than Optuna's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState

DRAWS = 20  # how often a known child is drawn again before it is accepted


class InclusiveNSGAII(NSGAIISampler):
    """This is Optuna's NSGA-II, with points that stood in line among the parents."""

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Give the trial its generation. A point in line never asks for a child, and would have none without it."""
        super().before_trial(study, trial)
        self.get_trial_generation(study, trial)

    # Under Optuna's names, so that either goes on with a study of the other.
    @classmethod
    def _get_generation_key(cls) -> str:
        return NSGAIISampler._get_generation_key()

    @classmethod
    def _get_parent_cache_key_prefix(cls) -> str:
        return NSGAIISampler._get_parent_cache_key_prefix()


class DistinctNSGAII(InclusiveNSGAII):
    """This is the same, for a study that only one process asks.

    A child that is already known, as most are when a population has converged, is drawn again, so that no generation
    fills with copies. Optuna reads all trials of the study for each child. Here generations are counted, and parents
    kept, as they come: a complete `FrozenTrial` does not change.
    """

    _known: set[frozenset[tuple[str, Any]]] | None = None
    _sizes: Counter[int] | None = None  # each generation's number of complete trials
    _parents: tuple[int, list[FrozenTrial]] = (0, [])

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns a mutated child of the last generation's best; in the first generation a point by chance."""
        if self._known is None:
            self._known = {_point(each) for each in study.get_trials(deepcopy=False)}
        for _ in range(DRAWS):
            child = super().sample_relative(study, trial, search_space)
            for name, distribution in search_space.items():
                if name not in child:
                    child[name] = self.sample_independent(study, trial, name, distribution)
            if frozenset(child.items()) not in self._known:
                break
        self._known.add(frozenset(child.items()))
        return child

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Learn of a trial that has ended."""
        if self._known is not None:
            self._known.add(_point(trial))
        if self._sizes is not None and state == TrialState.COMPLETE:
            self._sizes.update(self._generations([trial]))
        super().after_trial(study, trial, state, values)

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        """Returns the trial's generation. A new trial is in the last one until that has all its trials."""
        if found := list(self._generations([trial])):
            return found[0]
        if self._sizes is None:
            complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            self._sizes = Counter(self._generations(complete))
        assert self.population_size is not None, "NSGA-II's own constructor sees to it"
        last = max(self._sizes, default=0)
        generation = last if self._sizes[last] < self.population_size else last + 1
        key = self._get_generation_key()
        study._storage.set_trial_system_attr(trial._trial_id, key, generation)
        trial.system_attrs = trial.system_attrs | {key: generation}  # for the next draw
        return generation

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        """Returns the best of the generations before."""
        if generation != self._parents[0]:
            self._parents = generation, super().get_parent_population(study, generation)
        return self._parents[1]

    def _generations(self, trials: Iterable[FrozenTrial]) -> list[int]:
        key = self._get_generation_key()
        return [trial.system_attrs[key] for trial in trials if key in trial.system_attrs]


def _point(trial: FrozenTrial) -> frozenset[tuple[str, Any]]:
    # `sample_relative` is asked for a point without the dimensions that have only one value.
    several: Mapping[str, Any] = {n: v for n, v in trial.params.items() if not trial.distributions[n].single()}
    return frozenset(several.items())
