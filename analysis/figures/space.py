"""This module draws what a model of the whole searched space says of the limit, beside the students that were tried."""

from collections.abc import Sequence

import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import (
    BLUE,
    COLUMN_INCHES,
    GREY,
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
from analysis.frontier.pareto import final_students
from analysis.seeking.limit_search import SpaceLimit
from analysis.wording import short_caption

HIGHEST = 8.0  # times the rule's threshold: what lies beyond says nothing of the limit


def space_figure(findings: Findings, space: SpaceLimit) -> Figure:
    """Returns the figure of the best student of at most each size by the model, with those that were tried.

    It has the curve's 95% band and the limit's 95% interval; below, how probably the limit is each of the sizes.

    >>> from analysis import LimitRule, example_trials, findings_of, space_figure
    >>> from analysis.seeking.limit_search import LimitSearch
    >>> from analysis.seeking.space import Candidate, space_of
    >>> from analysis.seeking.values import Measured
    >>> rule, sizes = LimitRule(metric="fid", threshold=10.0), (4_000, 8_000, 16_000)
    >>> students = [Candidate(parameters=n, depth=1, block="dcgan", gan_weight=0.0, kimg=8.0) for n in sizes]
    >>> rows = [Measured(candidate=student, seed=0, quality=8e4 / student.size) for student in students]
    >>> found = LimitSearch(space_of(students), rule, threshold=10.0).read(rows)
    >>> findings = findings_of(example_trials(*({"parameters": n, "fid": 8e4 / n} for n in sizes)), rule)
    >>> [axes.get_ylabel() for axes in space_figure(findings, found).axes]
    ['FID (lower is better)', 'chance']
    """
    metric, curve, cost = findings.metric, space.curve, space.cost
    assert findings.limit.threshold is not None, "a model of the space has judged by the rule"
    students = final_students(findings.table)
    students = students.filter(pc.and_(pc.is_valid(students[metric.name]), pc.is_valid(students[cost.name])))
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 3.9), layout="constrained")
        axes, chances = figure.subplots(2, 1, height_ratios=[3.4, 1], sharex=True)
        axes.set(xscale="log", yscale="log", ylabel=metric.axis)
        axes.fill_between(curve.sizes_K, curve.best_K, curve.worst_K, color=SKY, alpha=0.3, lw=0, step="post",
                          label="best student of at most this size: 95%")  # fmt: skip
        axes.step(curve.sizes_K, curve.middle_K, where="post", color=BLUE, lw=1.1, label="median of it")
        axes.scatter(students[cost.name].to_numpy(), students[metric.name].to_numpy(), s=7, color=GREY, lw=0,
                     label="student that was trained", zorder=3)  # fmt: skip
        axes.axhline(findings.limit.threshold, color="#444444", lw=0.8, ls="--", label="the rule")
        for each in (axes, chances):
            _shade_interval(each, space)
        values = [*curve.middle_K, *students[metric.name].to_pylist(), findings.limit.threshold]
        axes.set_ylim(*_range(values, findings.limit.threshold, higher=metric.higher_is_better))
        chances.vlines(space.where.sizes_K, 0, space.where.chance_K, color=VERMILION, lw=1.4)
        if space.where.none_holds > 0.005:
            chances.set_title(f"no size: {space.where.none_holds:.0%}", fontsize=SMALL, loc="left")
        chances.set(xscale="log", xlabel=cost.quantity, ylabel="chance", ylim=(0, None))
        for scale in (axes.xaxis, axes.yaxis):
            log_axis(scale)
        axes.grid()
        axes.legend(frameon=False, loc="best")
        ratio_axis(axes, cost.of_floats(findings.first["teacher_parameters"]))
        title_above(axes, f"{findings.first['dataset']}: the limit of the whole space, by a model")
        caption_below(figure, short_caption(findings))
    return figure


def course_figure(findings: Findings, course: Sequence[tuple[float, SpaceLimit]]) -> Figure:
    """Returns the figure of where the limit of the space lay, with its 95% interval, while the search went on.

    `course` has the kimg and what was known then. An end beyond all sizes is drawn at the largest, and a limit there is
    an open mark: by then no size held the rule.

    >>> from analysis import LimitRule, course_figure, example_trials, findings_of
    >>> from analysis.seeking.limit_search import LimitSearch
    >>> from analysis.seeking.space import Candidate, space_of
    >>> from analysis.seeking.values import Measured
    >>> rule, sizes = LimitRule(metric="fid", threshold=10.0), (4_000, 8_000, 16_000)
    >>> students = [Candidate(parameters=n, depth=1, block="dcgan", gan_weight=0.0, kimg=8.0) for n in sizes]
    >>> rows = [Measured(candidate=student, seed=0, quality=8e4 / student.size) for student in students]
    >>> search = LimitSearch(space_of(students), rule, threshold=10.0)
    >>> course = [(8.0 * count, search.read(rows[:count])) for count in (1, 2, 3)]
    >>> findings = findings_of(example_trials(*({"parameters": n, "fid": 8e4 / n} for n in sizes)), rule)
    >>> course_figure(findings, course).axes[0].get_xlabel()
    'images seen by the search [kimg]'
    """
    kimg = [spent for spent, _ in course]
    largest = float(course[-1][1].where.sizes_K[-1])
    low, high = ([reading.interval[end] or largest for _, reading in course] for end in (0, 1))
    found = [(spent, reading.size) for spent, reading in course if reading.size]
    none = [spent for spent, reading in course if not reading.size]
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(kimg, low, high, color=SKY, alpha=0.3, lw=0, label="95% interval")
        if found:
            axes.plot(
                *zip(*found, strict=True), "o-", ms=3, color=BLUE, lw=1.1, label="limit of the space, by the model"
            )
        if none:
            axes.plot(none, [largest] * len(none), "^", ms=4, mfc="white", color=BLUE, label="no size holds the rule")
        axes.set(yscale="log", xlabel="images seen by the search [kimg]", ylabel=course[-1][1].cost.quantity)
        log_axis(axes.yaxis)
        axes.grid()
        axes.legend(frameon=False)
        caption_below(figure, short_caption(findings))
    return figure


def _shade_interval(axes: Axes, space: SpaceLimit) -> None:
    low, high = space.interval
    if low is not None:
        axes.axvspan(low, high or space.where.sizes_K[-1], color="black", alpha=0.08, lw=0)


def _range(values: list[float], threshold: float, *, higher: bool) -> tuple[float, float]:
    """Returns the ends of the axis: all values but those that fail by far."""
    low, high = min(values), max(values)
    low, high = (max(low, threshold / HIGHEST), high) if higher else (low, min(high, threshold * HIGHEST))
    room = (high / low) ** 0.06
    return low / room, high * room
