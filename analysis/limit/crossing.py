"""This module finds where a noisy falling curve crosses a threshold, and between which sizes that may lie.

Sizes are natural logarithms of parameters, rising. Values are qualities turned so that lower is better, on
the scale on which they are averaged. Shapes: K sizes, G points of a grid over them.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.stats import t as student_t

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
STEPS = 32  # of the grid between two sizes; the ends of the interval are interpolated between its points
BEND = 1.25  # times what two interpolations differ by is allowed for what a curve does between two sizes
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """An Interval says between which sizes, in parameters, a limit lies with probability `level`.

    An end is None where it is open: it lies beyond the sizes that were tried.

    >>> from analysis import Interval
    >>> Interval(3_800.0, None).level
    0.95
    """

    low: float | None
    high: float | None
    _: KW_ONLY
    level: float = LEVEL


def falling_curve(means_K: Floats, weights_K: Floats) -> Floats:
    """Returns the least-squares fit among all that never rise with size (isotonic regression)."""
    return np.asarray(isotonic_regression(means_K, weights=weights_K, increasing=False).x, dtype=np.float64)


def crossing(sizes_K: Floats, fitted_K: Floats, *, threshold: float) -> float | None:
    """Returns the smallest size at which a falling curve is at most `threshold`; None where it never is.

    The curve is linear between its sizes. Where it is at most `threshold` everywhere, that is its smallest size.

    >>> crossing(np.array([1.0, 2.0, 3.0]), np.array([5.0, 3.0, 1.0]), threshold=2.0)
    2.5
    """
    holding = np.flatnonzero(fitted_K <= threshold + ROUNDING)
    if not len(holding):
        return None
    first = int(holding[0])
    if first == 0 or fitted_K[first] >= threshold:
        return float(sizes_K[first])
    above, below = fitted_K[first - 1], fitted_K[first]
    share = (above - threshold) / (above - below)
    return float(sizes_K[first - 1] + share * (sizes_K[first] - sizes_K[first - 1]))


def interpolations(sizes_K: Floats) -> tuple[Floats, Floats, Floats]:
    """Returns a grid over the sizes, and two ways (G, K) to weight the sizes' means to a curve at each of its points.

    The first is straight lines between neighbours, off where the curve bends between two sizes; the second is the cubic
    whose slope at a size is that of the parabola through it and its neighbours, off around a corner.
    """
    unit_KK, steps_K = np.eye(len(sizes_K)), np.diff(sizes_K)
    slopes_KK = np.diff(unit_KK, axis=0) / steps_K[:, None]
    before, after = steps_K[:-1, None], steps_K[1:, None]
    middle = (slopes_KK[:-1] * after + slopes_KK[1:] * before) / (before + after)
    tangents_KK = np.concatenate([slopes_KK[:1], middle, slopes_KK[-1:]])
    u = np.linspace(0, 1, STEPS + 1)[None, :, None]  # both ends of every stretch: the noise differs on either side
    left, right, step = unit_KK[:-1, None], unit_KK[1:, None], steps_K[:, None, None]
    lines = (1 - u) * left + u * right
    cubic = (1 + 2 * u) * (1 - u) ** 2 * left + u**2 * (3 - 2 * u) * right
    cubic = cubic + step * u * (1 - u) * ((1 - u) * tangents_KK[:-1, None] - u * tangents_KK[1:, None])
    grid = sizes_K[:-1, None] + u[..., 0] * steps_K[:, None]
    return grid.reshape(-1), lines.reshape(-1, len(sizes_K)), cubic.reshape(-1, len(sizes_K))


def local_noise(squares_K: Floats, degrees_K: Floats) -> tuple[Floats, Floats]:
    """Returns the variance and its degrees of freedom in each of the K - 1 stretches between neighbouring sizes.

    They are pooled over the two sizes on each side; at the ends, where one side has one, over one on each, so that
    noise that grows towards small sizes, as that of GANs does, is not taken from the larger ones alone. Where those
    have no degrees of freedom all sizes serve. `squares_K` are sums of squared deviations from the size's mean.
    """
    last = len(squares_K) - 2
    stretches = [slice(i, i + 2) if i in (0, last) else slice(i - 1, i + 3) for i in range(last + 1)]
    stretches = [near if degrees_K[near].sum() else slice(None) for near in stretches]
    squares, degrees = (np.array([of[near].sum() for near in stretches]) for of in (squares_K, degrees_K))
    return squares / degrees, degrees


def crossing_interval(
    sizes_K: Floats,
    values: Sequence[Floats],
    *,
    threshold: float,
    degrees_K: Floats | None = None,
    level: float = LEVEL,
) -> tuple[float | None, float | None] | None:
    """Returns the sizes around the crossing at which a t test does not tell the curve from `threshold`, as (low, high).

    `values` are those of the seeds at each size; `degrees_K` are their degrees of freedom, where these are not one less
    than the number of values. An end is None where it lies beyond the sizes; a curve that never holds the threshold is
    taken to cross at its largest size. Returns None where there are fewer than two sizes or no size has several seeds.

    This is Fieller's argument for an interpolated curve in place of a line. At a size p the curve f(p) is midway
    between the two `interpolations` of the means; its reach is the root of (t s)^2 + d^2 with the standard error s
    from `local_noise` and an allowance d for what is not known, the curve between two sizes: a parabola that is zero
    at both and BEND times the greatest difference of the two interpolations in the middle. The interval goes from
    the crossing of the isotonic curve to where f is the first time further than its reach from the threshold.
    tests/benchmarks/calibration.py measures its coverage, and was used to choose it.
    """
    counts_K = np.array([len(of_size) for of_size in values], dtype=np.float64)
    degrees_K = counts_K - 1 if degrees_K is None else degrees_K
    if len(values) < 2 or not degrees_K.sum():
        return None
    means_K = np.array([of_size.mean() for of_size in values])
    squares_K = np.array([((of_size - of_size.mean()) ** 2).sum() for of_size in values])
    grid_G, lines_GK, cubic_GK = interpolations(sizes_K)
    middle_GK = (lines_GK + cubic_GK) / 2
    variances, degrees = local_noise(squares_K, degrees_K)
    quantiles = student_t.ppf((1 + level) / 2, degrees)
    noise_G = np.repeat(quantiles * np.sqrt(variances), STEPS + 1) * np.sqrt(middle_GK**2 @ (1 / counts_K))
    apart_K1 = np.abs((cubic_GK - lines_GK) @ means_K).reshape(-1, STEPS + 1).max(axis=1, keepdims=True)
    u = np.linspace(0, 1, STEPS + 1)
    reach_G = np.hypot(noise_G, BEND * (apart_K1 * 4 * u * (1 - u)).reshape(-1))
    above_G = middle_GK @ means_K - threshold
    at = crossing(sizes_K, falling_curve(means_K, counts_K), threshold=threshold)
    start = float(sizes_K[-1]) if at is None else at
    up = grid_G >= start
    low = _end(start, grid_G[~up][::-1], excess_G=(above_G - reach_G)[~up][::-1])
    high = _end(start, grid_G[up], excess_G=-(above_G + reach_G)[up])
    return low, high


def _end(start: float, grid_G: Floats, *, excess_G: Floats) -> float | None:
    """Returns where along the grid, which leads away from `start`, the excess first is positive; None if never."""
    outside = np.flatnonzero(excess_G > ROUNDING)
    if not len(outside):
        return None
    first = int(outside[0])
    if first == 0:
        return start
    before, after = min(excess_G[first - 1], 0.0), excess_G[first]
    return float(grid_G[first - 1] - before / (after - before) * (grid_G[first] - grid_G[first - 1]))
