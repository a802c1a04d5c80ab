"""A search for the limit from one training to the next, and what it says at its end."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis import LimitRule
from analysis.seeking.limit_search import FEWEST_TRAININGS, LimitSearch, SpaceLimit
from analysis.seeking.space import Space, space_of
from analysis.seeking.surface import Surface
from analysis.seeking.values import DOUBLE, Measured, qualities_of, runs_of
from analysis.seeking.whereabouts import Whereabouts, best_of_sizes
from tests.analysis.seeking.conftest import quality, student

RULE = LimitRule(metric="fid", threshold=10.0)
IS_RULE = LimitRule(metric="inception_score", threshold=8.0)


def measured(space: Space, places: list[int], *, seed: int = 0) -> list[Measured]:
    return [
        Measured(candidate=each, seed=seed, quality=10.0 * math.exp(quality(each)))
        for each in (space.candidates[place] for place in places)
    ]


class TestValues:
    def test_a_quality_at_the_threshold_is_zero_and_lower_is_better_for_both(self) -> None:
        small, large = student(1_000), student(2_000)
        fids = [Measured(candidate=small, seed=0, quality=20.0), Measured(candidate=large, seed=0, quality=10.0)]
        assert [run.value for run in runs_of(fids, RULE, threshold=10.0)] == pytest.approx([math.log(2), 0.0])
        scores = [Measured(candidate=small, seed=0, quality=4.0), Measured(candidate=large, seed=0, quality=8.0)]
        assert [run.value for run in runs_of(scores, IS_RULE, threshold=8.0)] == pytest.approx([math.log(2), 0.0])

    def test_a_failed_one_is_as_bad_as_the_worst_and_twice_the_threshold_at_least(self) -> None:
        failed = Measured(candidate=student(1_000), seed=0, quality=None)
        good = Measured(candidate=student(2_000), seed=0, quality=5.0)
        assert runs_of([failed, good], RULE, threshold=10.0)[0].value == DOUBLE
        bad = Measured(candidate=student(1_500), seed=0, quality=10.0 * math.exp(0.9))
        assert runs_of([failed, bad], RULE, threshold=10.0)[0].value == pytest.approx(0.9)
        nan = Measured(candidate=student(1_000), seed=0, quality=math.nan)
        assert runs_of([nan, bad], RULE, threshold=10.0)[0].value == pytest.approx(0.9)

    def test_of_two_rows_of_one_training_the_first_counts(self) -> None:
        rows = [Measured(candidate=student(1_000), seed=3, quality=value) for value in (5.0, 50.0)]
        assert [run.value for run in runs_of(rows, RULE, threshold=10.0)] == pytest.approx([math.log(0.5)])

    @pytest.mark.parametrize("rule", [RULE, IS_RULE])
    def test_values_turn_back_into_qualities(self, rule: LimitRule) -> None:
        given = np.array([2.0, 8.0, 10.0, 25.0])
        rows = [Measured(candidate=student(1_000 + n), seed=0, quality=value) for n, value in enumerate(given)]
        values = np.array([run.value for run in runs_of(rows, rule, threshold=9.0)])
        assert qualities_of(values, rule, threshold=9.0) == pytest.approx(given)


class TestSteps:
    def test_a_step_is_of_the_students_own_recipe(self) -> None:
        sizes = {"dcgan": (1_000, 2_000, 4_000), "separable": (1_500, 3_000)}
        space = space_of([student(size, block=block) for block, each in sizes.items() for size in each])
        assert space.one_step(2_000) == (1_000, 4_000)
        assert space.one_step(1_500) == (1_500, 3_000), "an end of the space is its own neighbour"

    def test_of_several_recipes_of_a_size_the_nearest_counts_and_without_any_all_do(self) -> None:
        both = [student(1_000), student(2_000), student(1_500, block="separable"), student(2_000, block="separable")]
        assert space_of(both).one_step(2_000) == (1_500, 2_000)
        alone = [student(1_000), student(1_500, block="separable"), student(2_000, weight=0.0)]
        assert space_of(alone).one_step(1_500) == (1_000, 2_000)


def test_the_best_of_at_most_each_size_is_the_minimum_of_normals() -> None:
    candidates = tuple(student(size) for size in (1_000, 2_000, 2_001, 3_000))
    surface = Surface(candidates=candidates, mean_C=np.zeros(4), covariance_CC=np.eye(4), noise_C=np.full(4, 0.1))
    sizes_K, best_SK = best_of_sizes(surface, surface.draw(100_000, np.random.default_rng(0)))
    assert sizes_K.tolist() == [1_000, 2_000, 2_001, 3_000]
    for number in range(1, 5):
        median = norm.ppf(1 - 0.5 ** (1 / number))  # of the smallest of so many
        assert np.median(best_SK[:, number - 1]) == pytest.approx(median, abs=0.02)


def test_it_names_trainings_until_it_is_sure_and_says_so(space: Space) -> None:
    search, rows = LimitSearch(space, RULE, threshold=10.0), []
    while (found := search.read(rows)).nearness < 0.9:
        asked = search.next(rows)
        rows.append(
            Measured(candidate=asked.candidate, seed=asked.seed, quality=10.0 * math.exp(quality(asked.candidate)))
        )
        assert len(rows) < 30
    true = min(each.parameters for each in space.candidates if quality(each) <= 0)
    low, high = space.one_step(true)
    assert found.size is not None
    assert low <= found.size <= high
    assert found.trainings == len(rows)
    sentence = found.sentence(teacher_parameters=100_000)
    assert f"all 40 students of the space after {len(rows)} trainings, its limit lies near" in sentence
    assert f"{found.size:,} parameters, 1/{100_000 / found.size:.1f} of the teacher" in sentence
    assert json.loads(json.dumps(found.as_dict()))["size"] == found.size


def test_what_a_search_is_expected_to_need_falls_as_it_learns_and_ends_at_none(space: Space) -> None:
    search, rows, further = LimitSearch(space, RULE, threshold=10.0), [], []
    assert search.read(rows).expected_trainings(confidence=0.9, precision=1.5) is None, "nothing is known"
    while len(rows) < 24:
        each = search.next(rows).candidate
        seed = sum(row.candidate == each for row in rows)
        rows.append(Measured(candidate=each, seed=seed, quality=10.0 * math.exp(quality(each))))
        found = search.read(rows)
        needed = found.expected_trainings(confidence=0.9, precision=1.5)
        is_sure = found.nearness >= 0.9 and found.factor <= 1.5 and len(rows) >= FEWEST_TRAININGS
        assert (needed == 0) == is_sure
        further.append(needed)
        assert found.expected_trainings(confidence=1, precision=1.5) is None, "a search that never ends"
    assert further[-1] == 0
    assert "more training" not in found.standing(100_000, confidence=0.9, precision=1.5)
    known = [each for each in further if each]
    assert known, "it says something before"
    assert max(known) < 100


def test_twice_the_logarithm_of_the_factor_takes_twice_the_trainings(space: Space) -> None:
    sizes_K = np.array(sorted({each.parameters for each in space.candidates}))
    chance_K = np.zeros(len(sizes_K))
    chance_K[[3, 7]] = 0.5
    where = Whereabouts(sizes_K=sizes_K, chance_K=chance_K, none_holds=0.0)
    curve = LimitSearch(space, RULE, threshold=10.0).read([]).curve
    found = SpaceLimit(where=where, size=int(sizes_K[3]), nearness=0.99, trainings=10, students=40, curve=curve)
    half = math.sqrt(found.factor)
    assert found.expected_trainings(confidence=0.9, precision=half) == 10
    assert "about 10 more trainings to be sure" in found.standing(100_000, confidence=0.9, precision=half)
    unsure = replace(found, nearness=0.5)
    times = (norm.ppf(0.95) / norm.ppf(0.75)) ** 2
    assert unsure.expected_trainings(confidence=0.9, precision=100.0) == math.ceil(10 * (times - 1))


def test_the_curve_is_monotone_and_lies_in_its_band(space: Space) -> None:
    curve = LimitSearch(space, RULE, threshold=10.0).read(measured(space, [0, 9, 18, 27, 36])).curve
    for line_K in (curve.worst_K, curve.middle_K, curve.best_K):
        assert (np.diff(line_K) <= 0).all()
    assert (curve.best_K <= curve.middle_K).all()
    assert (curve.middle_K <= curve.worst_K).all()


def test_where_all_fail_the_limit_lies_beyond_and_where_all_hold_at_the_smallest(space: Space) -> None:
    for factor, size in ((50.0, None), (0.02, space.candidates[0].parameters)):
        rows = [
            Measured(candidate=each, seed=0, quality=10.0 * factor * (1 + 1e-3 * number))
            for number, each in enumerate(space.candidates[::3])
        ]
        found = LimitSearch(space, RULE, threshold=10.0).read(rows)
        assert found.size == size
        assert found.nearness > 0.9
        words = found.sentence(100_000)
        assert ("no size of it holds" in words) == (size is None)
        assert ("even its smallest size holds the rule" in words) == (size is not None)


def test_the_same_rows_give_the_same_answers(space: Space) -> None:
    rows = measured(space, [0, 13, 26, 39])
    first, second = (LimitSearch(space, RULE, threshold=10.0, seed=1) for _ in range(2))
    assert first.next(rows) == second.next(rows)
    assert first.read(rows).as_dict() == second.read(rows).as_dict()
