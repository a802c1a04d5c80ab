"""This module finds where quality begins to fall away faster: the corner of two lines through quality over size.

Sizes are natural logarithms of parameters, one for each observation; values are turned so that lower is better.
Shapes: N observations, M of them or of their means, T corners tried, R repetitions.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from analysis.limit.crossing import LEVEL, Floats, Interval

CORNERS = 241  # tried between the second smallest and the second largest size
MARGIN = 0.1  # of the range of sizes at each end: a line through two sizes side by side has any slope
REPETITIONS = 1999  # of the straight line, for the p-value
SIGNIFICANT = 0.05
MOST_APART = 2_000  # observations whose noise is drawn one by one
FEWEST_SIZES, FEWEST_VALUES = 5, 6


@dataclass(frozen=True, kw_only=True)
class BreakPoint:
    """A BreakPoint is the corner in parameters and as a compression ratio, with its interval in parameters.

    Slopes are those of the log quality (the quality itself, for one that is not averaged by its logarithm) over
    the log of the parameters; `p_value` is that of a straight line.

    >>> from analysis import LimitRule, compression_limit, example_trials
    >>> sizes = [1_000 * 2**n for n in range(9)]
    >>> fids = [2_000 / min(size, 16_000) ** 0.5 for size in sizes]  # flat from 16,000 parameters on
    >>> seeds = [{"seed": seed, "width": 2**n, "parameters": size, "fid": fid - 0.001 * n + 0.001 * seed}
    ...          for n, (size, fid) in enumerate(zip(sizes, fids)) for seed in range(2)]
    >>> found = compression_limit(example_trials(*seeds), LimitRule(threshold=30.0)).break_point
    >>> round(found.parameters, -3), round(found.slope_below, 2), abs(round(found.slope_above, 2))
    (16000.0, -0.5, 0.0)
    """

    parameters: float
    ratio: float
    interval: Interval
    slope_above: float
    slope_below: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Corner:
    """A Corner is where two lines meet, at `size`; `low` and `high` bound it, None where open."""

    size: float
    low: float | None
    high: float | None
    slope_above: float
    slope_below: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """A _Sample has observations, or means of several, which are multiplied by the roots of their numbers.

    Designs are multiplied by the same `roots_M`. `within` is the sum of squares about the means, and `free_within` its
    degrees of freedom.
    """

    sizes_M: Floats
    values_M: Floats
    roots_M: Floats
    within: float
    free_within: int


def find_corner(sizes_N: Floats, values_N: Floats, *, level: float = LEVEL) -> Corner | str:
    """Returns the corner of the best two lines that meet, the steeper below it, or in words why there is none to state.

    The method is least squares, profiled over the corner; its interval holds the corners that an F test with 1 and N -
    4 degrees of freedom does not tell from the best. Whether there is a corner at all is tested by the largest F over
    the corners (Davies 1987), against the same of REPETITIONS straight lines with the same sizes and normal noise:
    exact for such noise, whatever its amount. The same input gives the same answer.
    """
    distinct = np.unique(sizes_N)
    if len(distinct) < FEWEST_SIZES:
        return f"No break point is stated: that needs {FEWEST_SIZES} sizes, got {len(distinct)}."
    free = len(sizes_N) - 4
    if len(sizes_N) < FEWEST_VALUES:
        return f"No break point is stated: that needs {FEWEST_VALUES} measured values, got {len(sizes_N)}."
    sample = _sample(sizes_N, values_N)
    corners_T, hinges_MT = _hinges(sample)
    straight = _without_line(sample, sample.values_M)
    bends_T = straight @ hinges_MT  # above 0: the values rise faster below the corner
    gains_T = np.maximum(bends_T, 0.0) ** 2
    best, total = int(np.argmax(gains_T)), float(straight @ straight) + sample.within
    # What is left of a straight line is rounding, in which any corner can be seen.
    if total <= len(values_N) * (1e-9 * max(1.0, float(np.abs(values_N).max()))) ** 2:
        return "No break point is stated: the curve is a straight line."
    p_value = _p_value(float(gains_T[best]) / total, sample)
    if p_value > SIGNIFICANT:
        return f"No break point is stated: two lines fit no better than one (p = {p_value:.2g})."
    noise = (total - gains_T[best]) / free
    excess_T = gains_T[best] - gains_T - noise * f_distribution.ppf(level, 1, free)
    above, below = _slopes(sample, float(corners_T[best]))
    return Corner(
        size=float(corners_T[best]),
        low=_outermost(corners_T, excess_T),
        high=_outermost(corners_T[::-1], excess_T[::-1]),
        slope_above=above,
        slope_below=below,
        p_value=p_value,
    )


def _sample(sizes_N: Floats, values_N: Floats) -> _Sample:
    """Returns observations as they are, or where there are more than MOST_APART the means of each size.

    Least squares on lines over the size knows nothing of a size's observations but their number, their mean, and the
    sum of squares about it.
    """
    if len(sizes_N) <= MOST_APART:
        ones_N = np.ones(len(sizes_N))
        return _Sample(sizes_M=sizes_N, values_M=values_N, roots_M=ones_N, within=0.0, free_within=0)
    sizes_M, size_N, counts_M = np.unique(sizes_N, return_inverse=True, return_counts=True)
    means_M = np.bincount(size_N, values_N) / counts_M
    within = float(((values_N - means_M[size_N]) ** 2).sum())
    roots_M = np.sqrt(counts_M)
    free_within = len(sizes_N) - len(sizes_M)
    return _Sample(sizes_M=sizes_M, values_M=roots_M * means_M, roots_M=roots_M, within=within, free_within=free_within)


def _hinges(sample: _Sample) -> tuple[Floats, Floats]:
    """Returns the corners tried, away from both ends, and the unit vectors along which two lines differ from one."""
    sizes_M = sample.sizes_M
    distinct = np.unique(sizes_M)
    margin = MARGIN * (distinct[-1] - distinct[0])
    low, high = max(distinct[1], distinct[0] + margin), min(distinct[-2], distinct[-1] - margin)
    corners_T = np.linspace(low, high, CORNERS)
    bent_MT = sample.roots_M[:, None] * np.maximum(corners_T[None, :] - sizes_M[:, None], 0.0)
    hinges_MT = _without_line(sample, bent_MT)
    return corners_T, hinges_MT / np.linalg.norm(hinges_MT, axis=0)


def _without_line(sample: _Sample, values: Floats) -> Floats:
    """Returns `values`, of which the first axis is M, without their best straight line."""
    basis, _ = np.linalg.qr(np.stack([sample.roots_M, sample.roots_M * sample.sizes_M], axis=1))
    return np.asarray(values - basis @ (basis.T @ values), dtype=np.float64)


def _outermost(corners_T: Floats, excess_T: Floats) -> float | None:
    """Returns where along the corners the excess is first zero or less; None where it begins so."""
    first = int(np.argmax(excess_T <= 0))
    if first == 0:
        return None
    before, after = excess_T[first - 1], excess_T[first]
    return float(corners_T[first - 1] + before / (before - after) * (corners_T[first] - corners_T[first - 1]))


def _p_value(share: float, sample: _Sample) -> float:
    """Returns how often noise about a line has a corner that explains at least `share` of what the line leaves."""
    shares = _null_shares(
        tuple(sample.sizes_M.tolist()), tuple(sample.roots_M.tolist()), free_within=sample.free_within
    )
    return float((1 + np.count_nonzero(shares >= share)) / (1 + len(shares)))


@functools.lru_cache(maxsize=64)
def _null_shares(sizes: tuple[float, ...], roots: tuple[float, ...], *, free_within: int) -> Floats:
    nothing_M = np.zeros(len(sizes))
    sample = _Sample(
        sizes_M=np.array(sizes), values_M=nothing_M, roots_M=np.array(roots), within=0.0, free_within=free_within
    )
    random = np.random.default_rng(0)
    noise_MR = _without_line(sample, random.standard_normal((len(sizes), REPETITIONS)))
    within_R = random.chisquare(free_within, REPETITIONS) if free_within else np.zeros(REPETITIONS)
    _, hinges_MT = _hinges(sample)
    largest_R = np.maximum(hinges_MT.T @ noise_MR, 0.0).max(axis=0)
    return np.asarray(largest_R**2 / ((noise_MR**2).sum(axis=0) + within_R), dtype=np.float64)


def _slopes(sample: _Sample, corner: float) -> tuple[float, float]:
    apart_M = sample.sizes_M - corner
    design = np.stack([np.ones_like(apart_M), np.maximum(apart_M, 0.0), np.minimum(apart_M, 0.0)], axis=1)
    _, above, below = np.linalg.lstsq(sample.roots_M[:, None] * design, sample.values_M)[0]
    return float(above), float(below)
