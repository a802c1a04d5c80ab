"""Successive halving for two objectives: properties that hold whatever the results."""

import math
import random
import statistics
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import Phase
from gan import DistillationConfig, GeneratorConfig
from sweeps.driver.tune_scheduler import RungSurvival
from sweeps.search.rungs import Rungs, goes_on
from sweeps.spec.search import PruningSpec
from sweeps.trial.request import Job, TrialRequest
from tests.benchmarks.simulation import DATA, Curves, Simulation, spec_of

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
        assert goes_on(result, others, rule=rule)


@given(st.tuples(number, number), results, rules, st.randoms())
def test_the_order_of_the_others_is_of_no_account(
    result: tuple[float, float], others: list[tuple[float, float]], rule: PruningSpec, shuffle: random.Random
) -> None:
    shuffled = list(others)
    shuffle.shuffle(shuffled)
    assert goes_on(result, others, rule=rule) == goes_on(result, shuffled, rule=rule)


@given(st.tuples(number, number), results, rules, number, number)
def test_a_worse_result_never_goes_on_where_a_better_one_is_stopped(
    result: tuple[float, float], others: list[tuple[float, float]], rule: PruningSpec, more: float, worse: float
) -> None:
    if not goes_on(result, others, rule=rule):
        assert not goes_on((result[0] + more, result[1] + worse), others, rule=rule)


@given(results, rules)
def test_about_one_in_eta_goes_on_beyond_the_frontier(points: list[tuple[float, float]], rule: PruningSpec) -> None:
    """Judged with all results at hand, no more than 1/eta have better ranks than one that goes on."""
    going_on = [p for n, p in enumerate(points) if goes_on(p, points[:n] + points[n + 1 :], rule=rule)]
    if len(points) >= rule.min_trials:
        dominated = [p for p in going_on if any(dominates(other, p) for other in points)]
        for point in dominated:
            better = sum(dominates(other, point) for other in points)
            assert better < len(points) / rule.eta


def test_on_a_chain_of_dominance_the_best_third_goes_on() -> None:
    chain = [(float(n), float(n)) for n in range(1, 10)]
    rule = PruningSpec(eta=3.0, min_trials=1)
    assert [goes_on(p, [q for q in chain if q != p], rule=rule) for p in chain] == [True] * 3 + [False] * 6


def test_a_rung_judges_from_min_trials_on() -> None:
    rule = PruningSpec(eta=2.0, min_trials=4)
    assert goes_on((9.0, 9.0), [(1.0, 1.0), (2.0, 2.0)], rule=rule)
    assert not goes_on((9.0, 9.0), [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], rule=rule)


def learn(rungs: Rungs, key: str, kimg: float, parameters: float, fid: float) -> bool:
    return rungs.learn(key, kimg, metrics={"parameters": parameters, "fid": fid})


class TestRungs:
    RULE, NAMES = PruningSpec(eta=2.0, min_trials=1), ("parameters", "fid")

    def test_results_are_compared_at_their_own_rung(self) -> None:
        rungs = Rungs(self.RULE, [10, 20], objectives=self.NAMES)
        assert learn(rungs, "good", 20.1, 100, 5.0)
        assert learn(rungs, "bad", 10.1, 100, 50.0), "the good one was measured later in its training"
        assert not learn(rungs, "worse", 10.1, 200, 60.0)

    @pytest.mark.parametrize("fid", [math.nan, math.inf, -math.inf])
    def test_what_is_no_number_enters_nothing(self, fid: float) -> None:
        rungs = Rungs(self.RULE, [10], objectives=self.NAMES)
        assert learn(rungs, "odd", 10, 1, fid)
        assert learn(rungs, "plain", 10, 100, 50.0), "nothing dominates it"
        assert rungs.count == 1

    def test_a_result_that_is_reported_again_counts_once(self) -> None:
        rungs = Rungs(PruningSpec(eta=2.0, min_trials=3), [10], objectives=self.NAMES)
        for _ in range(5):
            learn(rungs, "a", 10, 100, 5.0)
        assert learn(rungs, "b", 10, 200, 50.0), "only two trials were seen at this rung"

    @given(st.lists(st.tuples(number, number), min_size=4, max_size=20), st.tuples(number, number))
    def test_who_comes_after_a_restart_is_judged_among_those_from_before_it(
        self, points: list[tuple[float, float]], last: tuple[float, float]
    ) -> None:
        learnt, recalled = (Rungs(PruningSpec(), [10, 20], objectives=("mac_g", "inception_score")) for _ in range(2))
        for key, (cost, quality) in enumerate(points):
            learnt.learn(str(key), 10 + key % 20, metrics={"mac_g": cost, "inception_score": quality})
            recalled.recall(str(key), 10 + key % 20, objectives=(cost, quality))
        metrics = dict(zip(("mac_g", "inception_score"), last, strict=True))
        for kimg in (10, 20):
            assert recalled.learn("last", kimg, metrics=metrics) == learnt.learn("last", kimg, metrics=metrics)

    def test_a_quality_that_is_the_better_the_higher(self) -> None:
        rungs = Rungs(self.RULE, [10], objectives=("mac_g", "inception_score"))
        assert rungs.learn("good", 10, metrics={"mac_g": 0.1, "inception_score": 8.0})
        assert not rungs.learn("worse", 10, metrics={"mac_g": 0.1, "inception_score": 7.0})
        assert rungs.learn("better", 10, metrics={"mac_g": 0.2, "inception_score": 9.0})

    @given(st.lists(st.tuples(number, number), min_size=1, max_size=20, unique=True), st.randoms())
    def test_the_last_to_arrive_is_judged_the_same_in_any_order_of_the_rest(
        self, points: list[tuple[float, float]], shuffle: random.Random
    ) -> None:
        verdicts = set()
        for _ in range(3):
            rest = points[1:]
            shuffle.shuffle(rest)
            rungs = Rungs(PruningSpec(), [10], objectives=self.NAMES)
            for parameters, fid in rest:
                learn(rungs, str(points.index((parameters, fid))), 10, parameters, fid)
            verdicts.add(learn(rungs, "last", 10, *points[0]))
        assert len(verdicts) == 1


class TestScheduler:
    """What Ray Tune asks of it."""

    def verdict(self, survival: RungSurvival, sweep: str, fid: float, phase: Phase = Phase.SEARCH) -> str:
        request = TrialRequest(
            phase=phase,
            architecture=GeneratorConfig(image_size=16, image_channels=1, width=2),
            distillation=DistillationConfig(kimg=20.0),
            seed=int(fid),
            teacher_digest="t",
            pool_digest="l",
            protocol_digest="p",
            threads=1,
        )
        job = Job(request=request, trial=1, point={})
        trial = SimpleNamespace(config={"sweep": sweep, "job": job.model_dump_json()})
        result = {"state": "RUNNING", "kimg": 10.0, "parameters": 100.0, "fid": fid}
        return survival.on_trial_result(None, cast(Any, trial), result)

    def survival(self, *sweeps: str) -> RungSurvival:
        rule = PruningSpec(eta=2.0, min_trials=1)
        return RungSurvival({sweep: Rungs(rule, [10], objectives=("parameters", "fid")) for sweep in sweeps})

    def test_sweeps_are_judged_apart(self) -> None:
        survival = self.survival("digits", "faces")
        assert self.verdict(survival, "digits", 5.0) == "CONTINUE"
        assert self.verdict(survival, "faces", 50.0) == "CONTINUE"
        assert self.verdict(survival, "digits", 50.0) == "STOP"

    def test_only_the_search_is_pruned_and_only_where_the_sweep_says_so(self) -> None:
        survival = self.survival("digits")
        assert self.verdict(survival, "digits", 5.0) == "CONTINUE"
        assert self.verdict(survival, "digits", 50.0, phase=Phase.CONFIRM) == "CONTINUE"
        assert self.verdict(survival, "other", 50.0) == "CONTINUE"


def test_on_recorded_curves_half_of_the_images_find_the_same_frontier() -> None:
    """All recorded students in several orders of chance, with pruning against without; medians."""
    curves, spent, found = Curves.load(DATA), [], []
    for repeat in range(20):
        simulation = Simulation(curves, spec_of("random", True, repeat))
        *_, kimg = simulation.run()
        spent.append(kimg / (len(curves.runs) * curves.kimg))
        found.append(curves.hypervolume(simulation.found) / curves.hypervolume(set(curves.runs)))
    assert statistics.median(spent) <= 0.5
    assert statistics.median(found) >= 0.99
    assert min(found) >= 0.95
