"""What a search asks when it goes on, and what a reproducible one asks in whatever order its trials end."""

from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from optuna.trial import TrialState

import sweeps
from analysis import TrialState as Ended
from sweeps.ledger.records import LedgerEntry
from sweeps.search.study import open_study
from sweeps.search.study_file import open_storage
from sweeps.search.study_queue import SearchBasis, study_queue
from sweeps.trial.request import Job, TrialRequest
from tests.sweeps.untrained_search import SMALL_SPACE, Search, request_of


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

    def test_workers_and_order_do_not_matter(self, search_spec: Any, tmp_path: Path) -> None:
        spec = search_spec(space=self.SPACE, trials=40, reproducible=True, batch_size=6)
        alone = self.run(spec, tmp_path / "1", 1, lambda n: 0)
        assert len(set(alone)) == 40
        assert self.run(spec, tmp_path / "2", 5, lambda n: n - 1) == alone
        assert self.run(spec, tmp_path / "3", 3, lambda n: (7 * n) // 11 % n) == alone
        other = spec.model_copy(update={"seed": 1})
        assert self.run(other, tmp_path / "4", 1, lambda n: 0) != alone

    def test_without_it_the_order_matters(self, search_spec: Any, tmp_path: Path) -> None:
        spec = search_spec(space=self.SPACE, trials=40)
        assert self.run(spec, tmp_path / "1", 5, lambda n: 0) != self.run(spec, tmp_path / "2", 5, lambda n: n - 1)

    def test_a_resume_asks_what_is_missing_of_the_same_points(self, search_spec: Any, tmp_path: Path) -> None:
        spec = search_spec(space=self.SPACE, trials=30, reproducible=True, batch_size=6)
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
        self, search_spec: Any, tmp_path: Path
    ) -> None:
        point = {"width": 2, "depth": 1, "gan_weight": 0.1}
        search = Search(search_spec(space=SMALL_SPACE, points=[point], trials=3), tmp_path)
        popped = search.study.ask()  # the point is out of the line, and nothing of it is suggested yet
        assert popped.params == {}
        resumed = Search(search_spec(space=SMALL_SPACE, trials=3), tmp_path)
        first = resumed.ask(0)
        assert first is not None
        assert (first.architecture.width, first.gan_weight) == (2, 0.1)

    def test_what_has_begun_is_finished_before_anything_new(self, search_spec: Any, tmp_path: Path) -> None:
        spec = search_spec(
            space={**SMALL_SPACE, "width": {"type": "int", "low": 1, "high": 8}}, sampler="grid", trials=4
        )
        first = Search(spec, tmp_path)
        cut_off = [request.key for number in range(2) if (request := first.ask(number))]
        again = Search(spec, tmp_path)
        asked = [request.key for number in range(2) if (request := again.ask(number))]
        assert asked == cut_off

    def test_what_failed_is_asked_again(self, search_spec: Any, tmp_path: Path) -> None:
        space = {**SMALL_SPACE, "gan_weight": {"type": "float", "low": 0.0, "high": 0.5}}
        spec = search_spec(space=space, trials=5)
        point = {"width": 2, "depth": 1, "gan_weight": 0.123}
        failed = {
            request_of(point).key: LedgerEntry(
                trial=1, phase="search", state=Ended.FAILED, objectives=None, wall_s=1.0, point=point
            )
        }
        study = open_study(spec, open_storage(tmp_path), ledger=failed)
        queue = study_queue(SearchBasis(spec=spec, to_request=request_of, study=study, ledger=failed, total=5))
        job = queue.next()
        assert isinstance(job, Job)
        assert job.request.gan_weight == 0.123
        assert job.trial == 1, "it keeps its ordinal"

    def test_what_other_sweeps_found_is_the_first_generation_of_nsga_ii(self, search_spec: Any, tmp_path: Path) -> None:
        spec = search_spec(space=TestReproducible.SPACE, sampler="nsgaii", population_size=4, trials=9)
        points = [{"width": width, "depth": 1, "gan_weight": width / 100} for width in range(1, 5)]
        known = {
            request_of(point).key: LedgerEntry(
                trial=n,
                phase="search",
                state=Ended.COMPLETED,
                objectives=(10.0 * n, 10.0 / n),
                wall_s=0.0,
                point=point,
                reused=True,
            )
            for n, point in enumerate(points, start=1)
        }
        study = open_study(spec, open_storage(tmp_path), ledger=known)
        job = study_queue(SearchBasis(spec=spec, to_request=request_of, study=study, ledger=known, total=9)).next()
        assert isinstance(job, Job)
        assert study.trials[-1].system_attrs["NSGAIISampler:generation"] == 1, "a child of theirs"

    @pytest.mark.parametrize("is_listed", [True, False])
    def test_points_in_line_become_parents_in_any_space(
        self, search_spec: Any, tmp_path: Path, is_listed: bool
    ) -> None:
        weights = {"type": "choice", "values": [0.0, 0.1]} if is_listed else {"type": "float", "low": 0.0, "high": 0.1}
        points = [{"width": width, "depth": 1, "gan_weight": 0.0} for width in (2, 5)]
        spec = search_spec(
            space={**TestReproducible.SPACE, "gan_weight": weights},
            points=points,
            sampler="nsgaii",
            population_size=4,
            trials=12,
        )
        for number in range(2):  # cut off, and put in line again
            search = Search(spec, tmp_path)
            assert search.ask(number) is not None
        search = Search(spec, tmp_path)
        for number in range(6):
            request = search.ask(number)
            assert request is not None
            is_given = any(request.architecture.width == p["width"] and not request.gan_weight for p in points)
            search.tell(number, *((1.0, 1.0) if is_given else (90.0, 900.0)))
        parents = search.study.sampler.get_parent_population(search.study, 1)
        found = {(trial.params["width"], trial.params["gan_weight"]) for trial in parents}
        assert {(2, 0.0), (5, 0.0)} <= found, "the best of the first generation"

    def test_a_reproducible_search_that_repeats_itself_goes_on_as_it_would_have(
        self, search_spec: Any, tmp_path: Path
    ) -> None:
        space = {"width": {"type": "int", "low": 1, "high": 8}, "depth": 1, "gan_weight": WEIGHTS}
        spec = search_spec(space=space, trials=20, reproducible=True, batch_size=4)
        whole = asked_from(spec, tmp_path / "whole", {})
        assert len(whole) == 20
        for cut in (4, 8, 12, 16, 20):
            finished = dict(list(whole.items())[:cut])
            again = asked_from(spec, tmp_path / str(cut), finished)
            assert list(finished) + list(again) == list(whole)

    def test_a_finished_reproducible_search_leaves_its_study_complete(self, search_spec: Any, tmp_path: Path) -> None:
        spec = search_spec(space={**SMALL_SPACE, "gan_weight": WEIGHTS}, trials=5, reproducible=True, batch_size=2)
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
