"""A sweep's Optuna study as it is kept: an Optuna journal file beside the trials, made ready to go on.

With the ledger of trials it makes a resume: whatever the study misses it is told, whatever was cut off or deleted
is put in line again.
"""

import itertools
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState, create_trial

from gan.seeds import seed_at
from sweeps.distinct_nsgaii import DistinctNSGAII
from sweeps.ledger import Ledger, settled_in
from sweeps.search_spec import OBJECTIVES
from sweeps.space import AnyDomain, distributions, every_point
from sweeps.spec import SweepSpec


def open_storage(folder: Path) -> optuna.storages.BaseStorage:
    """The journal of a sweep's study in `folder`, safe for several processes."""
    path = str(folder / "study.journal")
    return optuna.storages.JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path)))


def has_study(spec: SweepSpec, storage: optuna.storages.BaseStorage) -> bool:
    """Whether the sweep's study is there, so that its search has begun."""
    return spec.name in optuna.get_all_study_names(storage)


def open_study(spec: SweepSpec, storage: optuna.storages.BaseStorage, ledger: Ledger | None = None) -> optuna.Study:
    """The sweep's study, made ready to go on: whatever was asked and has no result is in line again.

    An adaptive study is told what the ledger knows and it does not. In a
    new study the spec's points, or the whole grid, are put in line first. A reproducible one always begins anew
    and is answered from the ledger, so that it does not depend on where it was cut off.
    """
    if spec.search.reproducible and has_study(spec, storage):
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
    is_new = not study.get_trials(deepcopy=False)
    if not spec.search.reproducible:
        again = _to_ask_again(study, spec.domains(), ledger)
        # What has begun is finished before anything new begins: whoever is in line already stands behind it.
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,)) if again else []
        for trial in waiting:
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        for params in _each_once([*again, *map(_fixed_params, waiting)]):
            study.enqueue_trial(params, skip_if_exists=False)
    for orphan in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(orphan.number, state=TrialState.FAIL)  # it is in line again by now
    if ledger and spec.search.is_adaptive:
        study.add_trials(_untold(study, spec.domains(), ledger))
    if is_new:
        for params in _first_points(spec):
            study.enqueue_trial(params)
    return study


LISTED_POINTS = 2000  # a space of at most so many is gone through by list
# NSGA-II takes only what has a generation for a parent.
GENERATION = "NSGAIISampler:generation"
FIRST_GENERATION = {GENERATION: 0}

Params = dict[str, Any]  # as Optuna has them: what is searched, without what is fixed


def _to_ask_again(study: optuna.Study, domains: Mapping[str, AnyDomain], ledger: Ledger | None) -> list[Params]:
    """Points that were asked and have no result: of trials that were cut off or failed, or whose runs were deleted."""
    trials = study.get_trials(deepcopy=False)
    names = distributions(domains).keys()
    # Of a process that was killed while it asked, the points in line for it are known, the values not yet all.
    found = [_fixed_params(trial) | trial.params for trial in trials if trial.state == TrialState.RUNNING]
    if ledger is not None:
        of_search = [entry for entry in ledger.values() if entry.phase == "search"]
        settled = {_frozen({name: entry.point.get(name) for name in names}) for entry in of_search if entry.settled}
        unsettled = [{name: entry.point[name] for name in names} for entry in of_search if not entry.settled]
        told = [trial.params for trial in trials if trial.state == TrialState.COMPLETE]
        found += [params for params in (*unsettled, *told) if _frozen(params) not in settled]
    return _each_once([params for params in found if params])


def _fixed_params(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    return dict(trial.system_attrs.get("fixed_params", {}))


def _each_once(points: list[Params]) -> list[Params]:
    return list({_frozen(params): params for params in points}.values())


def _frozen(params: Params) -> frozenset[tuple[str, Any]]:
    return frozenset(params.items())


def _untold(study: optuna.Study, domains: Mapping[str, AnyDomain], ledger: Ledger) -> list[optuna.trial.FrozenTrial]:
    """The search's settled trials that the study lacks: of another sweep, or of a study that was lost."""
    spaces = distributions(domains)
    told = {_frozen(trial.params) for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    found = []
    for entry in settled_in(ledger, "search"):
        if entry.objectives is None or not all(domain.holds(entry.point.get(name)) for name, domain in domains.items()):
            continue
        params = {name: entry.point[name] for name in spaces}
        if _frozen(params) not in told:
            values = list(entry.objectives)
            found.append(
                create_trial(params=params, distributions=spaces, values=values, system_attrs=FIRST_GENERATION)
            )
    return found


def planned_trials(spec: SweepSpec) -> int:
    """How many trials the search has: the spec's, or all points of a grid that has fewer."""
    return min(len(_first_points(spec)), spec.search.trials) if spec.search.sampler == "grid" else spec.search.trials


def listed_points(spec: SweepSpec, at_most: int) -> list[Params] | None:
    """All that a search may ever ask: a grid's points, or those of a space with at most so many; else None."""
    if spec.search.sampler == "grid":
        return _first_points(spec)
    names, points = distributions(spec.domains()), every_point(spec.domains(), at_most)
    return None if points is None else [{name: point[name] for name in names} for point in points]


def _first_points(spec: SweepSpec) -> list[Params]:
    """What a new study has in line: the spec's points, and the whole grid where that is searched; each once."""
    domains = spec.domains()
    names = distributions(domains)
    first_seed = {"seed": spec.student_seeds[0]} if "seed" in domains else {}
    given = [{**point.values, **first_seed} for point in spec.search.points]
    points: list[Params] = [{name: point[name] for name in names} for point in given]
    if spec.search.sampler == "grid":
        columns = [domains[name].values for name in names]
        points += [dict(zip(names, row, strict=True)) for row in itertools.product(*columns)]
    return _each_once(points)


def build_sampler(spec: SweepSpec) -> optuna.samplers.BaseSampler:
    """The spec's sampler. A grid's points are put in line beforehand."""
    seed = seed_at(spec.seed, "sampler") % 2**32
    if spec.search.sampler == "tpe":
        # The liar keeps points that run at the same time apart.
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    if spec.search.sampler == "nsgaii":
        # Where all points can be listed, a search that repeats itself is led to one of those that are left.
        kind = DistinctNSGAII if listed_points(spec, LISTED_POINTS) is None else optuna.samplers.NSGAIISampler
        return kind(seed=seed, population_size=spec.search.population_size)
    if spec.search.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
    return optuna.samplers.RandomSampler(seed=seed)
