"""A sweep's Optuna study as it is kept: an Optuna journal file beside the trials, made ready to go on.

With the ledger of trials it makes a resume: whatever the study misses it is told, whatever was cut off or deleted
is put in line again.
"""

import itertools
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from gan.seeds import seed_at
from sweeps.ledger import Ledger, settled_in
from sweeps.search_spec import OBJECTIVES
from sweeps.space import AnyDomain, FixedDomain, distributions
from sweeps.spec import SweepSpec

optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings are of no use to who runs a sweep


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
