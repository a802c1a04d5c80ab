"""The sampler `limit` where bytes lead, asked as Ray Tune asks it, on students whose limit in bytes is known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import TrialState
from gan import DistillationConfig, weight_bytes
from sweeps.errors import SpecError
from sweeps.planning.students import space_students
from sweeps.search.limit_sampler import LimitSampler
from sweeps.spec.sweep import BYTES
from sweeps.trial.request import TrialRequest
from tests.sweeps.untrained_search import Search, request_of

BITS = {"type": "choice", "values": [32, 8, 4]}
SPACE = {"width": {"type": "int", "low": 1, "high": 8}, "depth": 1, "gan_weight": 0.0, "student": {"bits": BITS}}
IN_BYTES = {"space": SPACE, "sampler": "limit", "objectives": [BYTES, "fid"]}
THRESHOLD = 10.0  # twice the teacher's
WORSE = {32: 0.0, 8: 0.05, 4: 0.5}  # in log FID, than floats of that width


def to_request(point: Any) -> TrialRequest:
    return request_of(point, distillation=DistillationConfig(kimg=1.0, bits=int(point["bits"])))


def bytes_of(request: TrialRequest) -> int:
    return weight_bytes(request.architecture, request.bits)


def log_fid_of(request: TrialRequest) -> float:
    """Returns a power law of the width, of which fewer bits need more: floats hold from 3 on, 4 bits from 5 on."""
    return math.log(THRESHOLD) - 1.5 * math.log(request.architecture.width / 2.9) + WORSE[request.bits]


def fid_of(request: TrialRequest, noise: float = 0.0) -> float:
    luck = np.random.default_rng([request.seed, bytes_of(request)]).standard_normal()
    return math.exp(log_fid_of(request) + noise * luck)


def told(search: Search, number: int, request: TrialRequest, *, noise: float = 0.0) -> None:
    search.tell(number, fid_of(request, noise), bytes_of(request))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_limit_in_bytes_is_found_with_few_trials_and_the_search_ends_by_itself(
    search_spec: Any, tmp_path: Path, noise: float
) -> None:
    spec = search_spec(**IN_BYTES, trials=60)
    search, asked = Search(spec, tmp_path, to_request=to_request), []
    while request := search.ask(len(asked)):
        told(search, len(asked), request, noise=noise)
        asked.append(request)
    students = {params: to_request({**SPACE, **dict(params)}) for params in space_students(spec)}
    truth = min((each for each in students.values() if log_fid_of(each) <= math.log(THRESHOLD)), key=bytes_of)
    assert truth.bits == 4
    sampler = search.study.sampler
    assert isinstance(sampler, LimitSampler)
    found = sampler.reading(search.study)
    assert set(found.where.sizes_K.tolist()) == {bytes_of(each) for each in students.values()}
    near = [bytes_of(each) for each in students.values() if each.bits == 4]
    place = sorted(near).index(bytes_of(truth))
    assert found.size is not None
    assert sorted(near)[place - 1] <= found.size <= sorted(near)[place + 1]
    assert len(asked) < 24, f"of {len(students)} students with any number of seeds"
    assert search.queue.remark
    assert "the limit of the space in bytes lies within one step of" in search.queue.remark
    assert sampler.standing
    assert sampler.standing.startswith("limit of the space in bytes near 1/")


def test_a_study_that_is_opened_again_goes_on_as_it_would_have(search_spec: Any, tmp_path: Path) -> None:
    spec = search_spec(**IN_BYTES, trials=60, confidence=1.0)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()

    def asked_of(search: Search, numbers: range) -> list[str]:
        keys = []
        for number in numbers:
            request = search.ask(number)
            assert request is not None
            told(search, number, request, noise=0.1)
            keys.append(request.key)
        return keys

    undisturbed = asked_of(Search(spec, whole, to_request=to_request), range(14))
    first = asked_of(Search(spec, cut, to_request=to_request), range(7))
    again = Search(spec, cut, to_request=to_request)
    assert len(again.study.get_trials(deepcopy=False)) == 7
    assert first + asked_of(again, range(7)) == undisturbed


def test_a_student_that_diverged_holds_nothing(search_spec: Any, tmp_path: Path) -> None:
    search = Search(search_spec(**IN_BYTES, trials=20, confidence=1.0), tmp_path, to_request=to_request)
    for number in range(20):
        request = search.ask(number)
        assert request is not None
        if request.bits == 4:
            search.tell(number, math.nan, bytes_of(request), state=str(TrialState.DIVERGED))
        else:
            told(search, number, request)
    sampler = search.study.sampler
    assert isinstance(sampler, LimitSampler)
    found = sampler.reading(search.study)
    eight = sorted(bytes_of(to_request({"width": width, "depth": 1, "gan_weight": 0.0, "bits": 8})) for width in (3, 4))
    assert found.size is not None
    assert found.size >= eight[0], "8 bits from width 3 on"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"objectives": ["mac_g", "fid"]}, "write parameters or weight_bytes"),
        ({"space": {**SPACE, "width": 4, "student": {}}}, "two sizes or more"),
        ({"space": {**SPACE, "student": {"bits": {"type": "choice", "values": [8, 5]}}}}, "32, 8, 6 or 4"),
        ({"objectives": ["weight_bytes", "inception_score"]}, "write the same"),
    ],
)
def test_what_does_not_go_with_it_is_refused(search_spec: Any, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        search_spec(**IN_BYTES | {"trials": 9} | changes)


def test_bits_alone_are_sizes_where_bytes_lead_and_none_where_parameters_do(search_spec: Any) -> None:
    space = {**SPACE, "width": 4}
    assert search_spec(**IN_BYTES | {"space": space}, trials=9).limit_cost == BYTES
    with pytest.raises(SpecError, match="two sizes or more"):
        search_spec(space=space, sampler="limit", trials=9, objectives=["parameters", "fid"])
