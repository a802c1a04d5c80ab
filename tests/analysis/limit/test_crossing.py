"""The crossing of a noisy curve and its interval, against closed forms and second implementations."""

import math

import numpy as np
import pytest
from scipy.stats import t as student_t
from sklearn.isotonic import IsotonicRegression

from analysis.limit.crossing import (
    crossing,
    crossing_interval,
    falling_curve,
    interpolations,
    local_noise,
)

SIZES = np.array([0.0, 1.0, 2.5, 3.0])


def noisy(means: np.ndarray, deviations: tuple[float, ...]) -> list[np.ndarray]:
    return [mean + np.array(deviations) for mean in means]


def test_the_falling_curve_is_the_isotonic_regression() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        means, weights = rng.standard_normal(9), rng.integers(1, 6, 9).astype(float)
        theirs = IsotonicRegression(increasing=False).fit_transform(np.arange(9), means, sample_weight=weights)
        assert falling_curve(means, weights) == pytest.approx(theirs, abs=1e-12)


def test_a_line_crosses_where_its_formula_says() -> None:
    for threshold in (2.9, 1.0, 0.75, -2.9):
        assert crossing(SIZES, 3 - 2 * SIZES, threshold=threshold) == pytest.approx((3 - threshold) / 2)


@pytest.mark.parametrize(
    ("fitted", "expected"),
    [
        ([3, 2, 1, 0], 2.5),  # at a size exactly
        ([1, 1, 1, 1], 0.0),  # everywhere exactly at it
        ([0, -1, -2, -3], 0.0),  # everywhere below it
        ([4, 3, 2, 1.5], None),
        ([2, 0, 0, 0], 0.5),
    ],
)
def test_ends_and_ties(fitted: list[float], expected: float | None) -> None:
    assert crossing(SIZES, np.array(fitted, dtype=float), threshold=1.0) == expected


def test_both_interpolations_pass_through_the_means_and_keep_a_line_and_the_cubic_a_parabola() -> None:
    grid, lines, cubic = interpolations(SIZES)
    for weights in (lines, cubic):
        assert weights @ (5 - 2 * SIZES) == pytest.approx(5 - 2 * grid)
        for means in np.eye(4):
            curve = weights @ means
            assert [curve[grid == size][0] for size in SIZES] == pytest.approx(means)
    inner = (grid >= 1.0) & (grid <= 2.5)  # at its ends the tangents are those of the parabola
    assert (cubic @ SIZES**2)[inner] == pytest.approx(grid[inner] ** 2)


def test_noise_is_pooled_over_the_sizes_around() -> None:
    variances, degrees = local_noise(np.array([8.0, 4.0, 2.0, 2.0, 0.0]), np.array([2.0, 2, 2, 2, 0]))
    assert degrees.tolist() == [4, 8, 6, 2]
    assert variances.tolist() == [3, 2, 8 / 6, 1]


def test_the_interval_of_a_line_is_fiellers_on_its_stretch() -> None:
    # Two sizes, three seeds: the curve is the line through the two means, and (f(p) - c)^2 = t^2 s^2 (w^2 + v^2) / 3
    # is a quadratic in p.
    low_mean, high_mean, threshold = 2.0, 0.0, 0.8
    values = noisy(np.array([low_mean, high_mean]), (-0.1, 0.0, 0.1))
    t2 = student_t.ppf(0.975, 4) ** 2 * 0.01 / 3
    drop, start = high_mean - low_mean, low_mean - threshold
    # (start + drop p)^2 - t2 ((1 - p)^2 + p^2) = 0
    roots = np.sort(np.roots([drop**2 - 2 * t2, 2 * start * drop + 2 * t2, start**2 - t2]).real)
    found = crossing_interval(np.array([0.0, 1.0]), values, threshold=threshold)
    assert found == pytest.approx(tuple(roots), abs=2e-4)


def test_noise_widens_the_interval_and_seeds_narrow_it() -> None:
    sizes = np.linspace(0, 4, 9)

    def width(deviations: tuple[float, ...]) -> float:
        low, high = crossing_interval(sizes, noisy(2 - sizes, deviations), threshold=0.0) or (None, None)
        assert low is not None
        assert high is not None
        assert low < 2.0 < high
        return high - low

    assert width((-0.2, 0.2)) > width((-0.1, 0.1)) > width((-0.1, 0.1) * 3) > 0


def test_where_the_curve_bends_between_sizes_the_interval_says_so() -> None:
    sizes, quiet = np.linspace(0, 3, 5), (-1e-3, 0.0, 1e-3)
    kinked = np.where(sizes < 1.2, 2 * (1.2 - sizes), -0.1 * (sizes - 1.2))

    def width(means: np.ndarray) -> float:
        low, high = crossing_interval(sizes, noisy(means, quiet), threshold=0.1) or (None, None)
        assert low is not None
        assert high is not None
        return high - low

    assert width(kinked) > 5 * width(1.2 - sizes)


def test_ends_beyond_the_sizes_are_open() -> None:
    sizes = np.linspace(0, 4, 9)
    assert crossing_interval(sizes, noisy(-1 - 0.01 * sizes, (-0.1, 0.1)), threshold=0.0) == (None, 0.0)
    low, high = crossing_interval(sizes, noisy(1 - 0.01 * sizes, (-0.1, 0.1)), threshold=0.0) or (0, 0)
    assert (low, high) == (4.0, None)
    assert crossing_interval(sizes, noisy(0 * sizes, (-0.1, 0.1)), threshold=0.0) == (None, None)


def test_the_interval_holds_the_crossing_of_the_isotonic_curve() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        sizes = np.cumsum(rng.uniform(0.2, 1, 7))
        values = [rng.normal(-0.2 * size, 1.0, 3) for size in sizes]
        at = crossing(sizes, falling_curve(np.array([v.mean() for v in values]), np.full(7, 3.0)), threshold=-0.6)
        low, high = crossing_interval(sizes, values, threshold=-0.6) or (math.nan, math.nan)
        if at is not None:
            assert low is None or low <= at
            assert high is None or at <= high


def test_without_repeated_seeds_or_a_second_size_there_is_none() -> None:
    assert crossing_interval(SIZES, noisy(SIZES, (0.0,)), threshold=0.0) is None
    assert crossing_interval(SIZES[:1], noisy(SIZES[:1], (0.0, 1.0)), threshold=0.0) is None


def test_without_noise_it_is_the_crossing_itself() -> None:
    low, high = crossing_interval(SIZES, noisy(3 - 2 * SIZES, (0.0, 0.0)), threshold=1.0) or (None, None)
    assert (low, high) == (pytest.approx(1.0), pytest.approx(1.0))
