"""The columns that a frontier, a limit or a figure can be of: names for people, units, and which way is better."""

import math
from dataclasses import dataclass

from analysis.errors import AnalysisError


@dataclass(frozen=True)
class Column:
    """A numeric column of the trial table, as axes and sentences name it."""

    name: str
    label: str
    unit: str  # empty for a count or a share
    higher_is_better: bool
    form: str  # a format specification for one value
    log: bool = True  # whether it is drawn, averaged and fitted by its logarithm

    @property
    def axis(self) -> str:
        """The axis label: name, unit, and which way is better."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.label}{unit} ({'higher' if self.higher_is_better else 'lower'} is better)"

    def text(self, value: float | None) -> str:
        """One value for people; empty where there is none."""
        return "" if value is None else format(value, self.form)


COSTS = {
    column.name: column
    for column in (
        Column("parameters", "generator parameters", "", False, ",.0f"),
        Column("mac_g", "multiply-accumulates per image", "1e9", False, ".3g"),
        Column("latency_ms", "latency of one image on its machine", "ms", False, ".3g"),
    )
}
QUALITIES = {
    column.name: column
    for column in (
        Column("fid", "FID", "", False, ".1f"),
        Column("kid", "KID", "", False, ".2g", log=False),  # an unbiased estimate of a small one can be negative
        Column("inception_score", "IS", "", True, ".2f"),
        Column("latent_mse", "MSE to the teacher", "", False, ".2g"),
    )
}
COLUMNS = COSTS | QUALITIES


def column_of(name: str, among: dict[str, Column] = COLUMNS) -> Column:
    """The column called `name`. Raises AnalysisError for any other than those in `among`."""
    if name not in among:
        raise AnalysisError(f"A column here is one of {', '.join(among)}", repr(name), "Choose among these.")
    return among[name]


def is_positive(value: float | None) -> bool:
    """Whether a value was measured, is finite and above 0, so that a ratio of it means something."""
    return value is not None and math.isfinite(value) and value > 0
