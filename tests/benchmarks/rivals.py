"""Two other intervals of where a falling curve crosses zero, which calibration.py compares with ours."""

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student_t

Floats = npt.NDArray[np.float64]
RESAMPLES = 100
NEAREST = 4


def fieller_interval(sizes_K: Floats, values_SK: Floats, rng: np.random.Generator) -> tuple[float | None, float | None]:
    """Fieller's on the least-squares line through the four sizes whose means are nearest zero."""
    near = np.sort(np.argsort(np.abs(values_SK.mean(axis=0)))[:NEAREST])
    x, y = np.tile(sizes_K[near], len(values_SK)), values_SK[:, near].ravel()
    middle = x.mean()
    slope, mean = float(np.polyfit(x - middle, y, 1)[0]), float(y.mean())
    free = len(x) - 2
    noise = float(((y - mean - slope * (x - middle)) ** 2).sum()) / free
    t2 = float(student_t.ppf(0.975, free)) ** 2 * noise
    # (mean + slope u)^2 <= t^2 noise (1/N + u^2 / Sxx), a quadratic in u = size - middle
    a = slope**2 - t2 / float(((x - middle) ** 2).sum())
    b, c = mean * slope, mean**2 - t2 / len(x)
    if a <= 0 or slope >= 0:
        return None, None
    root = np.sqrt(max(b * b - a * c, 0.0))
    low, high = middle + (-b - root) / a, middle + (-b + root) / a
    return (low if low > sizes_K[0] else None), (high if high < sizes_K[-1] else None)


def bootstrap_interval(
    sizes_K: Floats, values_SK: Floats, rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """Percentiles of the isotonic crossing over resampled seeds."""
    seeds, sizes = values_SK.shape
    chosen = rng.integers(seeds, size=(RESAMPLES, seeds, sizes))
    fitted_RK = _falling(values_SK[chosen, np.arange(sizes)].mean(axis=1))
    holds = fitted_RK <= 0
    first = np.where(holds.any(axis=1), holds.argmax(axis=1), sizes - 1)
    before = np.maximum(first - 1, 0)
    rows = np.arange(RESAMPLES)
    upper, lower = fitted_RK[rows, before], fitted_RK[rows, first]
    share = np.where(upper > lower, upper / np.where(upper > lower, upper - lower, 1.0), 1.0)
    crossings = sizes_K[before] + np.clip(share, 0, 1) * (sizes_K[first] - sizes_K[before])
    low, high = np.percentile(crossings, [2.5, 97.5])
    return (low if low > sizes_K[0] else None), (high if high < sizes_K[-1] else None)


def _falling(means_RK: Floats) -> Floats:
    """Isotonic regressions of many curves at once, by the max-min formula: min over a <= k of max over b >= k."""
    sizes = means_RK.shape[1]
    sums = np.concatenate([np.zeros((len(means_RK), 1)), np.cumsum(means_RK, axis=1)], axis=1)
    a, b = np.arange(sizes)[:, None], np.arange(sizes)[None, :]
    means_RAB = (sums[:, None, 1:] - sums[:, :-1, None]) / np.maximum(b - a + 1, 1)
    means_RAB = np.where(b >= a, means_RAB, -np.inf)
    largest_RAB = np.maximum.accumulate(means_RAB[:, :, ::-1], axis=2)[:, :, ::-1]  # over b >= k
    largest_RAB = np.where(b >= a, largest_RAB, np.inf)
    return np.asarray(largest_RAB.min(axis=1), dtype=np.float64)
