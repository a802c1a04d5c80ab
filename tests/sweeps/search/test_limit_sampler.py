"""The sampler `limit`, asked as Ray Tune asks it, on students whose limit is known."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from analysis import Phase
from analysis import TrialState as Ended
from analysis.seeking.limit_search import FEWEST_TRAININGS
from gan import count_parameters
from sweeps.errors import SpecError
from sweeps.ledger.records import LedgerEntry
from sweeps.search.limit_sampler import LimitSampler
from sweeps.search.study import open_study
from sweeps.search.study_file import open_storage
from sweeps.search.study_queue import SearchBasis, study_queue
from sweeps.trial.request import Job
from tests.sweeps.untrained_search import TEACHER, Search, request_of

WIDTHS = {"type": "int", "low": 1, "high": 8}
SPACE = {"width": WIDTHS, "depth": {"type": "choice", "values": [1, 2]}, "gan_weight": 0.0}
THRESHOLD = 10.0  # twice the teacher's
LIMIT = 4  # the width that just holds the rule


def point_of(request: Any) -> dict[str, Any]:
    architecture = request.architecture
    return {"width": architecture.width, "depth": architecture.depth, "gan_weight": 0.0, "seed": request.seed}


def fid_of(request: Any, noise: float = 0.0) -> float:
    """Returns a power law of the width that crosses the threshold a little below LIMIT, with a seed's own luck."""
    luck = np.random.default_rng([request.seed, request.architecture.width]).standard_normal()
    depth = 0.1 * (request.architecture.depth == 2)
    return THRESHOLD * math.exp(-1.5 * math.log(request.architecture.width / (LIMIT - 0.5)) + depth + noise * luck)


def run(search: Search, *, workers: int = 1, noise: float = 0.0, most: int = 200) -> list[Any]:
    """Returns the requests of a search until it ends, with so many under way at once."""
    asked: list[Any] = []
    running: list[int] = []
    while True:
        while len(running) < workers and len(asked) < most and (request := search.ask(len(asked))):
            running.append(len(asked))
            asked.append(request)
        if not running:
            return asked
        number = running.pop(0)
        search.tell(number, fid_of(asked[number], noise), count_parameters(asked[number].architecture))


@pytest.mark.parametrize("workers", [1, 4])
def test_the_limit_is_found_with_few_trials_and_the_search_ends_by_itself(
    search_spec: Any, tmp_path: Path, workers: int
) -> None:
    search = Search(search_spec(space=SPACE, sampler="limit", trials=60), tmp_path)
    asked = run(search, workers=workers)
    sampler = search.study.sampler
    assert isinstance(sampler, LimitSampler)
    reading = sampler.reading(search.study)
    sizes = {request.architecture.width: count_parameters(request.architecture) for request in asked}
    assert reading.size is not None
    assert LIMIT - 1 <= min(sizes, key=lambda width: abs(sizes[width] - reading.size)) <= LIMIT + 1
    assert reading.nearness >= 0.9
    assert len(asked) < 16, "of 16 students with any number of seeds"
    assert search.queue.remark
    assert "within one step of" in search.queue.remark


def test_many_workers_wait_for_what_decides_the_next_trial(search_spec: Any, tmp_path: Path) -> None:
    trials = {}
    for workers in (1, 64):
        folder = tmp_path / str(workers)
        folder.mkdir()
        search = Search(search_spec(space=SPACE, sampler="limit", trials=60), folder)
        trials[workers] = len(run(search, workers=workers, noise=0.1))
        assert search.queue.remark
        assert "within one step of" in search.queue.remark, "it ends by itself"
    assert trials[64] <= 1.3 * trials[1], trials


def test_replicates_are_of_other_seeds_and_no_training_is_asked_twice(search_spec: Any, tmp_path: Path) -> None:
    search = Search(search_spec(space=SPACE, sampler="limit", trials=25, confidence=1.0), tmp_path)
    asked = run(search, workers=3, noise=0.6)
    assert len(asked) == len({request.key for request in asked}) == 25
    seeds: dict[Any, list[int]] = {}
    for request in asked:
        seeds.setdefault(request.architecture, []).append(request.seed)
    assert any(len(each) > 1 for each in seeds.values()), "noise asks for replicates"
    assert all(sorted(each) == list(range(len(each))) for each in seeds.values())


def test_a_failed_training_is_no_holding_one_and_is_not_asked_again(search_spec: Any, tmp_path: Path) -> None:
    space = {"width": {"type": "int", "low": 1, "high": 4}, "depth": 1, "gan_weight": 0.0}
    search = Search(search_spec(space=space, sampler="limit", trials=12, confidence=1.0), tmp_path)
    asked = []
    for number in range(12):
        request = search.ask(number)
        assert request is not None
        asked.append(request.key)
        failed = request.architecture.width < 3
        search.tell(number, math.nan if failed else 5.0, count_parameters(request.architecture))
    assert len(set(asked)) == 12
    assert search.study.get_trials(states=(TrialState.FAIL,))
    sampler = search.study.sampler
    assert isinstance(sampler, LimitSampler)
    sizes = sampler.reading(search.study).where.sizes_K
    assert sampler.reading(search.study).where.chance_between(sizes[2], sizes[3]) > 0.9


def test_what_a_machine_lost_tells_nothing_of_a_student(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SPACE, sampler="limit", trials=30)
    search = Search(spec, tmp_path)
    asked = []
    for number in range(10):
        request = search.ask(number)
        assert request is not None, "the search goes on"
        asked.append((request.architecture, request.seed))
        search.tune.on_trial_complete(f"t{number}", error=True)
    assert len(set(asked)) == 10, "another seed, or another student"
    sampler = search.study.sampler
    assert isinstance(sampler, LimitSampler)
    assert sampler.reading(search.study).trainings == 0


def test_a_lost_training_that_is_done_again_is_its_result(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SPACE, sampler="limit", trials=30)
    search = Search(spec, tmp_path)
    first = search.ask(0)
    assert first is not None
    search.tune.on_trial_complete("t0", error=True)
    entry = LedgerEntry(
        trial=1, phase=Phase.SEARCH, state=Ended.LOST, objectives=None, wall_s=1.0, point=point_of(first)
    )
    study = open_study(spec, open_storage(tmp_path), ledger={first.key: entry}, teacher=TEACHER)
    queue = study_queue(SearchBasis(spec=spec, to_request=request_of, study=study, ledger={}, total=30))
    job = queue.next()
    assert isinstance(job, Job)
    assert job.request.key == first.key, "it stands in line again"
    queue.ended(job, {"state": "COMPLETED", "parameters": 1000, "fid": 1.0})
    sampler = study.sampler
    assert isinstance(sampler, LimitSampler)
    (measured,) = sampler._measured(study.get_trials())
    assert measured.quality == 1.0


def test_points_in_line_are_trained_however_sure_the_search_is(search_spec: Any, tmp_path: Path) -> None:
    points = [{"width": width, "depth": 1, "gan_weight": 0.0} for width in range(8, 0, -1)]
    last = {"width": 1, "depth": 2, "gan_weight": 0.0}
    search = Search(search_spec(space=SPACE, sampler="limit", trials=30, points=[*points, last]), tmp_path)
    asked = []
    for number in range(30):
        if (request := search.ask(number)) is None:
            break
        asked.append((request.architecture.width, request.architecture.depth))
        search.tell(number, 2.0, count_parameters(request.architecture))
    assert asked[:9] == [(point["width"], point["depth"]) for point in [*points, last]]
    assert len(asked) < 30
    assert search.queue.remark


def test_a_search_does_not_end_on_what_was_assumed(search_spec: Any, tmp_path: Path) -> None:
    space = {"width": {"type": "int", "low": 7, "high": 8}, "depth": 1, "gan_weight": 0.0}
    search = Search(search_spec(space=space, sampler="limit", trials=30), tmp_path)
    number = 0
    while request := search.ask(number):
        search.tell(number, 2.0, count_parameters(request.architecture))
        number += 1
    assert number == FEWEST_TRAININGS


def test_a_study_that_is_opened_again_goes_on_where_it_was(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SPACE, sampler="limit", trials=60, confidence=1.0)
    first = Search(spec, tmp_path)
    known = {}
    for number in range(8):
        request = first.ask(number)
        assert request is not None
        fid, parameters = fid_of(request), count_parameters(request.architecture)
        first.tell(number, fid, parameters)
        known[request.key] = (parameters, fid)
    going_on = first.ask(8)
    again = Search(spec, tmp_path, known)
    request = again.ask(0)
    assert request is not None
    assert going_on is not None
    assert request.key == going_on.key, "which was cut off, and is what would be asked"
    assert len(again.study.get_trials(states=(TrialState.COMPLETE,))) == 8


def test_reproducible_asks_the_same_whichever_trial_ends_first(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SPACE, sampler="limit", trials=16, reproducible=True, batch_size=4, confidence=1.0)
    found = []
    for place, order in enumerate((1, -1)):
        folder = tmp_path / str(place)
        folder.mkdir()
        search = Search(spec, folder)
        keys = []
        for batch in range(4):
            numbers = range(4 * batch, 4 * batch + 4)
            asked = {number: search.ask(number) for number in numbers}
            for number in list(numbers)[::order]:
                request = asked[number]
                assert request is not None
                search.tell(number, fid_of(request, 0.3), count_parameters(request.architecture))
            keys += [request.key for request in asked.values() if request]
        found.append(keys)
    assert found[0] == found[1]
    assert len(found[0]) == 16


def test_trials_that_were_too_few_are_said_to_be_so(search_spec: Any, tmp_path: Path) -> None:
    search = Search(search_spec(space=SPACE, sampler="limit", trials=9, precision=1.01), tmp_path)
    assert len(run(search, noise=0.6)) == 9
    assert search.queue.remark
    assert "all 9 trials are spent, and the limit is not as certain as was asked" in search.queue.remark
    assert "limit of the space near 1/" in search.queue.remark


def test_constraints_are_of_the_space(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(space=SPACE, sampler="limit", trials=12, constraints={"max_parameters": 700}, confidence=1.0)
    sizes = Counter(count_parameters(request.architecture) for request in run(Search(spec, tmp_path)))
    assert sizes
    assert max(sizes) <= 700


def test_the_study_says_why_each_was_asked(search_spec: Any, tmp_path: Path) -> None:
    search = Search(search_spec(space=SPACE, sampler="limit", trials=3, confidence=1.0), tmp_path)
    run(search)
    study = open_study(search_spec(space=SPACE, sampler="limit", trials=3), open_storage(tmp_path), teacher=TEACHER)
    assert {trial.user_attrs["purpose"] for trial in study.trials} <= {"NARROW", "BELOW"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seeds": [0, 1]}, "leave search.seeds out"),
        ({"sampler": "tpe", "precision": 2.0}, "the sampler limit alone has search.precision"),
        ({"extend": True, "reproducible": True}, "leave one of them out"),
        ({"extend": True, "space": {**SPACE, "width": {"type": "choice", "values": [1, 2]}}}, "widths of type choice"),
        ({"constraints": {"max_parameters": 600}}, "two sizes or more"),
        ({"pruning": True}, "leave search.pruning out"),
        ({"objectives": ["mac_g", "fid"]}, "write parameters or weight_bytes"),
        ({"space": {**SPACE, "gan_weight": {"type": "float", "low": 0.0, "high": 0.5}}}, "take another sampler"),
        ({"objectives": ["parameters", "inception_score"]}, "write the same"),
    ],
)
def test_what_does_not_go_with_it_is_refused(search_spec: Any, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        search_spec(**{"space": SPACE, "sampler": "limit", "trials": 9, **changes})
