"""This module gives every figure its look: as wide as one column of a paper, and the same bytes each time."""

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from analysis.errors import AnalysisError

# Okabe and Ito's palette, told apart by people of every colour vision.
BLUE, SKY, ORANGE, GREEN = "#0072B2", "#56B4E9", "#E69F00", "#009E73"
VERMILION, GREY = "#D55E00", "#8A8A8A"
LOOKS = (  # of kinds, in the order of their names
    *(("o", BLUE), ("s", ORANGE), ("D", GREEN), ("^", SKY), ("v", VERMILION), ("P", GREY), ("X", BLUE), ("<", ORANGE)),
)

COLUMN_INCHES = 3.5  # of a two-column page
DPI = 350
FORMATS = ("png", "svg", "pdf")
LEAST_TICKS = 3  # between which a value on a logarithmic axis can be told
SMALL = 6.5  # points, for legends and captions
TITLE_POINTS = 72 * COLUMN_INCHES - 42  # from the left end of the axes, right of labels of up to 42 points

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": SMALL,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "svg.hashsalt": "ganlimit",  # else the SVG's identifiers are random
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
}
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}


_drawing = threading.RLock()  # matplotlib's settings are those of the process


@contextmanager
def in_style() -> Iterator[None]:
    """Gives what the `with` block draws its look; of several threads one draws at a time."""
    with _drawing, mpl.rc_context(STYLE):
        yield


def save_figure(figure: Figure, stem: Path, *, formats: Sequence[str] = FORMATS, dpi: int = DPI) -> tuple[Path, ...]:
    """Writes STEM.png (`dpi` an inch), STEM.svg and STEM.pdf, without dates, so that equal figures are equal files.

    Raises AnalysisError where they cannot be written.

    >>> import tempfile
    >>> from analysis import save_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = save_figure(Figure(figsize=(1, 1)), Path(folder) / "empty", formats=("png", "svg"))
    ...     [path.name for path in paths if path.stat().st_size > 0]
    ['empty.png', 'empty.svg']
    """
    paths = tuple(stem.with_suffix(f".{form}") for form in formats)
    with in_style():
        for path, form in zip(paths, formats, strict=True):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=dpi, metadata=_METADATA[form])
            try:
                path.write_bytes(buffer.getvalue())
            except OSError as error:
                raise AnalysisError(
                    "A figure is written to a writable folder", f"{path} ({error.strerror})", "Choose another."
                ) from error
    return paths


class _RoundNumbers(LogLocator):
    """_RoundNumbers are at some steps of each decade, and nearer where fewer than three of them would be seen."""

    def __init__(self, steps: Sequence[float]) -> None:
        super().__init__(subs=steps)
        self._steps = steps

    def tick_values(self, vmin: float, vmax: float) -> Any:
        for steps in (self._steps, (1, 1.5, 2, 3, 5, 7)):
            places = np.asarray(LogLocator(subs=steps).tick_values(vmin, vmax))
            seen = places[(places >= vmin) & (places <= vmax)]
            if len(seen) >= LEAST_TICKS:
                return seen
        return MaxNLocator(LEAST_TICKS + 1, steps=(1, 2, 2.5, 5, 10)).tick_values(vmin, vmax)


def log_axis(axis: Axis, steps: Sequence[float] = (1, 2, 5)) -> None:
    """Makes an axis logarithmic, with round numbers at `steps` of each decade or nearer, written out."""
    axis.set_major_locator(_RoundNumbers(steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: shortened(value)))
    axis.set_minor_formatter(NullFormatter())


def plain_axis(axis: Axis) -> None:
    """Makes an axis linear, without offsets."""
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    axis.set_major_formatter(formatter)


def shortened(value: float) -> str:
    """Returns 1500 as `1.5 k`, 2e6 as `2 M`."""
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def title_above(axes: Axes, text: str) -> None:
    """Writes a figure's title above the axis of compression ratios, smaller or in two lines where it is long."""
    largest = STYLE["axes.titlesize"]
    size = largest * min(1.0, TITLE_POINTS / _title_points(text, largest))
    if size < SMALL:
        size, text = SMALL, ":\n".join(_shortened(line, SMALL) for line in text.split(": ", 1))
    axes.set_title(text, pad=22, fontsize=size)


def _shortened(text: str, size: float) -> str:
    kept = len(text)
    while _title_points(text[:kept], size) > TITLE_POINTS:
        kept -= 1
    return text if kept == len(text) else f"{text[: kept - 1]}…"


def _title_points(text: str, size: float) -> float:
    look = FontProperties(family=STYLE["font.family"], weight="bold", size=size)
    return float(TextPath((0, 0), text, prop=look).get_extents().width)


def caption_below(figure: Figure, text: str) -> None:
    """Writes what the figure rests on in small print under everything; `text` has its own line breaks."""
    figure.supxlabel(text, fontsize=SMALL - 0.5, color="#555555")


def ratio_axis(axes: Axes, total: float) -> None:
    """Draws the compression ratio above a logarithmic axis of parameters."""

    def inverse(value: Any) -> Any:
        return total / np.maximum(value, 1e-9)

    ratio = axes.secondary_xaxis("top", functions=(inverse, inverse))
    ratio.set_xlabel("compression ratio", labelpad=2)
    ratio.tick_params(pad=1)
    log_axis(ratio.xaxis)
