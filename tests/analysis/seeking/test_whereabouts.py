"""Where the limit lies, against products of normal probabilities and their integrals."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from analysis.seeking.space import Candidate
from analysis.seeking.surface import Surface
from analysis.seeking.whereabouts import Whereabouts, whereabouts_of
from tests.analysis.seeking.conftest import student

SIZES = (1_000, 2_000, 3_000, 4_000)


def surface(candidates: list[Candidate], mean: list[float], covariance: np.ndarray) -> Surface:
    return Surface(
        candidates=tuple(candidates),
        mean_C=np.array(mean),
        covariance_CC=covariance,
        noise_C=np.full(len(mean), 0.1),
    )


def whereabouts(found: Surface) -> Whereabouts:
    return whereabouts_of(found, found.draw(200_000, np.random.default_rng(0)))


def test_independent_sizes_hold_one_after_the_other() -> None:
    mean = [1.0, 0.3, -0.2, -1.0]
    found = whereabouts(surface([student(size) for size in SIZES], mean, 0.25 * np.eye(4)))
    holds = norm.cdf(-np.array(mean) / 0.5)
    before = np.append(1, np.cumprod(1 - holds))
    assert found.chance_K == pytest.approx(holds * before[:-1], abs=0.005)
    assert found.none_holds == pytest.approx(before[-1], abs=0.005)


def test_correlated_sizes_are_an_integral_over_all_smaller_ones() -> None:
    mean = np.array([0.4, 0.2, 0.0, -0.2])
    covariance = 0.25 * np.exp(-np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 2)
    found = whereabouts(surface([student(size) for size in SIZES], mean.tolist(), covariance))
    none = [multivariate_normal.cdf(mean[:k], mean=np.zeros(k), cov=covariance[:k, :k]) for k in (1, 2, 3, 4)]
    assert np.cumsum(found.chance_K) == pytest.approx(1 - np.array(none), abs=0.005)


def test_a_size_holds_where_the_best_of_its_students_does() -> None:
    candidates = [student(1_000), student(1_000, block="separable"), student(2_000)]
    found = whereabouts(surface(candidates, [0.5, 0.5, -9.0], 0.25 * np.eye(3)))
    assert found.sizes_K.tolist() == [1_000, 2_000]
    assert found.chance_K[0] == pytest.approx(1 - norm.cdf(1) ** 2, abs=0.005)


def test_a_larger_size_that_fails_does_not_move_it() -> None:
    found = whereabouts(surface([student(size) for size in SIZES], [5.0, -5.0, 5.0, -5.0], 0.01 * np.eye(4)))
    assert (found.median, found.interval()) == (2_000, (2_000, 2_000))


def test_a_student_that_has_not_seen_its_whole_budget_is_no_limit() -> None:
    early = student(1_000, kimg=4.0)
    found = whereabouts(surface([early, student(2_000), student(3_000)], [-9.0, 9.0, -9.0], 0.01 * np.eye(3)))
    assert found.sizes_K.tolist() == [2_000, 3_000]
    assert found.median == 3_000


def test_ends() -> None:
    where = Whereabouts(sizes_K=np.array(SIZES), chance_K=np.array([0.01, 0.05, 0.5, 0.4]), none_holds=0.04)
    assert where.median == 3_000
    assert where.interval() == (2_000, None), "2.5% and more lie beyond all"
    assert where.interval(0.9) == (2_000, 4_000)
    assert where.chance_between(2_000, 3_000) == pytest.approx(0.55)
    nowhere = Whereabouts(sizes_K=np.array(SIZES), chance_K=np.zeros(4), none_holds=1.0)
    assert (nowhere.median, nowhere.interval()) == (None, (None, None))
