"""This module draws what a device pays: a measured cost against quality, every form with its own marker."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.columns import COSTS
from analysis.device import DeviceFindings
from analysis.figures.style import (
    COLUMN_INCHES,
    LOOKS,
    SMALL,
    in_style,
    log_axis,
    plain_axis,
    title_above,
)
from analysis.frontier.pareto import final_students, require_column
from analysis.limit.cost_limit import CostLimit
from analysis.schema import VARIANT


def device_figure(findings: DeviceFindings, cost: str) -> Figure:
    """Returns the figure of a measured cost against the rule's metric: every form, the frontier, teacher and limit.

    Raises AnalysisError for a cost that was not measured.

    >>> from analysis import LimitRule, device_figure, device_findings_of, example_measurements, example_trials
    >>> forms = {"form": "onnx"}, {"form": "onnx-int8", "file_bytes": 11_000, "fid": 9.8}
    >>> findings = device_findings_of(example_trials({}), example_measurements(*forms), rule=LimitRule(tolerance=1.0))
    >>> device_figure(findings, "file_bytes").axes[0].get_title(loc="left")
    'digits: at most 11.0 kB, onnx-int8 (provisional)'
    """
    require_column(findings.frontiers.get(cost, findings.table.select([])), cost)
    with in_style():
        figure = Figure(figsize=(COLUMN_INCHES, 3.9), layout="constrained")
        axes, below = figure.subplots(2, 1, height_ratios=[5, 1.6])
        axes.set(xscale="log", xlabel=COSTS[cost].axis, ylabel=findings.metric.axis)
        if findings.metric.log:
            axes.set_yscale("log")
        _draw_forms(axes, findings, cost=cost)
        frontier = findings.frontiers[cost]
        axes.step(frontier[cost].to_pylist(), frontier[findings.metric.name].to_pylist(), where="post", color="#444444",
                  lw=0.9, label="Pareto frontier over all forms", zorder=2)  # fmt: skip
        log_axis(axes.xaxis)
        (log_axis if findings.metric.log else plain_axis)(axes.yaxis)
        axes.grid()
        limits = findings.limits[cost]
        _draw_rule(axes, findings, limit=limits[0] if limits else None)
        below.set_axis_off()
        below.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False,
                     columnspacing=1.0, handlelength=1.5, handletextpad=0.5, borderaxespad=0)  # fmt: skip
        below.text(0.5, -0.12, _caption(findings), transform=below.transAxes, ha="center", va="top",
                   fontsize=SMALL - 0.5, color="#555555", linespacing=1.3)  # fmt: skip
        title_above(axes, f"{findings.first['dataset']}: {findings.headline(cost)}")
    return figure


def _draw_forms(axes: Axes, findings: DeviceFindings, *, cost: str) -> None:
    metric, students = findings.metric.name, final_students(findings.table).to_pylist()
    for place, form in enumerate(findings.forms):
        marker, colour = LOOKS[place % len(LOOKS)]
        rows = [row for row in students if row[VARIANT] == form and row[cost] and row[metric] is not None]
        if not rows:
            continue
        axes.plot([row[cost] for row in rows], [row[metric] for row in rows], marker, ms=4, color=colour, mec="white",
                  mew=0.5, ls="none", label=form, zorder=4)  # fmt: skip
        teacher = rows[0].get(f"teacher_{cost}"), rows[0].get(f"teacher_{metric}")
        if None not in teacher:
            axes.plot(*teacher, "*", ms=9, color=colour, mec="white", mew=0.5, label=f"teacher, {form}", zorder=5)


def _draw_rule(axes: Axes, findings: DeviceFindings, *, limit: CostLimit | None) -> None:
    threshold = findings.threshold
    if threshold is not None:
        rule = findings.rule.describe(threshold).split(" (")[0]
        axes.axhline(threshold, color="#444444", lw=0.8, ls="--", label=f"rule: {rule}", zorder=1)
    if limit is None or limit.amount is None:
        return
    left, right = axes.get_xlim()
    if limit.interval:
        axes.axvspan(limit.interval.low or left, limit.interval.high or right, color="black", alpha=0.08, lw=0)
        axes.set_xlim(left, right)
    axes.axvline(limit.amount, color="black", lw=0.9, zorder=1)


def _caption(findings: DeviceFindings) -> str:
    first = findings.first
    parts = [
        findings.basis,
        f"{findings.metric.label} of {first['num_samples']:,} samples, {first['extractor']}",
        f"protocol {first['protocol_digest'][:8]}",
    ]
    return textwrap.fill("; ".join(parts), 80, break_on_hyphens=False)
