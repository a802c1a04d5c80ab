"""This module draws an extractor's examination: a small panel for each disturbance of real images."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.errors import AnalysisError
from analysis.figures.style import BLUE, COLUMN_INCHES, GREEN, SMALL, VERMILION, caption_below, in_style
from analysis.ruler import RulerCurve, ends_text, ruler_sentence

_COLUMNS, _CAPTION_LETTERS = 4, 74


def examination_figure(curves: Sequence[RulerCurve]) -> Figure:
    """Returns the figure of the root of FID over the levels of each disturbance, real images at the left.

    The band is two standard errors of these. A disturbance that the extractor fails is vermilion, with the word.
    Raises AnalysisError without a curve.

    >>> from analysis import RulerCurve, examination_figure
    >>> curve = RulerCurve(disturbance="blur", levels=(0.0, 0.1), fids=(1.0, 9.0), spread=0.1, rises=True)
    >>> [axes.get_title(loc="left") for axes in examination_figure([curve]).axes]
    ['blur']
    """
    if not curves:
        raise AnalysisError("A figure of an examination needs a disturbance", "none", "Examine the extractor.")
    rows = -(-len(curves) // _COLUMNS)
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 0.45 + 0.85 * rows), layout="constrained")
        panels = figure.subplots(rows, min(len(curves), _COLUMNS), squeeze=False).flatten()
        for axes, curve in zip(panels, curves, strict=False):
            _draw(axes, curve)
        for axes in panels[len(curves) :]:
            axes.remove()
        caption_below(figure, textwrap.fill(ruler_sentence(curves), _CAPTION_LETTERS))
    return figure


def _draw(axes: Axes, curve: RulerCurve) -> None:
    colour = BLUE if curve.rises else VERMILION
    axes.axhspan(*curve.band, color=GREEN, alpha=0.16, lw=0)
    axes.plot(curve.places, curve.heights, "-o", color=colour, lw=1.1, ms=2.6)
    axes.vlines(0, *curve.band, color=GREEN, lw=1.1)
    axes.plot(0, curve.heights[0], "o", color=GREEN, ms=3.6, mec="white", mew=0.5)
    axes.set(xlim=(-0.08, 1.08), ylim=(0, 1.08), xticks=[], yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_title(curve.disturbance, fontsize=SMALL - 0.5, fontweight="normal", pad=3).set_in_layout(False)
    words, ink = (ends_text(curve), "#555555") if curve.rises else (f"{ends_text(curve)}\nFAILS", colour)
    axes.set_xlabel(words, fontsize=SMALL - 1, color=ink, labelpad=2)
