import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from analysis import Phase
from gan import DistillationConfig, GeneratorConfig, count_parameters, mac_g
from sweeps.ledger.records import objectives_of
from sweeps.search import study_queue as sweeps_search
from sweeps.spec.space import ChoiceDomain, FloatDomain, IntDomain, distributions
from tests.sweeps.untrained_search import SMALL_SPACE, Search, grid_size, request_of


def test_the_block_is_a_dimension_like_any_other(search_spec: Any, tmp_path: Path) -> None:
    space = {**SMALL_SPACE, "block": {"type": "choice", "values": ["dcgan", "separable"]}}
    spec = search_spec(space=space, sampler="grid")
    study = Search(spec, tmp_path).study
    asked_blocks = [trial.system_attrs["fixed_params"]["block"] for trial in study.get_trials()]
    assert grid_size(spec) == len(asked_blocks) == 8
    assert asked_blocks.count("separable") == 4


def test_a_point_is_never_asked_twice_and_the_search_ends_with_the_space(search_spec: Any, tmp_path: Path) -> None:
    search = Search(search_spec(space=SMALL_SPACE, trials=9), tmp_path)
    seen = []
    for number in range(9):
        request = search.ask(number)
        if request is None:
            break
        seen.append(request.key)
        if number % 2:  # every other one stays under way
            search.tell(number, 1.0 + number)
    assert len(seen) == len(set(seen)) == 4


def test_finished_trials_are_answered_from_the_ledger(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SMALL_SPACE, sampler="grid")
    known = {
        request_of({"width": 1, "depth": 1, "gan_weight": 0.0}).key: (10.0, 3.0),
        request_of({"width": 2, "depth": 1, "gan_weight": 0.0}).key: None,  # diverged
    }
    search = Search(spec, tmp_path, known)
    left = [request for number in range(4) if (request := search.ask(number))]
    assert sorted(request.architecture.width for request in left) == [1, 2]
    assert {request.gan_weight for request in left} == {0.1}
    told = {trial.state: trial.values for trial in search.study.trials if trial.state.is_finished()}
    assert told[TrialState.COMPLETE] == [10.0, 3.0]
    assert TrialState.FAIL in told


def test_points_come_first_and_a_grid_is_complete(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(points=[{"width": 3, "depth": 2, "gan_weight": 0.05}], space={**SMALL_SPACE, "width": {
        "type": "int", "low": 1, "high": 4}, "depth": {"type": "int", "low": 1, "high": 2},
        "gan_weight": {"type": "choice", "values": [0.0, 0.05]}})  # fmt: skip
    first = Search(spec, tmp_path).ask(0)
    assert first is not None
    assert (first.architecture.width, first.architecture.depth, first.gan_weight) == (3, 2, 0.05)
    grid = search_spec(space=SMALL_SPACE, sampler="grid", seeds=[0, 1, 2])
    assert grid_size(grid) == 12
    folder = tmp_path / "grid"
    folder.mkdir()
    search = Search(grid, folder)
    keys = {request.key for number in range(12) if (request := search.ask(number))}
    assert len(keys) == 12
    assert search.ask(12) is None


@pytest.mark.parametrize(
    "result",
    [
        {"state": "DIVERGED", "parameters": 5, "fid": math.nan},
        {"state": "COMPLETED", "parameters": 5, "fid": math.inf},
        {"state": "OUT_OF_MEMORY", "parameters": 5, "fid": 3.0},
        {},
    ],
)
def test_what_is_no_result_is_told_as_a_failure(search_spec: Any, tmp_path: Path, result: dict[str, Any]) -> None:
    search = Search(search_spec(), tmp_path)
    search.ask(0)
    search.tune.on_trial_complete("t0", result)
    (trial,) = search.study.trials
    assert trial.state == TrialState.FAIL
    assert objectives_of(result, ("parameters", "fid")) is None


def test_trials_of_a_process_that_ended_are_asked_again(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec()
    before = Search(spec, tmp_path)
    first, second = before.ask(0), before.ask(1)
    assert first is not None
    assert second is not None
    before.tell(0, 3.0)
    after = Search(spec, tmp_path, {first.key: (5.0, 3.0)})
    again = after.ask(0)
    assert again is not None
    assert again.key == second.key
    running = after.study.get_trials(states=(TrialState.RUNNING,))
    assert len(running) == 1, "the orphan was closed"


def test_the_same_seed_asks_for_the_same_points(search_spec: Any, tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search = Search(search_spec(), tmp_path / name)
        runs.append([request.key for number in range(4) if (request := search.ask(number))])
    assert runs[0] == runs[1]


RANKS = {"type": "choice", "values": [0, 2, 12]}


def _told(search: Search, number: int) -> Any:
    """Returns a request whose result the study was told."""
    if request := search.ask(number):
        parameters = count_parameters(request.architecture)
        search.tell(number, 1e4 / parameters, parameters)
    return request


class TestConstraints:
    @pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "gp", "random", "grid"])
    def test_points_beyond_are_never_trained(self, search_spec: Any, tmp_path: Path, sampler: str) -> None:
        widths = {"type": "int", "low": 1, "high": 4}
        limit = count_parameters(request_of({"width": 2, "depth": 1, "gan_weight": 0.0}).architecture)
        spec = search_spec(
            space={**SMALL_SPACE, "width": widths}, sampler=sampler, trials=9, constraints={"max_parameters": limit}
        )
        search = Search(spec, tmp_path)
        seen = []
        for number in range(9):
            if request := search.ask(number):
                seen.append(request.architecture.width)
                search.tell(number, 10.0 / request.architecture.width, count_parameters(request.architecture))
        assert sorted(seen) == [1, 1, 2, 2], "all that is allowed, and each once"
        beyond = [trial for trial in search.study.trials if trial.state == TrialState.PRUNED]
        assert {trial.params["width"] for trial in beyond} <= {3, 4}
        assert all(trial.constraints["max_parameters"] > 0 for trial in beyond)

    @pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "gp", "random", "grid"])
    def test_neither_is_a_rank_that_saves_nothing_at_its_width(
        self, search_spec: Any, tmp_path: Path, sampler: str
    ) -> None:
        space = {"width": {"type": "choice", "values": [1, 8]}, "first_layer_rank": RANKS, "gan_weight": 0.0}
        search = Search(search_spec(space=space, sampler=sampler, trials=9), tmp_path)
        asked = [request.architecture for number in range(9) if (request := _told(search, number))]
        found = sorted((student.width, student.first_layer_rank or 0) for student in asked)
        assert found == [(1, 0), (1, 2), (8, 0), (8, 2), (8, 12)], "all that there are, and each once"
        beyond = [trial for trial in search.study.trials if trial.state == TrialState.PRUNED]
        assert {(trial.params["width"], trial.params["first_layer_rank"]) for trial in beyond} <= {(1, 12)}
        assert all(trial.constraints["first_layer_rank"] > 0 for trial in beyond)

    @pytest.mark.parametrize(
        "widths", [{"type": "int", "low": 1, "high": 8, "log": True}, {"type": "choice", "values": [8, 4, 2, 1]}]
    )
    def test_a_grid_is_its_allowed_points_in_whatever_order_they_stand(
        self, search_spec: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, widths: dict[str, Any]
    ) -> None:
        monkeypatch.setattr(sweeps_search, "REPEATS_BEFORE_END", 50)  # fewer than are forbidden one after the other
        weights = {"type": "choice", "values": [n / 30 for n in range(30)]}
        limit = count_parameters(request_of({"width": 2, "depth": 1, "gan_weight": 0.0}).architecture)
        space = {"width": widths, "depth": 1, "gan_weight": weights}
        spec = search_spec(space=space, sampler="grid", trials=120, constraints={"max_parameters": limit})
        grid = Search(spec, tmp_path)
        asked = [grid.ask(number) for number in range(60)]
        assert grid.ask(60) is None
        assert grid.queue.total == 60
        assert {request and request.architecture.width for request in asked} == {1, 2}, "no 3, which is not on the grid"

    def test_a_student_may_be_limited_by_its_arithmetic(self, search_spec: Any, tmp_path: Path) -> None:
        costs = {
            width: mac_g(request_of({"width": width, "depth": 1, "gan_weight": 0.0}).architecture) for width in (1, 2)
        }
        spec = search_spec(space=SMALL_SPACE, trials=9, constraints={"max_mac_g": (costs[1] + costs[2]) / 2})
        search = Search(spec, tmp_path)
        assert {request.architecture.width for number in range(9) if (request := search.ask(number))} == {1}


def test_a_trials_identity_is_that_of_what_its_row_depends_on() -> None:
    point = {"width": 2, "depth": 1, "gan_weight": 0.1}
    key = request_of(point).key
    assert request_of(point).key == key
    assert request_of(point, phase=Phase.CONFIRM).key == key, "the phase computes nothing"
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
            trial = study.ask(distributions(domains))
            for name, domain in domains.items():
                assert domain.holds(trial.params[name]), name

    def test_a_grid_over_a_log_range_doubles(self) -> None:
        assert IntDomain(type="int", low=2, high=24, log=True).values == [2, 4, 8, 16, 24]
        assert IntDomain(type="int", low=1, high=7, step=3).values == [1, 4, 7]
