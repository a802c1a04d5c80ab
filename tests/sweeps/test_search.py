import math
from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher

import sweeps
from analysis import TrialState as Ended
from gan import DistillationConfig, GeneratorConfig, count_parameters, mac_g
from sweeps.ledger import LedgerEntry
from sweeps.queues import QueueSearcher
from sweeps.requests import Job, TrialRequest
from sweeps.search import StudyQueue, objectives_of
from sweeps.space import ChoiceDomain, FloatDomain, IntDomain, distributions
from sweeps.study import listed_points, open_storage, open_study


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


def grid_size(spec: sweeps.SweepSpec) -> int:
    return len(listed_points(spec, 0) or [])


class Search:
    """A study as Ray Tune asks it."""

    def __init__(self, spec: sweeps.SweepSpec, folder: Path, finished: Any = None) -> None:
        ledger = {
            key: LedgerEntry(number, "search", Ended.COMPLETED if objectives else Ended.DIVERGED, objectives, 1.0, {})
            for number, (key, objectives) in enumerate((finished or {}).items(), start=1)
        }
        self.study = open_study(spec, open_storage(folder))
        total = grid_size(spec) if spec.search.sampler == "grid" else spec.search.trials
        self.queue = StudyQueue(spec, request_of, self.study, ledger, total)
        self.tune = QueueSearcher([self.queue])

    def ask(self, number: int) -> TrialRequest | None:
        config = self.tune.suggest(f"t{number}")
        if config == Searcher.FINISHED or config is None:
            return None
        return Job.model_validate_json(config["job"]).request

    def tell(self, number: int, fid: float, parameters: float = 5, state: str = "COMPLETED") -> None:
        self.tune.on_trial_complete(f"t{number}", {"state": state, "parameters": parameters, "fid": fid})


SMALL_SPACE = {
    "width": {"type": "int", "low": 1, "high": 2},
    "depth": {"type": "choice", "values": [1]},
    "gan_weight": {"type": "choice", "values": [0.0, 0.1]},
}


def test_the_block_is_a_dimension_like_any_other(load: Any, tmp_path: Path) -> None:
    space = {**SMALL_SPACE, "block": {"type": "choice", "values": ["dcgan", "separable"]}}
    spec = load(space=space, sampler="grid")
    study = Search(spec, tmp_path).study
    asked_blocks = [trial.system_attrs["fixed_params"]["block"] for trial in study.get_trials()]
    assert grid_size(spec) == len(asked_blocks) == 8
    assert asked_blocks.count("separable") == 4


def test_a_point_is_never_asked_twice_and_the_search_ends_with_the_space(load: Any, tmp_path: Path) -> None:
    search = Search(load(space=SMALL_SPACE, trials=9), tmp_path)
    seen = []
    for number in range(9):
        request = search.ask(number)
        if request is None:
            break
        seen.append(request.key)
        if number % 2:  # every other one stays under way
            search.tell(number, 1.0 + number)
    assert len(seen) == len(set(seen)) == 4


def test_finished_trials_are_answered_from_the_ledger(load: Any, tmp_path: Path) -> None:
    spec = load(space=SMALL_SPACE, sampler="grid")
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


def test_points_come_first_and_a_grid_is_complete(load: Any, tmp_path: Path) -> None:
    spec = load(points=[{"width": 3, "depth": 2, "gan_weight": 0.05}], space={**SMALL_SPACE, "width": {
        "type": "int", "low": 1, "high": 4}, "depth": {"type": "int", "low": 1, "high": 2},
        "gan_weight": {"type": "choice", "values": [0.0, 0.05]}})  # fmt: skip
    first = Search(spec, tmp_path).ask(0)
    assert first is not None
    assert (first.architecture.width, first.architecture.depth, first.gan_weight) == (3, 2, 0.05)
    grid = load(space=SMALL_SPACE, sampler="grid", seeds=[0, 1, 2])
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
def test_what_is_no_result_is_told_as_a_failure(load: Any, tmp_path: Path, result: dict[str, Any]) -> None:
    search = Search(load(), tmp_path)
    search.ask(0)
    search.tune.on_trial_complete("t0", result)
    (trial,) = search.study.trials
    assert trial.state == TrialState.FAIL
    assert objectives_of(result, ("parameters", "fid")) is None


def test_trials_of_a_process_that_ended_are_asked_again(load: Any, tmp_path: Path) -> None:
    spec = load()
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


def test_the_same_seed_asks_for_the_same_points(load: Any, tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search = Search(load(), tmp_path / name)
        runs.append([request.key for number in range(4) if (request := search.ask(number))])
    assert runs[0] == runs[1]


class TestConstraints:
    @pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "gp", "random", "grid"])
    def test_points_beyond_are_never_trained(self, load: Any, tmp_path: Path, sampler: str) -> None:
        widths = {"type": "int", "low": 1, "high": 4}
        limit = count_parameters(request_of({"width": 2, "depth": 1, "gan_weight": 0.0}).architecture)
        spec = load(
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

    @pytest.mark.parametrize(
        "widths", [{"type": "int", "low": 1, "high": 8, "log": True}, {"type": "choice", "values": [8, 4, 2, 1]}]
    )
    def test_a_grid_is_its_allowed_points_in_whatever_order_they_stand(
        self, load: Any, tmp_path: Path, widths: dict[str, Any]
    ) -> None:
        weights = {"type": "choice", "values": [n / 300 for n in range(300)]}
        limit = count_parameters(request_of({"width": 2, "depth": 1, "gan_weight": 0.0}).architecture)
        space = {"width": widths, "depth": 1, "gan_weight": weights}
        spec = load(space=space, sampler="grid", trials=1200, constraints={"max_parameters": limit})
        search = Search(spec, tmp_path)
        asked = [request for number in range(700) if (request := search.ask(number))]
        assert len(asked) == search.queue.total == 600
        assert {request.architecture.width for request in asked} == {1, 2}, "no 3, which is not on the grid"

    def test_a_student_may_be_limited_by_its_arithmetic(self, load: Any, tmp_path: Path) -> None:
        costs = {
            width: mac_g(request_of({"width": width, "depth": 1, "gan_weight": 0.0}).architecture) for width in (1, 2)
        }
        spec = load(space=SMALL_SPACE, trials=9, constraints={"max_mac_g": (costs[1] + costs[2]) / 2})
        search = Search(spec, tmp_path)
        assert {request.architecture.width for number in range(9) if (request := search.ask(number))} == {1}


class TestReproducible:
    """Spec and seed alone decide what is asked, whatever the order in which trials end."""

    SPACE: ClassVar = {
        "width": {"type": "int", "low": 1, "high": 8},
        "depth": {"type": "int", "low": 1, "high": 3},
        "gan_weight": {"type": "float", "low": 0.0, "high": 0.5},
    }

    def run(self, spec: sweeps.SweepSpec, folder: Path, workers: int, order: Any, finished: Any = None) -> list[str]:
        """The identities in the order in which they were asked, with `workers` trials at once."""
        folder.mkdir()
        search, running, asked = Search(spec, folder, finished), [], []
        number = 0
        while True:
            while len(running) < workers and (request := search.ask(number)):
                running.append((number, request))
                asked.append(request)
                number += 1
            if not running:
                return [request.key for request in asked]
            ended, request = running.pop(order(len(running)))
            search.tell(ended, *made_up(request))

    def test_workers_and_order_do_not_matter(self, load: Any, tmp_path: Path) -> None:
        spec = load(space=self.SPACE, trials=40, reproducible=True, batch_size=6)
        alone = self.run(spec, tmp_path / "1", 1, lambda n: 0)
        assert len(set(alone)) == 40
        assert self.run(spec, tmp_path / "2", 5, lambda n: n - 1) == alone
        assert self.run(spec, tmp_path / "3", 3, lambda n: (7 * n) // 11 % n) == alone
        other = spec.model_copy(update={"seed": 1})
        assert self.run(other, tmp_path / "4", 1, lambda n: 0) != alone

    def test_without_it_the_order_matters(self, load: Any, tmp_path: Path) -> None:
        spec = load(space=self.SPACE, trials=40)
        assert self.run(spec, tmp_path / "1", 5, lambda n: 0) != self.run(spec, tmp_path / "2", 5, lambda n: n - 1)

    def test_a_resume_asks_what_is_missing_of_the_same_points(self, load: Any, tmp_path: Path) -> None:
        spec = load(space=self.SPACE, trials=30, reproducible=True, batch_size=6)
        whole = self.run(spec, tmp_path / "1", 2, lambda n: 0)
        search = Search(spec, tmp_path / "1")
        requests = {}
        for number in range(6):
            request = search.ask(number)
            assert request is not None
            requests[request.key] = request
        finished = {}
        for key in whole[:6]:
            fid, parameters = made_up(requests[key])
            finished[key] = (parameters, fid)
        rest = self.run(spec, tmp_path / "2", 2, lambda n: 0, finished)
        assert rest == whole[6:]


class TestResume:
    def test_points_of_a_process_that_was_killed_while_it_asked_are_in_line_again(
        self, load: Any, tmp_path: Path
    ) -> None:
        point = {"width": 2, "depth": 1, "gan_weight": 0.1}
        search = Search(load(space=SMALL_SPACE, points=[point], trials=3), tmp_path)
        popped = search.study.ask()  # the point is out of the line, and nothing of it is suggested yet
        assert popped.params == {}
        resumed = Search(load(space=SMALL_SPACE, trials=3), tmp_path)
        first = resumed.ask(0)
        assert first is not None
        assert (first.architecture.width, first.gan_weight) == (2, 0.1)

    def test_what_has_begun_is_finished_before_anything_new(self, load: Any, tmp_path: Path) -> None:
        spec = load(space={**SMALL_SPACE, "width": {"type": "int", "low": 1, "high": 8}}, sampler="grid", trials=4)
        first = Search(spec, tmp_path)
        cut_off = [request.key for number in range(2) if (request := first.ask(number))]
        again = Search(spec, tmp_path)
        asked = [request.key for number in range(2) if (request := again.ask(number))]
        assert asked == cut_off

    def test_what_failed_is_asked_again(self, load: Any, tmp_path: Path) -> None:
        space = {**SMALL_SPACE, "gan_weight": {"type": "float", "low": 0.0, "high": 0.5}}
        spec = load(space=space, trials=5)
        point = {"width": 2, "depth": 1, "gan_weight": 0.123}
        failed = {request_of(point).key: LedgerEntry(1, "search", Ended.FAILED, None, 1.0, point)}
        study = open_study(spec, open_storage(tmp_path), failed)
        queue = StudyQueue(spec, request_of, study, failed, 5)
        job = queue.next()
        assert isinstance(job, Job)
        assert job.request.gan_weight == 0.123
        assert job.trial == 1, "it keeps its ordinal"

    def test_what_other_sweeps_found_is_the_first_generation_of_nsga_ii(self, load: Any, tmp_path: Path) -> None:
        spec = load(space=TestReproducible.SPACE, sampler="nsgaii", population_size=4, trials=9)
        points = [{"width": width, "depth": 1, "gan_weight": width / 100} for width in range(1, 5)]
        known = {
            request_of(point).key: LedgerEntry(n, "search", Ended.COMPLETED, (10.0 * n, 10.0 / n), 0.0, point, True)
            for n, point in enumerate(points, start=1)
        }
        study = open_study(spec, open_storage(tmp_path), known)
        job = StudyQueue(spec, request_of, study, known, 9).next()
        assert isinstance(job, Job)
        assert study.trials[-1].system_attrs["NSGAIISampler:generation"] == 1, "a child of theirs"

    def test_a_reproducible_search_that_repeats_itself_goes_on_as_it_would_have(
        self, load: Any, tmp_path: Path
    ) -> None:
        space = {"width": {"type": "int", "low": 1, "high": 8}, "depth": 1, "gan_weight": WEIGHTS}
        spec = load(space=space, trials=20, reproducible=True, batch_size=4)
        whole = asked_from(spec, tmp_path / "whole", {})
        assert len(whole) == 20
        for cut in (4, 8, 12, 16, 20):
            finished = dict(list(whole.items())[:cut])
            again = asked_from(spec, tmp_path / str(cut), finished)
            assert list(finished) + list(again) == list(whole)

    def test_a_finished_reproducible_search_leaves_its_study_complete(self, load: Any, tmp_path: Path) -> None:
        spec = load(space={**SMALL_SPACE, "gan_weight": WEIGHTS}, trials=5, reproducible=True, batch_size=2)
        whole = asked_from(spec, tmp_path / "a", {})
        assert asked_from(spec, tmp_path / "b", whole) == {}
        (study,) = optuna.get_all_study_summaries(open_storage(tmp_path / "b"))
        completed = optuna.load_study(study_name=study.study_name, storage=open_storage(tmp_path / "b"))
        values = {tuple(trial.values) for trial in completed.get_trials(states=(TrialState.COMPLETE,))}
        assert values == set(whole.values())


WEIGHTS = {"type": "choice", "values": [0.0, 0.1, 0.2]}


def asked_from(spec: sweeps.SweepSpec, folder: Path, finished: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """(parameters, fid) by identity of what a search asks beyond what is finished, in order."""
    folder.mkdir()
    search, found = Search(spec, folder, finished), {}
    while request := search.ask(len(found)):
        fid, parameters = made_up(request)
        search.tell(len(found), fid, parameters)
        found[request.key] = (parameters, fid)
    return found


def made_up(request: TrialRequest) -> tuple[float, float]:
    """A made-up (fid, parameters) that depends on the request alone."""
    size = request.architecture.width * request.architecture.depth
    return 100.0 / size + 50 * (request.gan_weight or 0.0), float(100 * size)


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
            trial = study.ask(distributions(domains))
            for name, domain in domains.items():
                assert domain.holds(trial.params[name]), name

    def test_a_grid_over_a_log_range_doubles(self) -> None:
        assert IntDomain(type="int", low=2, high=24, log=True).values == [2, 4, 8, 16, 24]
        assert IntDomain(type="int", low=1, high=7, step=3).values == [1, 4, 7]
