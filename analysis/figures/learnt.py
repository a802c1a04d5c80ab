"""This module draws a sweep over the bytes of what its students learn, where some have weights of few bits."""

import textwrap
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.columns import COSTS
from analysis.errors import AnalysisError
from analysis.figures.style import (
    COLUMN_INCHES,
    GREEN,
    GREY,
    LOOKS,
    SMALL,
    VERMILION,
    in_style,
    log_axis,
    plain_axis,
    ratio_axis,
    title_above,
)
from analysis.findings import BYTES, Findings
from analysis.frontier.pareto import final_students
from analysis.frontier.students import confirmed_students
from analysis.limit.cost_limit import FLOAT_BITS, CostLimit
from analysis.wording import caption

_FLOAT_BYTES = FLOAT_BITS // 8


def bytes_figure(findings: Findings) -> Figure:
    """Returns the figure of bytes against the rule's metric: students by their bits, frontier, teacher and limit.

    The teacher is at 4 bytes a parameter. Raises AnalysisError where no student of few bits has finished.

    >>> from analysis import LimitRule, bytes_figure, example_trials, findings_of
    >>> students = [{"width": n, "bits": n, "weight_bytes": 500 * n, "fid": 80 / n} for n in (4, 8)]
    >>> findings = findings_of(example_trials(*students), LimitRule(metric="fid", tolerance=1.0))
    >>> bytes_figure(findings).axes[0].get_title(loc="left")
    'digits: limit 4.0 kB, 8 bits (provisional)'
    """
    limit, frontier = findings.bytes_limit, findings.bytes_frontier
    if limit is None or frontier is None:
        raise AnalysisError("A figure over bytes needs a finished student of few bits", "none", "Draw pareto_figure.")
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 4.05), layout="constrained")
        axes, below = figure.subplots(2, 1, height_ratios=[5, 1.75])
        axes.set(xscale="log", xlabel=COSTS[BYTES].axis, ylabel=findings.metric.axis)
        if findings.metric.log:
            axes.set_yscale("log")
        _draw_students(axes, findings, frontier=frontier)
        _draw_references(axes, findings)
        log_axis(axes.xaxis, steps=(1, 3))  # from a small student to its teacher are several decades
        (log_axis if findings.metric.log else plain_axis)(axes.yaxis)
        axes.grid()
        ratio_axis(axes, _FLOAT_BYTES * findings.first["teacher_parameters"])
        _draw_limit(axes, findings, limit=limit)
        below.set_axis_off()
        below.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False,
                     columnspacing=1.0, handlelength=1.5, handletextpad=0.5, borderaxespad=0)  # fmt: skip
        text = textwrap.fill(caption(findings, frontier=frontier), 80, break_on_hyphens=False)
        below.text(0.5, -0.12, text, transform=below.transAxes, ha="center", va="top", fontsize=SMALL - 0.5,
                   color="#555555", linespacing=1.3)  # fmt: skip
        remark = " (provisional)" if limit.provisional else ""
        title_above(axes, f"{limit.dataset}: limit {limit.short()}{remark}")
    return figure


def _draw_students(axes: Axes, findings: Findings, *, frontier: pa.Table) -> None:
    metric = findings.metric.name
    rows = [row for row in final_students(findings.table).to_pylist() if row[BYTES] and row[metric] is not None]
    for place, bits in enumerate(sorted({_bits(row) for row in rows})):
        marker, colour = LOOKS[place % len(LOOKS)]
        own = [row for row in rows if _bits(row) == bits]
        label = "floats" if bits == FLOAT_BITS else f"{bits} bits"
        axes.plot([row[BYTES] for row in own], [row[metric] for row in own], marker, ms=3.2, color=colour, mec="white",
                  mew=0.4, ls="none", alpha=0.4 if findings.is_confirmed else 1.0, label=label, zorder=3)  # fmt: skip
    label = "frontier as searched" if findings.is_confirmed else "Pareto frontier"
    axes.step(frontier[BYTES].to_pylist(), frontier[metric].to_pylist(), where="post", color="#444444", lw=0.9,
              ls=(0, (3, 1.5)) if findings.is_confirmed else "-", label=label, zorder=2)  # fmt: skip
    if findings.is_confirmed:
        _draw_confirmed(axes, findings)


def _draw_confirmed(axes: Axes, findings: Findings) -> None:
    rows = [row for row in confirmed_students(findings.table, findings.metric.name).to_pylist() if row[BYTES]]
    middle = [row["confirmed"] for row in rows]
    ends = [
        [row["confirmed"] - row["confirmed_low"] for row in rows],
        [row["confirmed_high"] - row["confirmed"] for row in rows],
    ]
    axes.errorbar([row[BYTES] for row in rows], middle, ends, fmt="o", ms=3.6, color=VERMILION, mec="white",
                  mew=0.5, elinewidth=0.9, label="fresh seeds: median, range", zorder=5)  # fmt: skip


def _draw_references(axes: Axes, findings: Findings) -> None:
    metric, first = findings.metric, findings.first
    teacher, real = first.get(f"teacher_{metric.name}"), first.get(f"real_{metric.name}")
    if teacher is not None:
        axes.plot(_FLOAT_BYTES * first["teacher_parameters"], teacher, "*", ms=9, color=VERMILION, mec="white",
                  mew=0.5, label=f"teacher ({metric.label} {metric.text(teacher)})", zorder=6)  # fmt: skip
    if real is not None:
        label = f"real held-out images ({metric.label} {metric.text(real)})"
        axes.axhline(real, color=GREEN, lw=0.9, ls=(0, (1, 1.5)), label=label)


def _draw_limit(axes: Axes, findings: Findings, *, limit: CostLimit) -> None:
    rule = findings.rule.describe(limit.threshold).split(" (")[0]
    axes.axhline(limit.threshold, color="#444444", lw=0.8, ls="--", label=f"rule: {rule}", zorder=1)
    if limit.amount is None:
        return
    left, right = axes.get_xlim()
    if limit.interval:
        axes.axvspan(limit.interval.low or left, limit.interval.high or right, color=GREY, alpha=0.15, lw=0)
        axes.set_xlim(left, right)
    axes.axvline(limit.amount, color="black", lw=0.9, zorder=1)


def _bits(row: dict[str, Any]) -> int:
    return int(row["bits"] or FLOAT_BITS)
