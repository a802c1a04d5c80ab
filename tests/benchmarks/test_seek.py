"""The worlds on which searches for the limit are compared, and a short search on one of them."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.benchmarks.seek import Repeat, first_to_stay, judged, seek
from tests.benchmarks.simulation import DATA, Curves
from tests.benchmarks.sought import Reader
from tests.benchmarks.worlds import SYNTHETIC, World, recorded, synthetic


@pytest.fixture(scope="module")
def curves() -> Curves:
    return Curves.load(DATA)


@pytest.fixture(scope="module")
def world(curves: Curves) -> World:
    return recorded(curves)


def test_fresh_seeds_lie_about_the_recorded_mean_as_the_recorded_seeds_do(world: World) -> None:
    for student in (world.truth(2.0), (4, 2, "dcgan", 0.03)):
        drawn = np.log([[fid for _, fid in world.fresh(student, repeat=0, seed=seed)] for seed in range(600)])
        alike = [other for other in world.students if other[:3] == student[:3]]
        logs = [np.log([run[-1][1] for run in world.curves.runs[other]]) for other in alike]
        spread = math.sqrt(np.mean([values.var(ddof=1) for values in logs]))
        assert drawn[:, -1].std() == pytest.approx(spread, rel=0.15)
        assert drawn[:, -1].mean() == pytest.approx(world.means[student][-1], abs=0.15 * spread)


def test_a_seed_is_the_same_in_every_search_of_a_repeat(world: World) -> None:
    student = world.truth(3.0)
    assert world.fresh(student, repeat=1, seed=2) == world.fresh(student, repeat=1, seed=2)
    assert world.one_seed_each(1).runs[student] == [world.fresh(student, repeat=1, seed=0)]
    assert world.fresh(student, repeat=1, seed=2) != world.fresh(student, repeat=2, seed=2)


def test_the_truth_is_the_smallest_size_that_holds_and_a_step_is_one_of_width(world: World) -> None:
    size = world.curves.parameters
    true = world.truth(2.0)
    smaller = [s for s in world.students if size[s] < size[true]]
    assert world.means[true][-1] <= world.threshold(2.0)
    assert all(world.means[s][-1] > world.threshold(2.0) for s in smaller)
    assert (true, world.one_step(2.0)) == ((16, 2, "separable", 0.03), (9_540, 17_020))


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic_limits_lie_within_the_sizes(curves: Curves, name: str) -> None:
    for repeat in range(20):
        world = synthetic(curves, name, repeat=repeat)
        sizes = [curves.parameters[world.truth(rule)] for rule in (1.5, 2.0, 3.0)]
        assert all(larger >= smaller for larger, smaller in pairwise(sizes))
        assert min(curves.parameters.values()) < sizes[-1]
        assert sizes[0] < max(curves.parameters.values())


def test_when_a_share_is_reached_for_good() -> None:
    assert first_to_stay([1, 2, 3, 4], [0.9, 0.5, 0.9, 1.0]) == 3
    assert first_to_stay([1, 2], [0.9, 0.9]) == 1
    assert first_to_stay([1, 2], [0.9, 0.8]) is None


def test_the_frontier_is_read_as_a_report_reads_it(world: World) -> None:
    means = {student: float(world.means[student][-1]) for student in world.students}
    read = Reader(world, 2.0, 0).from_the_frontier([(student, 0, fid) for student, fid in means.items()])
    assert 9_540 < read <= 13_168, "between the last that fails and the first that holds"


def test_a_search_ends_near_the_limit(world: World) -> None:
    readings = seek(world, 3.0, repeat=0, workers=4, budget=288)
    found = judged([Repeat(truth=7_810, one_step=world.one_step(3.0), readings=readings)])
    assert found["kimg"] == [32.0 * number for number in range(1, 10)]
    assert (found["within"][-1], found["covered"][-1]) == (1, 1)
    assert found["width"][-1] < 2 < found["width"][0]
    assert 96 < found["end"]["kimg"] < 288, "the model is sure by then, and not at once"


def test_with_slack_the_limit_of_a_stricter_and_that_of_a_laxer_rule_are_both_right(world: World) -> None:
    loose, exact = replace(world, slack=0.05), world.curves.parameters[world.truth(2.0)]
    least, most = loose.true_sizes(2.0)
    assert least <= exact <= most
    assert (least, most) == tuple(world.curves.parameters[world.truth(2.0 * math.exp(s))] for s in (0.05, -0.05))
    assert world.true_sizes(2.0) == (exact, exact)
    assert loose.one_step(2.0)[0] <= world.one_step(2.0)[0]
    assert loose.one_step(2.0)[1] >= world.one_step(2.0)[1]
