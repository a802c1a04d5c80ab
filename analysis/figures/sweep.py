"""This module draws the figures beside the frontier: images, gains, sharpness, progress and importance."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.comparison.gain import Gain
from analysis.errors import AnalysisError
from analysis.figures.style import (
    BLUE,
    COLUMN_INCHES,
    GREEN,
    ORANGE,
    SKY,
    SMALL,
    VERMILION,
    caption_below,
    in_style,
    log_axis,
    ratio_axis,
    title_above,
)
from analysis.findings import Findings
from analysis.frontier.pareto import WORST
from analysis.schemes import Scheme, scheme_of
from analysis.wording import short_caption

SCHEME_COLOURS = {Scheme.MSE: GREEN, Scheme.JOINT: BLUE, Scheme.OTHER: SKY, Scheme.SCRATCH: ORANGE}
CELL_INCHES, LABEL_INCHES = 0.5, 1.1  # of a sample grid
SCHEME_MARKERS = {Scheme.MSE: "s", Scheme.JOINT: "o", Scheme.OTHER: "D", Scheme.SCRATCH: "x"}


def sample_grid_figure(rows: Sequence[tuple[str, npt.NDArray[np.uint8]]]) -> Figure:
    """Returns the figure of generators below each other, each column one latent.

    Each row is a label and uint8 images NCHW with 1 or 3 channels; all rows have the same N.
    Raises AnalysisError for no rows and for images of another form.

    >>> from analysis import sample_grid_figure
    >>> images_NCHW = np.zeros((4, 1, 8, 8), dtype=np.uint8)
    >>> figure = sample_grid_figure([("teacher", images_NCHW), ("1/10", images_NCHW)])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['teacher', '1/10']
    """
    require_images(rows)
    height, width = max(len(rows) * CELL_INCHES, 0.5), LABEL_INCHES + len(rows[0][1]) * CELL_INCHES
    with in_style():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((LABEL_INCHES / width, 0, 1 - LABEL_INCHES / width, 1))
        # One picture for all: a hundred axes would take seconds.
        cells = len(rows[0][1]), len(rows)
        axes.imshow(_mosaic(rows), vmin=0, vmax=255, interpolation="nearest", extent=(0, cells[0], cells[1], 0))
        axes.set_aspect("auto")
        axes.set_axis_off()
        for number, (label, _) in enumerate(rows):
            axes.text(-0.1, number + 0.5, label, ha="right", va="center", fontsize=SMALL)
    return figure


def _mosaic(rows: Sequence[tuple[str, npt.NDArray[np.uint8]]]) -> npt.NDArray[np.uint8]:
    """Returns all images as one of HWC with 3 channels, a white gap around each."""
    size = max(images_NCHW.shape[2] for _, images_NCHW in rows)
    gap = max(1, size // 16)
    lines = []
    for _, images_NCHW in rows:
        scale = size // images_NCHW.shape[2]
        large_NHWC = images_NCHW.repeat(scale, 2).repeat(scale, 3).transpose(0, 2, 3, 1)
        colour_NHWC = np.broadcast_to(large_NHWC, (*large_NHWC.shape[:3], 3))
        padded_NHWC = np.pad(colour_NHWC, ((0, 0), (gap, gap), (gap, gap), (0, 0)), constant_values=255)
        lines.append(np.concatenate(list(padded_NHWC), axis=1))
    return np.concatenate(lines, axis=0)


def require_images(rows: Sequence[tuple[str, npt.NDArray[np.uint8]]]) -> None:
    """Raises AnalysisError unless every row has uint8 images NCHW of 1 or 3 channels, as many as the first."""
    if not rows:
        raise AnalysisError("A sample grid needs a generator", "none", "Let the sweep run on.")
    columns = len(rows[0][1])
    for label, images_NCHW in rows:
        shape, fits = images_NCHW.shape, images_NCHW.dtype == np.uint8 and images_NCHW.ndim == 4
        if not (fits and shape[0] == columns > 0 and shape[1] in (1, 3)):
            rule = f"The samples of {label!r} are uint8 of shape ({max(columns, 1)}, 1 or 3, H, W)"
            raise AnalysisError(rule, f"{images_NCHW.dtype} {shape}", "Give every row images of the same latents.")


def gain_figure(findings: Findings, gain: Gain) -> Figure:
    """Returns the figure of how many times better ours is at each size, with intervals over seeds and over all sizes.

    >>> from analysis import LimitRule, Mode, example_trials, findings_of, gain_figure
    >>> students = [{"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)]
    >>> table = example_trials(*students, *({**student, "mode": Mode.SCRATCH, "fid": 40.0} for student in students))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    >>> gain_figure(findings, findings.gains["scratch"][0]).axes[0].get_ylabel()
    'FID: times better'
    """

    def draw(axes: Axes) -> None:
        sizes = [(size.parameters or 0, size.ratio, size.low, size.high) for size in gain.per_size]
        for parameters, ratio, low, high in sizes:
            if ratio is not None:
                ends = [[ratio - (low or ratio)], [(high or ratio) - ratio]]
                axes.errorbar(parameters, ratio, ends, fmt="o", ms=3.6, color=BLUE, mec="white", mew=0.5,
                              elinewidth=0.9)  # fmt: skip
        if gain.low is not None and gain.high is not None:
            axes.axhspan(gain.low, gain.high, color=BLUE, alpha=0.12, lw=0, label="all sizes: mean, 95%")
        axes.axhline(gain.ratio or 1, color=BLUE, lw=0.9)
        axes.axhline(1, color="#444444", lw=0.8, ls="--", label="neither is better")
        axes.set_yscale("log")
        log_axis(axes.yaxis)
        axes.set_ylabel(f"{gain.metric_name}: times better")
        title_above(axes, gain.label)

    return _over_parameters(findings, draw)


def sharpness_figure(findings: Findings) -> Figure:
    """Returns the figure of sharpness relative to the teacher's, by scheme; 1 is best.

    Sharpness is the Variance of Laplacian. Raises AnalysisError where no trial has finished with one.

    >>> from analysis import LimitRule, example_trials, findings_of, sharpness_figure
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    >>> sharpness_figure(findings).axes[0].get_ylabel()
    "sharpness / the teacher's"
    """
    shown = ["mode", "gan_weight", "scheme", "final", "sharpness", "parameters"]
    rows = findings.table.select(shown).to_pylist()
    rows_of = {scheme: [row for row in rows if _is_of(row, scheme)] for scheme in SCHEME_COLOURS}
    if not any(rows_of.values()) or not findings.first["teacher_sharpness"] > 0:
        raise AnalysisError("A figure of sharpness needs a finished trial and its teacher's", "none", "Let it run on.")

    def draw(axes: Axes) -> None:
        first = findings.first
        for scheme, colour in SCHEME_COLOURS.items():
            rows = rows_of[scheme]
            shares = [row["sharpness"] / first["teacher_sharpness"] for row in rows]
            if rows:
                axes.plot([row["parameters"] for row in rows], shares, SCHEME_MARKERS[scheme], ms=3.2, mew=0.8,
                          color=colour, alpha=0.8, label=str(scheme))  # fmt: skip
        axes.axhline(1, color=VERMILION, lw=0.9, label="teacher")
        axes.axhline(first["real_sharpness"] / first["teacher_sharpness"], color=GREEN, lw=0.9, ls=(0, (1, 1.5)),
                     label="real held-out images")  # fmt: skip
        axes.set_yscale("log")
        log_axis(axes.yaxis, (1, 1.5, 2, 3, 5, 7))
        axes.set_ylabel("sharpness / the teacher's")

    return _over_parameters(findings, draw)


def progress_figure(findings: Findings) -> Figure:
    """Returns the figure of how much of the plane of size and quality the search dominated after so many images.

    >>> from analysis import LimitRule, example_trials, findings_of, progress_figure
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    >>> [axes.get_xlabel() for axes in progress_figure(findings).axes]
    ['trials of the search', 'images seen by them [kimg]']
    """
    progress = findings.progress
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 2.2), layout="constrained")
        trials, kimg = figure.subplots(1, 2, sharey=True)
        for axes, name in ((trials, "trials"), (kimg, "kimg")):
            axes.step(progress[name].to_pylist(), progress["share"].to_pylist(), where="post", color=BLUE, lw=1.1)
            axes.grid()
        trials.set(xlabel="trials of the search", ylabel=f"dominated share, FID up to {WORST}x", ylim=(0, None))
        kimg.set(xlabel="images seen by them [kimg]")
        caption_below(figure, short_caption(findings))
    return figure


def importance_figure(findings: Findings, importances: Mapping[str, float]) -> Figure:
    """Returns the figure of how much of the metric's variation each searched parameter explains.

    `importances` are shares by name of the parameter (fANOVA, Hutter et al., 2014).

    >>> from analysis import LimitRule, example_trials, findings_of, importance_figure
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    >>> importance_figure(findings, {"width": 0.9, "depth": 0.1}).axes[0].get_xlabel()
    'share of the variation of log FID in the search'
    """
    ordered = sorted(importances.items(), key=lambda item: (item[1], item[0]))
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 0.75 + 0.28 * len(ordered)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh([name for name, _ in ordered], [share for _, share in ordered], color=BLUE, height=0.6)
        axes.bar_label(bars, [f"{share:.0%}" for _, share in ordered], padding=2, fontsize=SMALL)
        axes.set_xlabel(
            f"share of the variation of {'log ' * findings.metric.log}{findings.metric.label} in the search"
        )
        axes.margins(x=0.12)
        caption_below(figure, short_caption(findings))
    return figure


def _over_parameters(findings: Findings, draw: Callable[[Axes], None]) -> Figure:
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.set(xscale="log", xlabel="generator parameters")
        draw(axes)
        log_axis(axes.xaxis)
        axes.grid()
        ratio_axis(axes, findings.first["teacher_parameters"])
        # The caption is the legend's title: beneath the legend it would lie over it.
        legend = figure.legend(loc="outside lower center", ncols=3, frameon=False, columnspacing=1.0, handlelength=1.5,
                               title=short_caption(findings), title_fontsize=SMALL - 0.5)  # fmt: skip
        legend.get_title().set_color("#555555")
    return figure


def _is_of(row: Mapping[str, Any], scheme: Scheme) -> bool:
    return bool(row["final"]) and (row["sharpness"] or 0) > 0 and scheme_of(dict(row)) == scheme
