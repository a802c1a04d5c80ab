"""Publication figures: the same table gives the same bytes. Matplotlib's object interface, no global state."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.errors import AnalysisError
from analysis.limit import CompressionLimit, LimitStatus
from analysis.pareto import final_students, pareto_frontier
from analysis.schema import require_one_protocol

# Okabe and Ito's palette, told apart by people of every colour vision.
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8A8A"

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "svg.hashsalt": "ganlimit",  # else the SVG's identifiers are random
    "svg.fonttype": "path",
}


def pareto_figure(table: pa.Table, limit: CompressionLimit) -> Figure:
    """Generator parameters against FID, both logarithmic: frontier, teacher, baselines and limit.

    Raises AnalysisError for rows of several protocols and where no trial has finished.
    """
    require_one_protocol(table)
    students = final_students(table)
    if not len(students):
        raise AnalysisError("A Pareto figure needs a finished trial", "none", "Let the sweep run on.")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 5.2), layout="constrained")
        axes, below = figure.subplots(2, 1, height_ratios=[6, 1])
        _draw_references(axes, students)
        _draw_trials(axes, table, students)
        _scale_axes(axes, students)
        _draw_limit(axes, students, limit)
        below.set_axis_off()
        below.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=3, frameon=False,
                     fontsize=7.5, columnspacing=1.2, handlelength=1.6, handletextpad=0.5)  # fmt: skip
        below.text(0.5, -0.1, _caption(table, students), ha="center", va="top", fontsize=7, color="#555555")
        provisional = " (provisional)" if limit.provisional else ""
        headline = _headline(students["dataset"][0].as_py(), limit) + provisional
        axes.set_title(headline, loc="left", fontsize=11, weight="bold", pad=28)
    return figure


def sample_grid_figure(rows: Sequence[tuple[str, npt.NDArray[np.uint8]]]) -> Figure:
    """Generators below each other, each column one latent.

    Each row is a label and uint8 images NCHW with 1 or 3 channels; all rows have the same N.
    Raises AnalysisError for no rows and for images of another form.
    """
    if not rows:
        raise AnalysisError("A sample grid needs a generator", "none", "Let the sweep run on.")
    columns = len(rows[0][1])
    for label, images_NCHW in rows:
        shape, fits = images_NCHW.shape, images_NCHW.dtype == np.uint8 and images_NCHW.ndim == 4
        if not (fits and shape[0] == columns > 0 and shape[1] in (1, 3)):
            rule = f"The samples of {label!r} are uint8 of shape ({max(columns, 1)}, 1 or 3, H, W)"
            raise AnalysisError(rule, f"{images_NCHW.dtype} {shape}", "Give every row images of the same latents.")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.5 + 0.55 * columns, 0.62 * len(rows)))
        grid = figure.subplots(
            len(rows), columns, squeeze=False,
            gridspec_kw={"left": 1.5 / (1.5 + 0.55 * columns), "right": 0.99, "top": 0.99, "bottom": 0.01,
                         "wspace": 0.06, "hspace": 0.06},
        )  # fmt: skip
        for (label, images_NCHW), line in zip(rows, grid, strict=True):
            for image_CHW, cell in zip(images_NCHW, line, strict=True):
                image = image_CHW[0] if len(image_CHW) == 1 else image_CHW.transpose(1, 2, 0)
                cell.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
                cell.set_axis_off()
            line[0].text(-0.12, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=7.5)
    return figure


def save_figure(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write STEM.png (200 dpi) and STEM.svg, without dates, so that equal figures are equal files."""
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    with mpl.rc_context(STYLE):
        for path, metadata in ((png, {"Software": None}), (svg, {"Date": None, "Creator": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=path.suffix[1:], dpi=200, metadata=metadata)
            path.write_bytes(buffer.getvalue())
    return png, svg


def _draw_references(axes: Axes, students: pa.Table) -> None:
    first = students.slice(0, 1).to_pylist()[0]
    axes.axhline(first["teacher_fid"], color=VERMILION, lw=1, alpha=0.6)
    axes.plot(
        first["teacher_parameters"], first["teacher_fid"], "*", ms=14, color=VERMILION, mec="white",
        label=f"teacher (FID {first['teacher_fid']:.1f})", zorder=5,
    )  # fmt: skip
    axes.axhline(
        first["real_fid"],
        color=GREEN,
        lw=1,
        ls=(0, (1, 2)),
        label=f"real held-out images (FID {first['real_fid']:.1f})",
    )


def _draw_limit(axes: Axes, students: pa.Table, limit: CompressionLimit) -> None:
    if limit.rule.metric == "fid" and limit.threshold is not None:
        axes.axhline(limit.threshold, color=GREY, lw=1, ls="--", label=f"rule: {limit.rule.describe(limit.threshold)}")
    if limit.parameters is None:
        return
    axes.axvline(limit.parameters, color="black", lw=1, zorder=1)
    not_reached = limit.status == LimitStatus.NOT_REACHED
    mark = "limit not reached" if not_reached else "limit"
    # In a strip of its own above every point, on the side of the line that has more room.
    (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
    axes.set_ylim(low, high * (high / low) ** 0.08)
    on_the_left = limit.parameters**2 > left * right  # right of the middle of a logarithmic axis
    axes.text(
        limit.parameters, 0.98, f" {mark}: 1/{limit.ratio:.1f}, {limit.parameters:,} parameters ",
        transform=axes.get_xaxis_transform(), ha="right" if on_the_left else "left", va="top", fontsize=8.5,
    )  # fmt: skip


def _draw_trials(axes: Axes, table: pa.Table, students: pa.Table) -> None:
    frontier = pareto_frontier(table)
    axes.scatter(*_xy(students), s=14, color=GREY, alpha=0.6, lw=0, label="student", zorder=2)
    x, y = _xy(frontier)
    # Between two points of the frontier nothing is known to be better than the smaller one.
    axes.step(x, y, where="post", color=BLUE, lw=1.6, zorder=3)
    axes.plot(x, y, "o", ms=5.5, color=BLUE, mec="white", mew=0.7, label="Pareto frontier", zorder=4)
    scratch = table.filter(pa.array([row["final"] and row["mode"] == "scratch" for row in table.to_pylist()]))
    if len(scratch):
        budgets = sorted(set(scratch["kimg"].to_pylist()))
        label = f"from scratch ({', '.join(f'{kimg:g}' for kimg in budgets)} kimg)"
        axes.plot(*_xy(scratch), "x", ms=6, mew=1.6, color=ORANGE, label=label, zorder=4)


def _scale_axes(axes: Axes, students: pa.Table) -> None:
    teacher = students.slice(0, 1).to_pylist()[0]["teacher_parameters"]
    axes.set(xscale="log", yscale="log", xlabel="generator parameters", ylabel="FID (lower is better)")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color="#E6E6E6", lw=0.6)
    ratio = axes.secondary_xaxis("top", functions=(_inverse(teacher), _inverse(teacher)))
    ratio.set_xlabel("compression ratio", fontsize=8, labelpad=3)
    ratio.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ratio.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ratio.xaxis.set_minor_formatter(NullFormatter())
    ratio.tick_params(labelsize=8)


def _headline(dataset: str, limit: CompressionLimit) -> str:
    if limit.status == LimitStatus.FOUND:
        return f"{dataset}: compressed {limit.ratio:.0f}:1 within the rule"
    if limit.status == LimitStatus.NOT_REACHED:
        return f"{dataset}: beyond {limit.ratio:.0f}:1, the smallest student tried"
    return f"{dataset}: no student tried holds the rule"


def _caption(table: pa.Table, students: pa.Table) -> str:
    first = students.slice(0, 1).to_pylist()[0]
    unfinished = sum(1 for row in table.to_pylist() if not row["final"])
    parts = [
        f"{len(students)} students distilled with {_range(students['kimg'])} kimg",
        f"teacher trained with {first['teacher_kimg']:g} kimg",
        f"FID of {first['num_samples']:,} samples, {first['extractor']}",
        f"protocol {first['protocol_digest'][:8]}",
    ]
    if unfinished:
        parts.append(f"{unfinished} trials without a final value not shown")
    half = (len(parts) + 1) // 2
    return "; ".join(parts[:half]) + ";\n" + "; ".join(parts[half:])


def _range(column: pa.ChunkedArray) -> str:
    low, high = min(column.to_pylist()), max(column.to_pylist())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _xy(table: pa.Table) -> tuple[list[float], list[float]]:
    return table["parameters"].to_pylist(), table["fid"].to_pylist()


def _inverse(total: float) -> Any:
    return lambda value: total / np.maximum(value, 1e-9)


def _short(value: float) -> str:
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"
