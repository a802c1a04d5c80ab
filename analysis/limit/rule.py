"""This module states the quality that a student must keep."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.columns import QUALITIES, Column
from analysis.errors import AnalysisError

RELATIVE = ("fid", "inception_score")  # the qualities whose value for the teacher is in the table
DEFAULT_TOLERANCE = 0.5


class LimitRule(BaseModel):
    """A student holds the rule while its metric is at least as good as a threshold.

    Either `tolerance`, a share of the teacher's value (fid with 0.5: at most 1.5 times the teacher's;
    inception_score with 0.17: at least 83% of it), or `threshold`, a value of the metric itself.

    >>> from analysis import LimitRule
    >>> rule = LimitRule(metric="fid", tolerance=1.0)
    >>> threshold = rule.threshold_for({"teacher_fid": 5.0})
    >>> rule.describe(threshold), rule.holds(9.9, threshold)
    ("FID at most 10.0 (2 times the teacher's)", True)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    metric: Literal["fid", "kid", "inception_score", "latent_mse"] = "fid"
    tolerance: Annotated[float, Field(ge=0, le=100)] | None = None  # 0.5 where there is no threshold either
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_the_default(cls, data: Any) -> Any:
        given = isinstance(data, dict) and (data.get("tolerance"), data.get("threshold")) != (None, None)
        if not isinstance(data, dict) or given or data.get("metric", "fid") not in RELATIVE:
            return data
        return {**data, "tolerance": DEFAULT_TOLERANCE}

    @model_validator(mode="after")
    def _says_what_to_hold(self) -> "LimitRule":
        if self.tolerance is not None and self.threshold is not None:
            raise ValueError(
                f"a rule has a tolerance or a threshold, got tolerance {self.tolerance:g} and threshold "
                f"{self.threshold:g}; leave one of them out"
            )
        if self.threshold is None and self.metric not in RELATIVE:
            raise ValueError(
                f"a rule on {self.metric} has a threshold, as the teacher has no value of it, got none; "
                f"set threshold, or judge by {' or '.join(RELATIVE)}"
            )
        if self.tolerance is not None and self.column.higher_is_better and self.tolerance >= 1:
            raise ValueError(f"the tolerance of {self.metric} lies below 1, got {self.tolerance:g}; all would hold it")
        if self.threshold is not None and self.column.log and self.threshold <= 0:
            raise ValueError(f"the threshold of {self.metric} is above 0, got {self.threshold:g}; raise it")
        return self

    @property
    def column(self) -> Column:
        """Returns what the metric is called, and which way is better."""
        return QUALITIES[self.metric]

    def threshold_for(self, row: Mapping[str, Any]) -> float:
        """Returns the worst value that still holds the rule, for a row of the trial table.

        Raises AnalysisError where the row has no usable value of the teacher that the rule is relative to.
        """
        if self.tolerance is None:
            assert self.threshold is not None, "checked at birth"
            return self.threshold
        teacher = row[f"teacher_{self.metric}"]
        if teacher is None or not math.isfinite(teacher) or teacher <= 0:
            raise AnalysisError(
                f"A tolerance is a share of the teacher's {self.column.label}", teacher, "State a threshold instead."
            )
        return float(teacher * (1 - self.tolerance if self.column.higher_is_better else 1 + self.tolerance))

    def holds(self, value: float | None, threshold: float) -> bool:
        """Returns whether a value is at least as good as the threshold. Missing and NaN values are not."""
        if value is None or math.isnan(value):
            return False
        return value >= threshold if self.column.higher_is_better else value <= threshold

    def holding(self, values: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.bool_]:
        """Returns which of many values hold; a NaN does not."""
        return values >= threshold if self.column.higher_is_better else values <= threshold

    def describe(self, threshold: float) -> str:
        """Returns the rule in words, such as `FID at most 10.2 (1.5 times the teacher's)`."""
        side = "least" if self.column.higher_is_better else "most"
        rule = f"{self.column.label} at {side} {self.column.text(threshold)}"
        if self.tolerance is None:
            return rule
        if self.column.higher_is_better:
            return f"{rule} ({1 - self.tolerance:.0%} of the teacher's)"
        return f"{rule} ({1 + self.tolerance:g} times the teacher's)"
