"""This module chooses the teacher among trained sizes, as the paper does: by FID, and by IS where FID cannot tell."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from analysis.absence import fault_mark
from analysis.errors import AnalysisError
from analysis.figures.style import BLUE, GREY, ORANGE, VERMILION, in_style

TIE_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A Candidate is a trained teacher; `fid_error` is its FID's standard deviation over evaluations at fresh latents.

    >>> from analysis import Candidate
    >>> Candidate(version="1", width=32, parameters=100_000, fid=5.0, fid_error=0.1, inception_score=9.0).width
    32
    """

    version: str
    width: int
    parameters: int
    fid: float
    fid_error: float
    inception_score: float | None  # None where the extractor has no classes
    extractor_faults: str | None = None  # what the extractor that they were measured with failed of its examination

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose_teacher(candidates: Sequence[Candidate]) -> tuple[Candidate, list[Candidate]]:
    """Returns the chosen candidate, and those that FID cannot tell from the lowest, the chosen one among them.

    The rule takes the lowest FID, and the highest IS among those within two standard errors of the difference; where
    there is no IS, the lowest FID alone.
    Raises AnalysisError without a candidate of finite FID.

    >>> from analysis import Candidate, choose_teacher
    >>> small = Candidate(version="1", width=32, parameters=25_000, fid=5.0, fid_error=0.1, inception_score=6.9)
    >>> large = Candidate(version="2", width=64, parameters=99_000, fid=5.2, fid_error=0.1, inception_score=7.1)
    >>> chosen, tied = choose_teacher([small, large])  # 0.2 lies within two standard errors, 0.28
    >>> chosen.width, len(tied)
    (64, 2)
    """
    finite = [candidate for candidate in candidates if math.isfinite(candidate.fid)]
    if not finite:
        raise AnalysisError("A teacher is chosen among trained ones", "none with a FID", "Train them again.")
    lowest = min(finite, key=lambda candidate: candidate.fid)
    tied = [candidate for candidate in finite if candidate.fid - lowest.fid <= _tie_width(candidate, lowest)]
    return max(tied, key=lambda candidate: (candidate.inception_score or 0.0, -candidate.fid)), tied


def selection_figure(candidates: Sequence[Candidate]) -> Figure:
    """Returns the figure of FID with its error, and IS, over the candidates' parameters; the chosen one is marked.

    >>> from analysis import Candidate, selection_figure
    >>> only = Candidate(version="1", width=32, parameters=25_000, fid=5.0, fid_error=0.1, inception_score=6.9)
    >>> selection_figure([only]).axes[0].get_title(loc="left")
    'Chosen: width 32'
    """
    chosen, _ = choose_teacher(candidates)
    ordered = sorted(candidates, key=lambda candidate: candidate.parameters)
    sizes = [candidate.parameters for candidate in ordered]
    with in_style():
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        fids, errors = [c.fid for c in ordered], [TIE_STANDARD_ERRORS * c.fid_error for c in ordered]
        left.errorbar(sizes, fids, errors, color=BLUE, marker="o", capsize=3, lw=1.2)
        _draw_scores(right, ordered, chosen=chosen)
        left.plot(chosen.parameters, chosen.fid, "o", ms=13, mfc="none", mec=ORANGE, mew=2)
        for axes, label in ((left, "FID (lower is better)"), (right, "Inception Score (higher is better)")):
            axes.set_xscale("log")
            axes.set_xticks(sizes)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _short(size)))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel("teacher's parameters")
            axes.set_ylabel(label)
            axes.spines["top"].set_visible(False)
            axes.margins(x=0.12, y=0.15)
        if mark := fault_mark(chosen.extractor_faults):
            figure.supxlabel(textwrap.fill(mark[0], 100), fontsize=7, color=VERMILION)
        left.set_title(f"Chosen: width {chosen.width}", loc="left", fontsize=10, weight="bold")
    return figure


def _draw_scores(axes: Axes, ordered: Sequence[Candidate], *, chosen: Candidate) -> None:
    scores = {c.parameters: c.inception_score for c in ordered if c.inception_score is not None}
    if not scores:
        axes.text(0.5, 0.5, "the extractor has no classes", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_yticks([])
        return
    axes.plot(list(scores), list(scores.values()), color=GREY, marker="o", lw=1.2)
    if chosen.parameters in scores:
        axes.plot(chosen.parameters, scores[chosen.parameters], "o", ms=13, mfc="none", mec=ORANGE, mew=2)


def _tie_width(candidate: Candidate, lowest: Candidate) -> float:
    if candidate is lowest:
        return 0.0
    return TIE_STANDARD_ERRORS * math.hypot(candidate.fid_error, lowest.fid_error)


def _short(size: float) -> str:
    return f"{size / 1e6:.1f} M" if size >= 1e6 else f"{size / 1e3:.0f} k"
