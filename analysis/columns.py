"""This module names the columns that a frontier, a limit or a figure can show, with unit and direction of each."""

import math
from dataclasses import KW_ONLY, dataclass

from analysis.errors import AnalysisError


@dataclass(frozen=True)
class Column:
    """A column is a numeric one of the trial table, as axes and sentences name it.

    >>> from analysis import QUALITIES
    >>> QUALITIES["inception_score"].axis
    'IS (higher is better)'
    >>> QUALITIES["fid"].text(9.876)
    '9.9'
    """

    name: str
    label: str
    _: KW_ONLY
    unit: str = ""  # empty for a count or a share
    noun: str = ""  # what stands behind one value of a cost
    of_float: float | None = None  # of a cost: what a parameter has of it that is a float
    higher_is_better: bool = False
    form: str  # a format specification for one value
    log: bool = True  # whether it is drawn, averaged and fitted by its logarithm

    @property
    def quantity(self) -> str:
        """Returns name and unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def axis(self) -> str:
        """Returns the axis label: name, unit, and which way is better."""
        return f"{self.quantity} ({'higher' if self.higher_is_better else 'lower'} is better)"

    def text(self, value: float | None) -> str:
        """Returns one value for people; nothing where there is none."""
        return "" if value is None else format(value, self.form)

    def amount(self, value: float) -> str:
        """Returns one value with what it counts: `9,500 parameters`, `0.047 ms`, `18.2 kB`."""
        if self.unit == "bytes" and value >= 1000:
            return f"{value / 1000:,.1f} kB"
        return self.text(value) + self.noun

    def of_floats(self, parameters: float) -> float:
        """Returns what so many parameters cost that are floats, as a teacher's are; of a cost that follows from them.

        >>> from analysis import COSTS
        >>> COSTS["weight_bytes"].of_floats(1_000)
        4000
        """
        assert self.of_float is not None, f"{self.name} does not follow from the parameters alone"
        return parameters * self.of_float

    @property
    def in_unit(self) -> str:
        """Returns ` in bytes`, to stand behind what is told in the unit; nothing for a count."""
        return f" in {self.unit}" if self.unit else ""


PARAMETERS = Column("parameters", "generator parameters", noun=" parameters", of_float=1, form=",.0f")
COSTS = {
    column.name: column
    for column in (
        PARAMETERS,
        # Of trials since there are bits: a table from before has none.
        Column("weight_bytes", "weights, biases and scales", unit="bytes", noun=" bytes", of_float=4, form=",.0f"),
        Column("mac_g", "multiply-accumulates per image", unit="1e9", noun="e9 multiply-accumulates", form=".3g"),
        Column("latency_ms", "latency of one image on its machine", unit="ms", noun=" ms", form=".3g"),
        # Of a deployed student alone: a table has it that measurements were joined to.
        Column("file_bytes", "size of the deployed file", unit="bytes", noun=" bytes", form=",.0f"),
    )
}
QUALITIES = {
    column.name: column
    for column in (
        Column("fid", "FID", form=".1f"),
        Column("kid", "KID", form=".2g", log=False),  # an unbiased estimate of a small one can be negative
        Column("inception_score", "IS", higher_is_better=True, form=".2f"),
        Column("latent_mse", "MSE to the teacher", form=".2g"),
    )
}
COLUMNS = COSTS | QUALITIES


def column_of(name: str, among: dict[str, Column] = COLUMNS) -> Column:
    """Returns the column called `name`. Raises AnalysisError for any other than those in `among`."""
    if name not in among:
        raise AnalysisError(f"A column here is one of {', '.join(among)}", repr(name), "Choose among these.")
    return among[name]


def is_positive(value: float | None) -> bool:
    """Returns whether a value was measured, is finite and above 0, so that a ratio of it means something."""
    return value is not None and math.isfinite(value) and value > 0
