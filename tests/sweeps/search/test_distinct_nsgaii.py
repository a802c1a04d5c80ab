"""NSGA-II without repeats, against Optuna's own."""

import subprocess
import sys
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import TrialState

from sweeps.search.distinct_nsgaii import DistinctNSGAII

SPACE: dict[str, BaseDistribution] = {
    "width": IntDistribution(1, 64, log=True),
    "depth": IntDistribution(1, 3),
    "block": CategoricalDistribution(["separable", "standard"]),
    "only": IntDistribution(4, 4),
    "gan_weight": CategoricalDistribution([0.0, 0.003, 0.01, 0.03, 0.1]),
}
POPULATION = 20
SEEDED = DistinctNSGAII(population_size=POPULATION, seed=3)


def search(sampler: NSGAIISampler, trials: int, storage: optuna.storages.BaseStorage | None = None) -> optuna.Study:
    study = optuna.create_study(
        study_name="s", storage=storage, sampler=sampler, directions=["minimize", "minimize"], load_if_exists=True
    )
    running = [study.ask(SPACE) for _ in range(4)]
    for _ in range(trials):
        trial = running.pop(0)
        size = trial.params["width"] ** 2 * trial.params["depth"]
        study.tell(trial, (size, 1e4 / size * (1 + trial.params["gan_weight"])))
        running.append(study.ask(SPACE))
    for trial in running:
        study.tell(trial, state=TrialState.FAIL)
    return study


def points(study: optuna.Study) -> list[tuple[Any, ...]]:
    return [tuple(trial.params[name] for name in SPACE) for trial in study.trials]


def repeats(study: optuna.Study) -> int:
    return len(study.trials) - len(set(points(study)))


def test_hardly_a_point_is_drawn_twice_where_nsga_ii_repeats_itself() -> None:
    theirs = search(NSGAIISampler(population_size=POPULATION, seed=0), 400)
    ours = search(DistinctNSGAII(population_size=POPULATION, seed=0), 400)
    assert repeats(theirs) > 100
    assert repeats(ours) < 5, "the first generation may"


def test_what_an_earlier_process_drew_is_known() -> None:
    storage = optuna.storages.InMemoryStorage()
    search(DistinctNSGAII(population_size=POPULATION, seed=0), 200, storage)
    study = search(DistinctNSGAII(population_size=POPULATION, seed=0), 200, storage)
    assert repeats(study) < 10


def test_points_in_line_have_children() -> None:
    study = optuna.create_study(
        sampler=DistinctNSGAII(population_size=4, mutation_prob=0.0, seed=0), directions=["minimize", "minimize"]
    )
    for width in (2, 4, 8, 16):
        study.enqueue_trial({"width": width, "depth": 1, "block": "standard", "only": 4, "gan_weight": 0.0})
    for _ in range(8):
        trial = study.ask(SPACE)
        study.tell(trial, (trial.params["width"], 100 / trial.params["width"]))
    assert [t.system_attrs["NSGAIISampler:generation"] for t in study.trials] == [0] * 4 + [1] * 4
    assert {t.params["block"] for t in study.trials} == {"standard"}, "children of theirs, without mutation"
    assert {t.params["width"] for t in study.trials} == {2, 4, 8, 16}


def test_what_ended_without_a_result_is_not_drawn_again() -> None:
    sampler = DistinctNSGAII(population_size=POPULATION, seed=0)
    study = search(sampler, 100)
    taken = [trial.params for trial in search(DistinctNSGAII(population_size=POPULATION, seed=1), 300).trials[100:]]
    for params in taken:
        study.enqueue_trial(params)
        study.tell(study.ask(SPACE), state=TrialState.PRUNED)
    before = set(points(study))
    study = search(sampler, 200, study._storage)
    fresh = points(study)[100 + len(taken) + 4 :]
    assert sum(point in before for point in fresh) < 5


def test_generations_are_optunas_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(self: DistinctNSGAII, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> int:
        expected = NSGAIISampler.get_trial_generation(self, study, trial)
        assert counted(self, study, trial) == expected
        return expected

    counted = DistinctNSGAII.get_trial_generation
    monkeypatch.setattr(DistinctNSGAII, "get_trial_generation", both)
    study = search(DistinctNSGAII(population_size=POPULATION, seed=0), 150)
    storage = study._storage
    search(DistinctNSGAII(population_size=POPULATION, seed=1), 100, storage)
    assert max(trial.system_attrs.get("NSGAIISampler:generation", 0) for trial in study.trials) > 5


def test_parents_are_optunas_own() -> None:
    sampler = DistinctNSGAII(population_size=POPULATION, seed=0)
    study = search(sampler, 100)
    fresh = NSGAIISampler(population_size=POPULATION)
    for generation in (1, 2, 2, 4):
        ours, theirs = (each.get_parent_population(study, generation) for each in (sampler, fresh))
        assert [trial.number for trial in ours] == [trial.number for trial in theirs]


def test_the_seed_alone_decides_in_whichever_process() -> None:
    code = "import runpy; here = runpy.run_path({!r}); print(here['points'](here['search'](here['SEEDED'], 120)))"
    said = [
        subprocess.run(
            [sys.executable, "-c", code.format(__file__)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
