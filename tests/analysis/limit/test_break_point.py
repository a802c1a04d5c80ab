"""Where a curve begins to fall away faster, and whether it does at all."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from analysis.limit import break_point
from analysis.limit.break_point import Corner, find_corner

SIZES = np.repeat(np.linspace(7, 11, 9), 5)


def two_lines(sizes: np.ndarray, corner: float) -> np.ndarray:
    return np.where(sizes < corner, -1.5 * (sizes - corner), -0.2 * (sizes - corner))


def test_two_exact_lines_are_found() -> None:
    corner = find_corner(SIZES, two_lines(SIZES, 9.0))
    assert isinstance(corner, Corner)
    assert corner.size == pytest.approx(9.0)
    assert (corner.slope_above, corner.slope_below) == (pytest.approx(-0.2), pytest.approx(-1.5))
    assert (corner.low, corner.high) == (pytest.approx(9.0), pytest.approx(9.0))
    assert corner.p_value < 0.001


def test_the_corner_is_the_least_squares_one() -> None:
    values = two_lines(SIZES, 8.6) + np.random.default_rng(0).normal(0, 0.1, len(SIZES))

    def left_over(corner: float) -> float:
        design = np.stack([np.ones_like(SIZES), SIZES, np.maximum(corner - SIZES, 0)], axis=1)
        return float(np.linalg.lstsq(design, values)[1][0])

    best = minimize_scalar(left_over, bounds=(8.0, 9.5), method="bounded", options={"xatol": 1e-6}).x
    corner = find_corner(SIZES, values)
    assert isinstance(corner, Corner)
    assert corner.size == pytest.approx(best, abs=0.02)
    assert corner.low is not None
    assert corner.high is not None
    assert corner.low < 8.6 < corner.high
    free = len(SIZES) - 4
    for inside, end in ((False, corner.low - 0.05), (True, corner.low + 0.05), (False, corner.high + 0.05)):
        ratio = (left_over(end) - left_over(best)) / (left_over(best) / free)
        assert (ratio < 4.08) == inside, "F of 1 and 41 degrees of freedom has its 95% point at 4.08"


def test_noise_about_a_line_has_no_break_but_one_time_in_twenty() -> None:
    rng = np.random.default_rng(0)
    alarms = sum(isinstance(find_corner(SIZES, -SIZES + rng.normal(0, 0.2, len(SIZES))), Corner) for _ in range(300))
    assert 4 <= alarms <= 28  # a binomial of 300 and 0.05 lies outside with a probability below 0.002


@pytest.mark.parametrize(
    ("sizes", "values", "why"),
    [
        (SIZES, -SIZES, "straight line"),
        (SIZES, 0 * SIZES, "straight line"),
        (SIZES, -two_lines(SIZES, 9.0), "two lines fit no better"),  # flatter below: saturation, and no break
        (SIZES[:20], -(SIZES[:20] ** 2), "needs 5 sizes, got 4"),
        (SIZES[::5][:5], SIZES[::5][:5] ** 2, "needs 6 measured values, got 5"),
        (np.array([]), np.array([]), "needs 5 sizes, got 0"),
    ],
)
def test_why_there_is_none(sizes: np.ndarray, values: np.ndarray, why: str) -> None:
    found = find_corner(sizes, values)
    assert isinstance(found, str)
    assert why in found


def test_the_same_values_give_the_same_answer() -> None:
    values = two_lines(SIZES, 9.2) + np.random.default_rng(3).normal(0, 0.4, len(SIZES))
    assert find_corner(SIZES, values) == find_corner(SIZES, values)


def test_two_sizes_side_by_side_make_no_break() -> None:
    """A line through two almost equal sizes has any slope, and noise between them is no corner."""
    sizes = np.log([4268.0, 4460.0, 6900.0, 9500.0, 15_000.0, 30_000.0, 67_000.0])
    values = 10.0 - sizes
    values[0] += 0.5  # one unlucky size
    found = find_corner(np.repeat(sizes, 3), np.repeat(values, 3) + np.tile([-0.01, 0.0, 0.01], 7))
    if not isinstance(found, str):
        assert found.size >= sizes[0] + 0.1 * (sizes[-1] - sizes[0])
        assert abs(found.slope_below) < 5


def test_means_of_many_values_find_what_the_values_find(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    sizes = np.repeat(np.log(np.geomspace(1_000, 100_000, 9)), 300)
    values = 0.4 * np.maximum(np.log(9_000) - sizes, 0) - 0.02 * sizes + random.normal(0, 0.6, len(sizes))
    pooled = find_corner(sizes, values)
    assert len(sizes) > break_point.MOST_APART
    monkeypatch.setattr(break_point, "MOST_APART", 10_000)
    apart = find_corner(sizes, values)
    assert isinstance(pooled, Corner)
    assert isinstance(apart, Corner)
    for name in ("size", "low", "high", "slope_above", "slope_below", "p_value"):
        assert getattr(pooled, name) == pytest.approx(getattr(apart, name), rel=1e-9), name


def test_means_of_many_values_have_the_values_p_value(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    sizes = np.repeat(np.log(np.geomspace(1_000, 100_000, 7)), 300)
    shares = np.array([0.0005, 0.001, 0.002, 0.004])
    samples = [break_point._sample(sizes, random.normal(size=len(sizes)))]
    monkeypatch.setattr(break_point, "MOST_APART", 10_000)
    samples.append(break_point._sample(sizes, random.normal(size=len(sizes))))
    pooled, apart = (np.array([break_point._p_value(share, sample) for share in shares]) for sample in samples)
    assert len(samples[0].sizes_M) == 7
    # 1999 draws each: four standard errors of a difference of two shares.
    assert np.abs(pooled - apart).max() < 4 * math.sqrt(2 * 0.25 / 1999)
    assert pooled[0] > pooled[-1]
