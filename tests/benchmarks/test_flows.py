"""One whole flow to a confirmed limit on recorded trainings, and how outcomes are counted."""

import math

import pytest

from tests.benchmarks.confirmed import Answer, Outcome
from tests.benchmarks.flows import judged_all, limit_flow
from tests.benchmarks.simulation import DATA, Curves
from tests.benchmarks.worlds import recorded


@pytest.mark.parametrize("by_model", [True, False])
def test_a_flow_ends_near_the_limit_and_counts_all_it_spends(by_model: bool) -> None:
    world = recorded(Curves.load(DATA))
    found = limit_flow(world, 3.0, repeat=1, workers=2, by_model=by_model)
    low, high = world.one_step(3.0)
    assert low <= found.read.answer <= high
    assert found.read.within
    assert found.read.covered
    assert 128 <= found.searched_kimg <= 640
    fresh = (found.kimg - found.searched_kimg) / world.curves.kimg
    assert fresh == int(fresh) >= 4, "two fresh seeds at each of two students or more"
    assert found.ended.factor <= 1.5 or found.searched_kimg == 640


def test_shares_and_medians() -> None:
    sure, unsure = Answer(10, 9, 12, True, True), Answer(50, 0, math.inf, False, True)
    outcomes = [Outcome(100, 300, 9.0, sure, unsure, sure), Outcome(300, 500, 9.0, unsure, unsure, sure)]
    found = judged_all(outcomes)
    assert (found["searched_kimg"], found["kimg"]) == (200, 400)
    assert found["ended"] == {"within": 0.5, "covered": 1, "factor": math.inf}
    assert found["read"]["factor"] == pytest.approx(4 / 3)
