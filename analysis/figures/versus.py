"""This module draws a comparison: both frontiers as steps, and above them which one is better where."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.absence import fault_mark
from analysis.columns import COLUMNS
from analysis.comparison.versus import Comparison, Contender
from analysis.figures.style import BLUE, GREY, ORANGE, VERMILION, in_style

COLOURS = {"a": BLUE, "b": ORANGE, "equal": GREY}
TITLE_LETTERS, CAPTION_LETTERS = 60, 110  # in one line
MARKERS = {"a": "o", "b": "s"}


def versus_figure(comparison: Comparison) -> Figure:
    """Returns the figure of cost against quality: both frontiers, known teachers, and the better one of each range.

    >>> from analysis import compare, example_trials, versus_figure
    >>> comparison = compare(example_trials({"sweep": "a"}), example_trials({"sweep": "b"}))
    >>> versus_figure(comparison).axes[0].get_title(loc="left")
    'a against b'
    """
    with in_style():
        figure = Figure(figsize=(7.0, 5.2), layout="constrained")
        axes = figure.subplots()
        end = _end(comparison)
        for key, side in (("a", comparison.a), ("b", comparison.b)):
            _draw_front(axes, side, key=key, end=end)
        _draw_teachers(axes, comparison)
        _scale_axes(axes, comparison)
        _draw_ranges(axes, comparison)
        axes.legend(loc="best", framealpha=0.9, edgecolor="none", fontsize=7.5)
        figure.supxlabel(_caption(comparison), fontsize=7, color="#555555")
        title = f"{comparison.a.name} against {comparison.b.name}"
        fits = len(title) <= TITLE_LETTERS
        title = title if fits else title.replace(" against ", " against\n")
        axes.set_title(title, loc="left", fontsize=11 if fits else 8, weight="bold", pad=26)
    return figure


def _draw_front(axes: Axes, side: Contender, *, key: str, end: float) -> None:
    x, y = ([point[axis] for point in side.front] for axis in (0, 1))
    # Up to the right edge: a frontier's last student is the best of all larger sizes too.
    axes.step([*x, max(end, x[-1])], [*y, y[-1]], where="post", color=COLOURS[key], lw=1.6, zorder=3)
    label = f"{side.name}: {len(side.front)} of {side.students} students on the frontier"
    axes.plot(x, y, MARKERS[key], ms=5.5, color=COLOURS[key], mec="white", mew=0.7, label=label, zorder=4)


def _draw_teachers(axes: Axes, comparison: Comparison) -> None:
    """Draws a star for each teacher, in the colour of its sweep where there are two."""
    sides: dict[tuple[float, float], tuple[str, Contender]] = {}
    for key, side in (("a", comparison.a), ("b", comparison.b)):
        if side.teacher is not None:
            sides.setdefault(side.teacher, (key, side))
    for (x, y), (key, side) in sides.items():
        label = "each one's teacher" if comparison.relative else f"teacher {side.teacher_version}"
        colour = VERMILION if len(sides) == 1 else COLOURS[key]
        axes.plot(x, y, "*", ms=14, color=colour, mec="white", label=label, zorder=5)


def _draw_ranges(axes: Axes, comparison: Comparison) -> None:
    """Draws a strip above the axes, in the colour of the better frontier; pale where the other has no student."""
    left, right = axes.get_xlim()
    for segment in comparison.segments:
        low, high = max(segment.low, left), right if segment.high is None else min(segment.high, right)
        strip = Rectangle(
            (low, 1.01), high - low, 0.025, transform=axes.get_xaxis_transform(), clip_on=False, lw=0,
            color=COLOURS[segment.better], alpha=0.35 if segment.alone else 1.0,
        )  # fmt: skip
        axes.add_patch(strip)
    axes.text(
        0.0,
        1.045,
        "which is better (pale: the other has no student)",
        transform=axes.transAxes,
        fontsize=7,
        color="#555555",
        ha="left",
        va="bottom",
    )


def _scale_axes(axes: Axes, comparison: Comparison) -> None:
    cost, quality = (COLUMNS[name] for name in comparison.objectives)
    axes.set_xscale("log")
    axes.set_xlabel("share of its teacher's parameters (1/compression ratio)" if comparison.relative else cost.axis)
    direction = "higher" if quality.higher_is_better else "lower"
    relative = f"{quality.label} / its own teacher's {quality.label} ({direction} is better)"
    axes.set_ylabel(relative if comparison.relative else quality.axis)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(_share if comparison.relative else _short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if quality.log and all(y > 0 for side in (comparison.a, comparison.b) for _, y in side.front):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="#E6E6E6", lw=0.6)
    axes.spines["top"].set_visible(False)


def _caption(comparison: Comparison) -> str:
    if not comparison.relative:
        a = comparison.a
        line = f"{a.dataset}; {a.num_samples:,} samples, {a.extractor}; protocol {a.protocol_digest[:8]}"
        return "\n".join([line, *_marks(comparison)])
    lines = [
        f"{side.name}: {side.dataset}, {side.num_samples:,} samples, {side.extractor}, "
        f"protocol {side.protocol_digest[:8]}"
        for side in (comparison.a, comparison.b)
    ]
    lines += _marks(comparison)
    return "\n".join([*lines, "Two protocols: no value of one is comparable with one of the other"])


def _marks(comparison: Comparison) -> list[str]:
    sides = (comparison.a, comparison.b)
    marks = [f"{side.name}: {mark}" for side in sides for mark in fault_mark(side.extractor_faults)]
    return [textwrap.fill(mark, CAPTION_LETTERS) for mark in marks]


def _end(comparison: Comparison) -> float:
    sides = (comparison.a, comparison.b)
    return max([side.front[-1][0] for side in sides] + [side.teacher[0] for side in sides if side.teacher])


def _share(value: float, _: int) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def _short(value: float, _: int) -> str:
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"
