"""Successive halving for two objectives: properties that hold whatever the results."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.pruning import RungSurvival, goes_on
from sweeps.search_spec import PruningSpec

number = st.floats(min_value=0.1, max_value=1000, allow_nan=False)
results = st.lists(st.tuples(number, number), max_size=40)
rules = st.builds(PruningSpec, eta=st.sampled_from([1.5, 2.0, 3.0, 4.0]), min_trials=st.sampled_from([1, 4]))


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


@given(st.tuples(number, number), results, rules)
def test_whoever_no_other_dominates_goes_on(
    result: tuple[float, float], others: list[tuple[float, float]], rule: PruningSpec
) -> None:
    if not any(dominates(other, result) for other in others):
        assert goes_on(result, others, rule)


@given(st.tuples(number, number), results, rules, st.randoms())
def test_the_order_of_the_others_is_of_no_account(
    result: tuple[float, float], others: list[tuple[float, float]], rule: PruningSpec, shuffle: random.Random
) -> None:
    shuffled = list(others)
    shuffle.shuffle(shuffled)
    assert goes_on(result, others, rule) == goes_on(result, shuffled, rule)


@given(st.tuples(number, number), results, rules, number, number)
def test_a_worse_result_never_goes_on_where_a_better_one_is_stopped(
    result: tuple[float, float], others: list[tuple[float, float]], rule: PruningSpec, more: float, worse: float
) -> None:
    if not goes_on(result, others, rule):
        assert not goes_on((result[0] + more, result[1] + worse), others, rule)


@given(results, rules)
def test_about_one_in_eta_goes_on_beyond_the_frontier(points: list[tuple[float, float]], rule: PruningSpec) -> None:
    """Judged with all results at hand, no more than 1/eta have better ranks than one that goes on."""
    going_on = [p for n, p in enumerate(points) if goes_on(p, points[:n] + points[n + 1 :], rule)]
    if len(points) >= rule.min_trials:
        dominated = [p for p in going_on if any(dominates(other, p) for other in points)]
        for point in dominated:
            better = sum(dominates(other, point) for other in points)
            assert better < len(points) / rule.eta


def test_on_a_chain_of_dominance_the_best_third_goes_on() -> None:
    chain = [(float(n), float(n)) for n in range(1, 10)]
    rule = PruningSpec(eta=3.0, min_trials=1)
    assert [goes_on(p, [q for q in chain if q != p], rule) for p in chain] == [True] * 3 + [False] * 6


def test_a_rung_judges_from_min_trials_on() -> None:
    rule = PruningSpec(eta=2.0, min_trials=4)
    assert goes_on((9.0, 9.0), [(1.0, 1.0), (2.0, 2.0)], rule)
    assert not goes_on((9.0, 9.0), [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], rule)


class TestRungs:
    RULE = PruningSpec(eta=2.0, min_trials=1)

    def test_results_are_compared_at_their_own_rung(self) -> None:
        survival = RungSurvival(self.RULE, [10, 20])
        assert survival.learn("s", "good", 20.1, 100, 5.0)
        assert survival.learn("s", "bad", 10.1, 100, 50.0), "the good one was measured later in its training"
        assert not survival.learn("s", "worse", 10.1, 200, 60.0)

    def test_sweeps_are_judged_apart(self) -> None:
        survival = RungSurvival(self.RULE, [10])
        assert survival.learn("digits", "a", 10, 100, 5.0)
        assert survival.learn("faces", "b", 10, 100, 50.0)

    @pytest.mark.parametrize("fid", [math.nan, math.inf, -math.inf])
    def test_what_is_no_number_enters_nothing(self, fid: float) -> None:
        survival = RungSurvival(self.RULE, [10])
        assert survival.learn("s", "odd", 10, 1, fid)
        assert survival.learn("s", "plain", 10, 100, 50.0), "nothing dominates it"

    def test_a_result_that_is_reported_again_counts_once(self) -> None:
        survival = RungSurvival(PruningSpec(eta=2.0, min_trials=3), [10])
        for _ in range(5):
            survival.learn("s", "a", 10, 100, 5.0)
        assert survival.learn("s", "b", 10, 200, 50.0), "only two trials were seen at this rung"

    @given(st.lists(st.tuples(number, number), min_size=1, max_size=20, unique=True), st.randoms())
    def test_the_last_to_arrive_is_judged_the_same_in_any_order_of_the_rest(
        self, points: list[tuple[float, float]], shuffle: random.Random
    ) -> None:
        verdicts = set()
        for _ in range(3):
            rest = points[1:]
            shuffle.shuffle(rest)
            survival = RungSurvival(PruningSpec(), [10])
            for parameters, fid in rest:
                survival.learn("s", str(points.index((parameters, fid))), 10, parameters, fid)
            verdicts.add(survival.learn("s", "last", 10, *points[0]))
        assert len(verdicts) == 1
