"""This module holds what a sweep's extractor made of real images that were spoilt: is the ruler straight?

FID is the square of a distance, so curves are drawn by its root: that of a good ruler is nearly a straight line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.errors import AnalysisError
from analysis.nouns import counted

_SPREADS = 2.0  # of the images as they are, above which the weakest level has to lie


@dataclass(frozen=True, kw_only=True)
class RulerCurve:
    """A RulerCurve has an extractor's FIDs of real images under rising levels of one disturbance, the first without it.

    `spread` is the standard error of the first FID; `rises` is the verdict of the examination. Raises AnalysisError
    where there is not a FID for each of two or more levels.

    >>> from analysis import RulerCurve
    >>> curve = RulerCurve(disturbance="blur", levels=(0.0, 0.1, 0.2), fids=(1.0, 9.0, 36.0), spread=0.1, rises=True)
    >>> curve.places, [round(height, 2) for height in curve.heights]
    ((0.0, 0.5, 1.0), [0.17, 0.5, 1.0])
    """

    disturbance: str
    levels: tuple[float, ...]
    fids: tuple[float, ...]
    spread: float
    rises: bool

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.fids) or len(self.levels) < 2:
            found = f"{counted(len(self.fids), 'FID')} of {counted(len(self.levels), 'level')}"
            raise AnalysisError("A ruler's curve has a FID for each of two or more levels", found, "Give them all.")

    @property
    def places(self) -> tuple[float, ...]:
        """Returns the levels as shares of the strongest."""
        return tuple(level / self.levels[-1] for level in self.levels)

    @property
    def heights(self) -> tuple[float, ...]:
        """Returns the roots of the FIDs as shares of the largest that is drawn."""
        return tuple(_root(fid) / self._top for fid in self.fids)

    @property
    def band(self) -> tuple[float, float]:
        """Returns the heights between which images as they are lie, above which the weakest level must."""
        low, high = (_root(self.fids[0] + sign * _SPREADS * self.spread) for sign in (-1, 1))
        return low / self._top, high / self._top

    @property
    def _top(self) -> float:
        return max(_root(fid) for fid in (*self.fids, self.fids[0] + _SPREADS * self.spread)) or 1.0


def ruler_sentence(curves: Sequence[RulerCurve]) -> str:
    """Returns what an examination says of its extractor.

    >>> from analysis import RulerCurve, ruler_sentence
    >>> curve = RulerCurve(disturbance="blur", levels=(0.0, 0.1), fids=(1.0, 1.0), spread=0.1, rises=False)
    >>> ruler_sentence([curve]).partition(": ")[2]
    'it FAILS blur, with which its distance does not rise as it should.'
    """
    faults = [curve.disturbance for curve in curves if not curve.rises]
    *others, last = faults or [""]
    names = f"{', '.join(others)} and {last}" if others else last
    verdict = (
        f"it FAILS {names}, with which its distance does not rise as it should"
        if faults
        else f"its distance rises with all {counted(len(curves), 'disturbance')}"
    )
    return f"The ruler was examined on real images spoilt by rising amounts: {verdict}."


def ends_text(curve: RulerCurve) -> str:
    """Returns a curve's first and last FID: `2.98 → 1,731`."""
    return f"{_number(curve.fids[0])} → {_number(curve.fids[-1])}"


def curve_text(curve: RulerCurve) -> str:
    """Returns a curve in words: `blur rises: FID 2.98 at 0, 97 at 0.0312, ...`."""
    points = ", ".join(f"{_number(fid)} at {level:.3g}" for level, fid in zip(curve.levels, curve.fids, strict=True))
    return f"{curve.disturbance} {'rises' if curve.rises else 'FAILS'}: FID {points}"


def _root(fid: float) -> float:
    return math.sqrt(max(fid, 0.0))  # rounding can leave a FID of equal features just below 0


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 0.1 else f"{value:.2g}"
