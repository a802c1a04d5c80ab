"""This module makes of attainment surfaces a band that can be drawn: step functions where both ends are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.frontier.attainment import Attainment, Point

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Band:
    """A Band has what the fewest and the most seeds of an attainment reach at each place of the first objective.

    Between two places x_P the values of the one before hold. `middle` is the surface between the two.
    """

    x_P: Floats
    best_P: Floats
    worst_P: Floats
    middle: tuple[Point, ...]
    fewest: int  # seeds that reach the best surface
    half: int
    most: int
    seeds: int

    @property
    def words(self) -> str:
        """Returns `attained by 1 to 5 of 5 seeds`, for a legend."""
        return f"attained by {self.fewest} to {self.most} of {self.seeds} seeds"

    @property
    def middle_words(self) -> str:
        """Returns `attained by 3 of 5 seeds`, for a legend."""
        return f"attained by {self.half} of {self.seeds} seeds"


def band_of(attained: Attainment | None) -> Band | None:
    """Returns the band of an attainment over two objectives; None without one, or where too many seeds failed."""
    if attained is None or not all(attained.surfaces.values()):
        return None
    levels = sorted(attained.surfaces)
    ends = levels[0], levels[len(levels) // 2], levels[-1]
    best_2P, worst_2P = (np.array(attained.surfaces[level], dtype=np.float64).T for level in (ends[0], ends[2]))
    x_P = np.unique(np.concatenate([best_2P[0], worst_2P[0]]))
    x_P = x_P[x_P >= max(best_2P[0][0], worst_2P[0][0])]
    return Band(
        x_P=x_P,
        best_P=_at(best_2P, x_P),
        worst_P=_at(worst_2P, x_P),
        middle=attained.surfaces[ends[1]],
        fewest=attained.attained_by[ends[0]],
        half=attained.attained_by[ends[1]],
        most=attained.attained_by[ends[2]],
        seeds=attained.seeds,
    )


def _at(surface_2P: Floats, x_P: Floats) -> Floats:
    place_P = np.searchsorted(surface_2P[0], x_P, side="right") - 1
    return np.asarray(surface_2P[1][place_P], dtype=np.float64)
