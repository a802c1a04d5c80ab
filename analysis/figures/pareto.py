"""This module draws a sweep: parameters against quality, with frontier, confirmations, references and the limit."""

import math
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.errors import AnalysisError
from analysis.figures.style import (
    BLUE,
    COLUMN_INCHES,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    SMALL,
    VERMILION,
    in_style,
    log_axis,
    plain_axis,
    ratio_axis,
    title_above,
)
from analysis.findings import Findings
from analysis.frontier.band import band_of
from analysis.frontier.pareto import final_students
from analysis.frontier.students import confirmed_students
from analysis.schema import Mode
from analysis.wording import caption, headline, limit_label, number_range

LETTER = 0.0168  # of the axis, for a letter of the limit's label in the mean


def pareto_figure(findings: Findings) -> Figure:
    """Returns the figure of parameters against the rule's metric: frontier, fresh seeds, teacher, baselines and limit.

    Raises AnalysisError where no trial has finished.

    >>> from analysis import LimitRule, example_trials, findings_of, pareto_figure
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    >>> pareto_figure(findings).axes[0].get_title(loc="left")
    'digits: compression limit 1/12.5 (provisional)'
    """
    students = final_students(findings.table)
    if not len(students):
        raise AnalysisError("A Pareto figure needs a finished trial", "none", "Let the sweep run on.")
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 4.05), layout="constrained")
        axes, below = figure.subplots(2, 1, height_ratios=[5, 1.75])
        axes.set(xscale="log", xlabel="generator parameters", ylabel=findings.metric.axis)
        if findings.metric.log:
            axes.set_yscale("log")
        _draw_trials(axes, findings, students=students)
        _draw_references(axes, findings)
        _scale_axes(axes, findings)
        _draw_limit(axes, findings)
        below.set_axis_off()
        below.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False,
                     columnspacing=1.0, handlelength=1.5, handletextpad=0.5, borderaxespad=0)  # fmt: skip
        text = textwrap.fill(caption(findings), 80, break_on_hyphens=False)
        below.text(0.5, -0.12, text, transform=below.transAxes, ha="center", va="top", fontsize=SMALL - 0.5,
                   color="#555555", linespacing=1.3)  # fmt: skip
        title_above(axes, headline(findings))
    return figure


def _draw_trials(axes: Axes, findings: Findings, *, students: pa.Table) -> None:
    metric, frontier = findings.metric.name, findings.frontier
    axes.scatter(*_xy(students, metric), s=6, color=GREY, alpha=0.5, lw=0, label="finished trial", zorder=2)
    scratch = findings.table.filter(pc.and_(findings.table["final"], pc.equal(findings.table["mode"], Mode.SCRATCH)))
    if len(scratch):
        label = f"from scratch ({number_range(scratch['kimg'])} kimg)"
        axes.plot(*_xy(scratch, metric), "x", ms=3.5, mew=0.9, color=ORANGE, label=label, zorder=3)
    _draw_attainment(axes, findings)
    x, y = _xy(frontier, metric)
    # Between two points of the frontier nothing is known to be better than the smaller one.
    if findings.is_confirmed:
        axes.step(x, y, where="post", color=GREY, lw=0.8, ls=(0, (3, 1.5)), label="frontier as searched", zorder=3)
        _draw_confirmed(axes, findings)
    else:
        axes.step(x, y, where="post", color=BLUE, lw=1.1, zorder=3)
        axes.plot(x, y, "o", ms=3.6, color=BLUE, mec="white", mew=0.5, label="Pareto frontier", zorder=4)


def _draw_confirmed(axes: Axes, findings: Findings) -> None:
    rows = confirmed_students(findings.table, findings.metric.name).to_pylist()
    x, y = [row["parameters"] for row in rows], np.array([row["confirmed"] for row in rows])
    low, high = (np.array([row[f"confirmed_{end}"] for row in rows]) for end in ("low", "high"))
    axes.errorbar(x, y, (y - low, high - y), fmt="o", ms=3.6, color=BLUE, mec="white", mew=0.5, elinewidth=0.9,
                  label="fresh seeds: median, range", zorder=5)  # fmt: skip


def _draw_attainment(axes: Axes, findings: Findings) -> None:
    band = band_of(findings.attainment)
    if band is None:
        return
    axes.fill_between(band.x_P, band.best_P, band.worst_P, step="post", color=SKY, alpha=0.3, lw=0,
                      label=band.words, zorder=2)  # fmt: skip
    x, y = zip(*band.middle, strict=True)
    axes.step(x, y, where="post", color=BLUE, lw=1.1, label=band.middle_words, zorder=4)


def _draw_references(axes: Axes, findings: Findings) -> None:
    metric, first = findings.metric, findings.first
    teacher, real = first.get(f"teacher_{metric.name}"), first.get(f"real_{metric.name}")
    if teacher is not None:
        axes.plot(first["teacher_parameters"], teacher, "*", ms=9, color=VERMILION, mec="white", mew=0.5,
                  label=f"teacher ({metric.label} {metric.text(teacher)})", zorder=6)  # fmt: skip
    if real is not None:
        label = f"real held-out images ({metric.label} {metric.text(real)})"
        axes.axhline(real, color=GREEN, lw=0.9, ls=(0, (1, 1.5)), label=label)


def _draw_limit(axes: Axes, findings: Findings) -> None:
    limit = findings.limit
    if limit.threshold is not None:
        axes.axhline(limit.threshold, color="#444444", lw=0.8, ls="--", label=f"rule: {_rule(findings)}", zorder=1)
    if limit.parameters is None:
        return
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    # In a strip of its own above every point, on the side of the line that has more room.
    axes.set_ylim(low, high * (high / low) ** 0.1 if findings.metric.log else high + 0.1 * (high - low))
    if limit.interval:
        axes.axvspan(limit.interval.low or left, limit.interval.high or right, color="black", alpha=0.08, lw=0)
        axes.set_xlim(left, right)
    axes.axvline(limit.parameters, color="black", lw=0.9, zorder=1)
    share, label = math.log(limit.parameters / left) / math.log(right / left), f" {limit_label(limit)} "
    on_the_left = share > 0.5  # of the line, where there is more room
    if LETTER * len(label) > max(share, 1 - share):
        label = label.replace(", 95%", " \n 95%")
    axes.text(limit.parameters, 0.985, label, transform=axes.get_xaxis_transform(), fontsize=7, va="top",
              ha="right" if on_the_left else "left", linespacing=1.1)  # fmt: skip


def _rule(findings: Findings) -> str:
    threshold = findings.limit.threshold
    assert threshold is not None
    return findings.rule.describe(threshold).split(" (")[0]


def _scale_axes(axes: Axes, findings: Findings) -> None:
    log_axis(axes.xaxis)
    if findings.metric.log:
        log_axis(axes.yaxis)
    else:
        plain_axis(axes.yaxis)
    axes.grid()
    ratio_axis(axes, findings.first["teacher_parameters"])


def _xy(table: pa.Table, metric: str) -> tuple[list[float], list[float]]:
    return table["parameters"].to_pylist(), table[metric].to_pylist()
