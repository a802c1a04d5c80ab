"""This module prepares a sweep's Optuna study for another run.

To resume, the study is told whatever the ledger of trials knows and it does not; whatever was cut off or deleted is put
in line again.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from analysis import Phase
from gan.seeds import seed_at
from sweeps.ledger.records import Ledger, settled_in
from sweeps.planning.points import LISTED_POINTS, Params, each_once, first_points, frozen, listed_points
from sweeps.search.distinct_nsgaii import DistinctNSGAII, InclusiveNSGAII
from sweeps.search.limit_sampler import LimitSampler
from sweeps.spec.search import OBJECTIVES
from sweeps.spec.space import AnyDomain, distributions
from sweeps.spec.sweep import SweepSpec


def has_study(spec: SweepSpec, storage: optuna.storages.BaseStorage) -> bool:
    """Returns whether the sweep's study is there, so that its search has begun."""
    return spec.name in optuna.get_all_study_names(storage)


def open_study(
    spec: SweepSpec,
    storage: optuna.storages.BaseStorage,
    *,
    ledger: Ledger | None = None,
    teacher: Mapping[str, Any] | None = None,
) -> optuna.Study:
    """Returns the sweep's study, made ready for another run: whatever was asked and has no result is in line again.

    An adaptive study is told what the ledger knows and it does not. In a new study the spec's points, or the whole
    grid, are put in line first. The sampler `limit` needs `teacher`, what the limit's rule reads of it. A reproducible
    study always begins anew and is answered from the ledger, so that it does not depend on where it was cut off.
    """
    if spec.search.reproducible and has_study(spec, storage):
        optuna.delete_study(study_name=spec.name, storage=storage)
    study = optuna.create_study(
        study_name=spec.name,
        storage=storage,
        sampler=build_sampler(spec, teacher=teacher),
        directions=[OBJECTIVES[name] for name in spec.search.objectives],
        load_if_exists=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(spec.search.objectives))
    for name, value in {"data set": spec.dataset.name, "sampler": spec.search.sampler, "seed": spec.seed}.items():
        if study.user_attrs.get(name) != value:
            study.set_user_attr(name, value)
    # A process that was killed may have put a part of the first points in line.
    is_new = all(trial.state == TrialState.WAITING for trial in study.get_trials(deepcopy=False))
    if not spec.search.reproducible:
        again = _to_ask_again(study, spec.domains(), ledger=ledger)
        # What has begun is finished before anything new begins: points that are already in line stand behind it.
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,)) if again else []
        for trial in waiting:
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        for params in each_once([*again, *map(_fixed_params, waiting)]):
            study.enqueue_trial(params, skip_if_exists=False)
    for orphan in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(orphan.number, state=TrialState.FAIL)  # it is in line again by now
    if ledger and spec.search.is_adaptive:
        study.add_trials(_untold(study, spec.domains(), ledger=ledger))
    if is_new:
        some_are_there = bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
        for params in first_points(spec):
            study.enqueue_trial(params, skip_if_exists=some_are_there)
    return study


# NSGA-II takes only trials that have a generation as parents.
OUR_TRIAL = "trial"  # a study's user attribute: the number that MLflow and the report have
GENERATION = "NSGAIISampler:generation"
FIRST_GENERATION = {GENERATION: 0}


def _to_ask_again(study: optuna.Study, domains: Mapping[str, AnyDomain], *, ledger: Ledger | None) -> list[Params]:
    """Returns the points that were asked and have no result.

    Their trials were cut off or failed, or their runs were deleted.
    """
    trials = study.get_trials(deepcopy=False)
    names = distributions(domains).keys()
    # Where a process was killed while it asked, the point in line for it is known, but not yet all of its values.
    found = [_fixed_params(trial) | trial.params for trial in trials if trial.state == TrialState.RUNNING]
    if ledger is not None:
        of_search = [entry for entry in ledger.values() if entry.phase == Phase.SEARCH]
        settled = {frozen({name: entry.point.get(name) for name in names}) for entry in of_search if entry.settled}
        unsettled = [{name: entry.point[name] for name in names} for entry in of_search if not entry.settled]
        told = [trial.params for trial in trials if trial.state == TrialState.COMPLETE]
        found += [params for params in (*unsettled, *told) if frozen(params) not in settled]
    return each_once([params for params in found if params])


def _fixed_params(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    return dict(trial.system_attrs.get("fixed_params", {}))


def _untold(study: optuna.Study, domains: Mapping[str, AnyDomain], *, ledger: Ledger) -> list[optuna.trial.FrozenTrial]:
    """Returns the search's settled trials that the study lacks: those of another sweep, or of a study that was lost."""
    spaces = distributions(domains)
    told = {frozen(trial.params) for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    found = []
    for entry in settled_in(ledger, Phase.SEARCH):
        if entry.objectives is None or not all(domain.holds(entry.point.get(name)) for name, domain in domains.items()):
            continue
        params = {name: entry.point[name] for name in spaces}
        if frozen(params) not in told:
            values = list(entry.objectives)
            found.append(
                create_trial(
                    params=params,
                    distributions=spaces,
                    values=values,
                    user_attrs={OUR_TRIAL: entry.trial},
                    system_attrs=FIRST_GENERATION,
                )
            )
    return found


def build_sampler(spec: SweepSpec, *, teacher: Mapping[str, Any] | None = None) -> optuna.samplers.BaseSampler:
    """Returns the spec's sampler. A grid's points are put in line beforehand."""
    if spec.search.sampler == "limit":
        assert teacher is not None, "whoever opens the study knows the teacher"
        return LimitSampler(spec, teacher=teacher)
    seed = seed_at(spec.seed, "sampler") % 2**32
    if spec.search.sampler == "tpe":
        # The constant liar keeps apart the points that run at the same time.
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    if spec.search.sampler == "nsgaii":
        # Where all points can be listed, a search that repeats itself is led to one of those that are left.
        kind = DistinctNSGAII if listed_points(spec, LISTED_POINTS) is None else InclusiveNSGAII
        return kind(seed=seed, population_size=spec.search.population_size)
    if spec.search.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
    return optuna.samplers.RandomSampler(seed=seed)
