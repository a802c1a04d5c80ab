"""This module says where the limit of a space lies: its probability at each size, by a surface.

The limit is the smallest size whose best student holds the rule. It is monotone by its definition: the best student of
at most a size only gets better with size. Shapes: S samples of the surface, C candidates, K sizes.
"""

from dataclasses import dataclass

import numpy as np

from analysis.limit.crossing import LEVEL
from analysis.seeking.surface import Surface
from analysis.trials import Floats, Ints, Mask


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """Whereabouts are the probabilities that the limit is each of the sizes, and that no size holds the rule."""

    sizes_K: Ints  # rising, in the unit of the space's cost
    chance_K: Floats
    none_holds: float

    @property
    def median(self) -> int | None:
        """Returns the size at or below which the limit lies as probably as not; None beyond all."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> int | None:
        """Returns the smallest size at or below which the limit lies with a probability of `share`; None beyond all."""
        reached = np.flatnonzero(np.cumsum(self.chance_K) >= share - 1e-12)
        return int(self.sizes_K[reached[0]]) if len(reached) else None

    def interval(self, level: float = LEVEL) -> tuple[int | None, int | None]:
        """Returns the sizes between which the limit lies, both of them included; None for an end beyond all sizes."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def chance_between(self, low: float, high: float) -> float:
        """Returns the probability that the limit lies between two sizes, or at one of them."""
        return float(self.chance_K[(self.sizes_K >= low) & (self.sizes_K <= high)].sum())


def whereabouts_of(surface: Surface, quality_SC: Floats) -> Whereabouts:
    """Returns where the limit lies in samples of the surface."""
    sizes_K, place_S = limits_of(surface, quality_SC)
    count_K = np.bincount(place_S, minlength=len(sizes_K) + 1) / len(place_S)
    return Whereabouts(sizes_K=sizes_K, chance_K=count_K[:-1], none_holds=float(count_K[-1]))


def limits_of(surface: Surface, quality_SC: Floats) -> tuple[Ints, Ints]:
    """Returns the sizes, rising, and the place of each sample's limit among them; their number where none holds.

    Only candidates of the whole budget have a size that may be the limit.
    """
    whole_C, size_C, sizes_K = _sizes(surface)
    by_size = np.flatnonzero(whole_C)[np.argsort(size_C[whole_C], kind="stable")]
    holds_SC = np.take(quality_SC <= 0, by_size, axis=1)
    first_S = holds_SC.argmax(axis=1)
    size_S = np.searchsorted(sizes_K, size_C[by_size])[first_S]
    return sizes_K, np.where(holds_SC[np.arange(len(first_S)), first_S], size_S, len(sizes_K))


def best_of_sizes(surface: Surface, quality_SC: Floats) -> tuple[Ints, Floats]:
    """Returns the sizes, rising, and in each sample the best value S x K of a student of at most each size."""
    whole_C, size_C, sizes_K = _sizes(surface)
    order = np.argsort(size_C[whole_C], kind="stable")
    best_SC = np.minimum.accumulate(quality_SC[:, whole_C][:, order], axis=1)
    last_K = np.searchsorted(size_C[whole_C][order], sizes_K, side="right") - 1
    return sizes_K, best_SC[:, last_K]


def _sizes(surface: Surface) -> tuple[Mask, Ints, Ints]:
    """Returns which candidates are of the whole budget, the sizes of all, and each size of those once."""
    kimg_C = np.array([each.kimg for each in surface.candidates])
    whole_C = kimg_C == kimg_C.max()
    size_C = np.array([each.size for each in surface.candidates], dtype=np.int64)
    return whole_C, size_C, np.unique(size_C[whole_C])
