"""Where quality begins to fall away faster: the corner of two lines through the curve of quality over size.

Sizes are natural logarithms of parameters, one for each observation; values are turned so that lower is better.
Shapes: N observations, T corners tried.
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
FEWEST_SIZES = 5


@dataclass(frozen=True)
class BreakPoint:
    """The corner in parameters, as a compression ratio, with its interval in parameters.

    Slopes are those of the log quality (the quality itself, for one that is not averaged by its logarithm) over
    the log of the parameters; `p_value` is of a straight line.
    """

    parameters: float
    ratio: float
    interval: Interval
    slope_above: float
    slope_below: float
    p_value: float


@dataclass(frozen=True)
class Corner:
    """Two lines that meet at `size`; `low` and `high` bound it, None where open."""

    size: float
    low: float | None
    high: float | None
    slope_above: float
    slope_below: float
    p_value: float


def find_corner(sizes_N: Floats, values_N: Floats, level: float = LEVEL) -> Corner | str:
    """The corner of the best two lines that meet, the steeper below it, or in words why there is none to state.

    Least squares, profiled over the corner; its interval holds the corners that an F test with 1 and N - 4
    degrees of freedom does not tell from the best. Whether there is a corner at all is tested by the largest F
    over the corners (Davies 1987), against the same of REPETITIONS straight lines with the same sizes and normal
    noise: exact for such noise, whatever its amount. The same input gives the same answer.
    """
    distinct = np.unique(sizes_N)
    if len(distinct) < FEWEST_SIZES:
        return f"a break point needs {FEWEST_SIZES} sizes, got {len(distinct)}"
    free = len(sizes_N) - 4
    if free < 2:
        return "a break point needs 6 measured values"
    corners_T, hinges_NT = _hinges(sizes_N)
    straight = _without_line(sizes_N, values_N)
    bends_T = straight @ hinges_NT  # above 0: the values rise faster below the corner
    gains_T = np.maximum(bends_T, 0.0) ** 2
    best, total = int(np.argmax(gains_T)), float(straight @ straight)
    # What is left of a straight line is rounding, in which any corner can be seen.
    if total <= len(values_N) * (1e-9 * max(1.0, float(np.abs(values_N).max()))) ** 2:
        return "the curve is a straight line"
    p_value = _p_value(float(gains_T[best]) / total, sizes_N)
    if p_value > SIGNIFICANT:
        return f"no significant break: two lines fit no better than one (p = {p_value:.2g})"
    noise = (total - gains_T[best]) / free
    excess_T = gains_T[best] - gains_T - noise * f_distribution.ppf(level, 1, free)
    above, below = _slopes(sizes_N, values_N, float(corners_T[best]))
    return Corner(
        size=float(corners_T[best]),
        low=_outermost(corners_T, excess_T),
        high=_outermost(corners_T[::-1], excess_T[::-1]),
        slope_above=above,
        slope_below=below,
        p_value=p_value,
    )


def _hinges(sizes_N: Floats) -> tuple[Floats, Floats]:
    """The corners tried, away from both ends, and for each the unit vector along which two lines differ from one."""
    distinct = np.unique(sizes_N)
    margin = MARGIN * (distinct[-1] - distinct[0])
    low, high = max(distinct[1], distinct[0] + margin), min(distinct[-2], distinct[-1] - margin)
    corners_T = np.linspace(low, high, CORNERS)
    hinges_NT = _without_line(sizes_N, np.maximum(corners_T[None, :] - sizes_N[:, None], 0.0))
    return corners_T, hinges_NT / np.linalg.norm(hinges_NT, axis=0)


def _without_line(sizes_N: Floats, values: Floats) -> Floats:
    """`values`, of which the first axis is N, without their best straight line."""
    basis, _ = np.linalg.qr(np.stack([np.ones_like(sizes_N), sizes_N], axis=1))
    return np.asarray(values - basis @ (basis.T @ values), dtype=np.float64)


def _outermost(corners_T: Floats, excess_T: Floats) -> float | None:
    """Where along the corners the excess is first zero or less; None where it begins so."""
    first = int(np.argmax(excess_T <= 0))
    if first == 0:
        return None
    before, after = excess_T[first - 1], excess_T[first]
    return float(corners_T[first - 1] + before / (before - after) * (corners_T[first] - corners_T[first - 1]))


def _p_value(share: float, sizes_N: Floats) -> float:
    """How often noise about a straight line has a corner that explains at least `share` of what the line leaves."""
    shares = _null_shares(tuple(sizes_N.tolist()))
    return float((1 + np.count_nonzero(shares >= share)) / (1 + len(shares)))


@functools.lru_cache(maxsize=64)
def _null_shares(sizes: tuple[float, ...]) -> Floats:
    sizes_N = np.array(sizes)
    noise_NR = _without_line(sizes_N, np.random.default_rng(0).standard_normal((len(sizes), REPETITIONS)))
    _, hinges_NT = _hinges(sizes_N)
    largest_R = np.maximum(hinges_NT.T @ noise_NR, 0.0).max(axis=0)
    return np.asarray(largest_R**2 / (noise_NR**2).sum(axis=0), dtype=np.float64)


def _slopes(sizes_N: Floats, values_N: Floats, corner: float) -> tuple[float, float]:
    design = np.stack(
        [np.ones_like(sizes_N), np.maximum(sizes_N - corner, 0.0), np.minimum(sizes_N - corner, 0.0)], axis=1
    )
    _, above, below = np.linalg.lstsq(design, values_N)[0]
    return float(above), float(below)
