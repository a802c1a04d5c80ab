import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher

import sweeps
from gan import DistillationConfig, GeneratorConfig
from sweeps.requests import TrialRequest
from sweeps.search import LedgerSearch, grid_size, objectives_of, open_storage, prepare_study
from sweeps.space import ChoiceDomain, FloatDomain, IntDomain


def request_of(point: Any, **changes: Any) -> TrialRequest:
    width, depth = int(point["width"]), int(point["depth"])
    values: dict[str, Any] = {
        "phase": "search",
        "architecture": GeneratorConfig(image_size=16, image_channels=1, width=width, depth=depth),
        "distillation": DistillationConfig(kimg=1.0, gan_weight=float(point["gan_weight"])),
        "seed": int(point.get("seed", 0)),
        "teacher_digest": "t",
        "pool_digest": "l",
        "protocol_digest": "p",
        "threads": 1,
    }
    return TrialRequest(**values | changes)


@pytest.fixture
def load(tiny: dict[str, Any], spec_file: Any) -> Any:
    def build(**search: Any) -> sweeps.SweepSpec:
        tiny["search"] |= {"points": [], **search}
        return sweeps.load_spec(spec_file(tiny))

    return build


def search_over(spec: sweeps.SweepSpec, folder: Path, finished: Any = None) -> LedgerSearch:
    search = LedgerSearch(spec, request_of, open_storage(folder), finished or {}, next_trial=1)
    prepare_study(search.study, spec)
    return search


def asked(search: LedgerSearch, number: int) -> TrialRequest | None:
    config = search.suggest(f"t{number}")
    return None if config == Searcher.FINISHED else TrialRequest.model_validate_json(config["job"]["request"])


SMALL_SPACE = {
    "width": {"type": "int", "low": 1, "high": 2},
    "depth": {"type": "choice", "values": [1]},
    "gan_weight": {"type": "choice", "values": [0.0, 0.1]},
}


def test_the_block_is_a_dimension_like_any_other(load: Any, tmp_path: Path) -> None:
    space = {**SMALL_SPACE, "block": {"type": "choice", "values": ["dcgan", "separable"]}}
    spec = load(space=space, sampler="grid")
    study = search_over(spec, tmp_path).study
    asked_blocks = [trial.system_attrs["fixed_params"]["block"] for trial in study.get_trials()]
    assert grid_size(spec) == len(asked_blocks) == 8
    assert asked_blocks.count("separable") == 4


def test_a_point_is_never_asked_twice_and_the_search_ends_with_the_space(load: Any, tmp_path: Path) -> None:
    search = search_over(load(space=SMALL_SPACE, trials=9), tmp_path)
    seen = []
    for number in range(9):
        request = asked(search, number)
        if request is None:
            break
        seen.append(request.key)
        if number % 2:  # every other one stays under way
            search.on_trial_complete(f"t{number}", {"state": "COMPLETED", "parameters": 5, "fid": 1.0 + number})
    assert len(seen) == len(set(seen)) == 4


def test_finished_trials_are_answered_from_the_ledger(load: Any, tmp_path: Path) -> None:
    spec = load(space=SMALL_SPACE, sampler="grid")
    known = {
        request_of({"width": 1, "depth": 1, "gan_weight": 0.0}).key: (10.0, 3.0),
        request_of({"width": 2, "depth": 1, "gan_weight": 0.0}).key: None,  # diverged
    }
    search = search_over(spec, tmp_path, known)
    left = [request for number in range(4) if (request := asked(search, number))]
    assert sorted(request.architecture.width for request in left) == [1, 2]
    assert {request.gan_weight for request in left} == {0.1}
    told = {trial.state: trial.values for trial in search.study.trials if trial.state.is_finished()}
    assert told[TrialState.COMPLETE] == [10.0, 3.0]
    assert TrialState.FAIL in told


def test_points_come_first_and_a_grid_is_complete(load: Any, tmp_path: Path) -> None:
    spec = load(points=[{"width": 3, "depth": 2, "gan_weight": 0.05}], space={**SMALL_SPACE, "width": {
        "type": "int", "low": 1, "high": 4}, "depth": {"type": "int", "low": 1, "high": 2},
        "gan_weight": {"type": "choice", "values": [0.0, 0.05]}})  # fmt: skip
    first = asked(search_over(spec, tmp_path), 0)
    assert first is not None
    assert (first.architecture.width, first.architecture.depth, first.gan_weight) == (3, 2, 0.05)
    grid = load(space=SMALL_SPACE, sampler="grid", seeds=[0, 1, 2])
    assert grid_size(grid) == 12
    folder = tmp_path / "grid"
    folder.mkdir()
    search = search_over(grid, folder)
    keys = {request.key for number in range(12) if (request := asked(search, number))}
    assert len(keys) == 12
    assert asked(search, 12) is None


@pytest.mark.parametrize(
    "result",
    [
        {"state": "DIVERGED", "parameters": 5, "fid": math.nan},
        {"state": "COMPLETED", "parameters": 5, "fid": math.inf},
        {"state": "OUT_OF_MEMORY", "parameters": 5, "fid": 3.0},
        {},
    ],
)
def test_what_is_no_result_is_told_as_a_failure(load: Any, tmp_path: Path, result: dict[str, Any]) -> None:
    search = search_over(load(), tmp_path)
    asked(search, 0)
    search.on_trial_complete("t0", result)
    (trial,) = search.study.trials
    assert trial.state == TrialState.FAIL
    assert objectives_of(result) is None


def test_trials_of_a_process_that_ended_are_asked_again(load: Any, tmp_path: Path) -> None:
    spec = load()
    before = search_over(spec, tmp_path)
    first, second = asked(before, 0), asked(before, 1)
    assert first is not None
    assert second is not None
    before.on_trial_complete("t0", {"state": "COMPLETED", "parameters": 5, "fid": 3.0})
    after = search_over(spec, tmp_path, {first.key: (5.0, 3.0)})
    again = asked(after, 0)
    assert again is not None
    assert again.key == second.key
    running = after.study.get_trials(states=(TrialState.RUNNING,))
    assert len(running) == 1, "the orphan was closed"


def test_the_same_seed_asks_for_the_same_points(load: Any, tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search = search_over(load(), tmp_path / name)
        runs.append([request.key for number in range(6) if (request := asked(search, number))])
    assert runs[0] == runs[1]


def test_a_trials_identity_is_that_of_what_its_row_depends_on() -> None:
    point = {"width": 2, "depth": 1, "gan_weight": 0.1}
    key = request_of(point).key
    assert request_of(point).key == key
    assert request_of(point, phase="confirm").key == key, "the phase computes nothing"
    changes: list[dict[str, Any]] = [
        {"seed": 1},
        {"teacher_digest": "u"},
        {"pool_digest": "m"},
        {"protocol_digest": "q"},
        {"threads": 2},
        {"distillation": DistillationConfig(kimg=2.0, gan_weight=0.1)},
        {"architecture": GeneratorConfig(image_size=16, image_channels=1, width=3)},
    ]
    keys = {key, *(request_of(point, **change).key for change in changes)}
    assert len(keys) == len(changes) + 1


class TestDomains:
    def test_values_suggested_lie_in_the_domain(self) -> None:
        domains = {
            "i": IntDomain(type="int", low=2, high=24, log=True),
            "s": IntDomain(type="int", low=1, high=7, step=3),
            "f": FloatDomain(type="float", low=0.1, high=0.2),
            "c": ChoiceDomain(type="choice", values=(0.0, 0.5)),
        }
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for _ in range(50):
            trial = study.ask()
            for name, domain in domains.items():
                assert domain.holds(domain.suggest(trial, name)), name

    def test_a_grid_over_a_log_range_doubles(self) -> None:
        assert IntDomain(type="int", low=2, high=24, log=True).values == [2, 4, 8, 16, 24]
        assert IntDomain(type="int", low=1, high=7, step=3).values == [1, 4, 7]
