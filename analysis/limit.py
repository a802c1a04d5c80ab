"""The compression limit: how small a student may be and still hold the quality rule."""

import math
import statistics
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.pareto import DIRECTIONS, final_students
from analysis.schema import Phase, require_one_protocol, require_one_teacher, student_of


class LimitRule(BaseModel):
    """A student holds the rule while its metric is within `tolerance`, a share of the teacher's value.

    fid with 0.5: at most 1.5 times the teacher's. inception_score with 0.17: at least 83% of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    metric: Literal["fid", "inception_score"] = "fid"
    tolerance: Annotated[float, Field(ge=0, le=100)] = 0.5

    @model_validator(mode="after")
    def _leaves_something_to_hold(self) -> "LimitRule":
        if DIRECTIONS[self.metric] and self.tolerance >= 1:
            raise ValueError(f"the tolerance of {self.metric} lies below 1, got {self.tolerance}; all would hold it")
        return self

    def threshold(self, teacher_value: float) -> float:
        """The worst value that still holds the rule."""
        return teacher_value * (1 - self.tolerance if DIRECTIONS[self.metric] else 1 + self.tolerance)

    def holds(self, value: float | None, threshold: float) -> bool:
        """Whether a value is at least as good as the threshold. Missing and NaN values are not."""
        if value is None or math.isnan(value):
            return False
        return value >= threshold if DIRECTIONS[self.metric] else value <= threshold

    def describe(self, threshold: float) -> str:
        """The rule in words, such as `FID at most 10.2 (1.5 times the teacher's)`."""
        if DIRECTIONS[self.metric]:
            return f"IS at least {threshold:.2f} ({1 - self.tolerance:.0%} of the teacher's)"
        return f"FID at most {threshold:.1f} ({1 + self.tolerance:g} times the teacher's)"


class LimitStatus(StrEnum):
    """Where the limit lies with respect to the sizes that were tried."""

    FOUND = "FOUND"  # inside the searched range
    NOT_REACHED = "NOT_REACHED"  # the smallest student tried still holds the rule
    NONE_WITHIN = "NONE_WITHIN"  # no student tried holds the rule
    NO_FINAL_ROWS = "NO_FINAL_ROWS"  # nothing to judge yet


@dataclass(frozen=True)
class CompressionLimit:
    """The largest compression ratio whose student holds the rule, and how sure that is.

    `provisional`: the rows come from the search alone, whose best of many noisy results flatters.
    """

    rule: LimitRule
    status: LimitStatus
    dataset: str
    num_samples: int
    students: int
    threshold: float | None  # None where nothing has finished
    provisional: bool
    ratio: float | None = None
    parameters: int | None = None
    value: float | None = None  # of a confirmed student the median over its seeds
    trial: int | None = None  # of several seeds the one nearest to the median
    seeds: int = 1

    def sentence(self) -> str:
        """The answer in one sentence (two where it is provisional)."""
        if self.threshold is None:
            return "No student has reached its full budget yet, so there is no limit to state."
        rule = self.rule.describe(self.threshold)
        judged = f"{self.students} student{'s' * (self.students != 1)}, {self.num_samples:,} samples each"
        if self.status == LimitStatus.NONE_WITHIN:
            return f"On {self.dataset} no student within the searched range has {rule}; {judged}."
        name, digits = ("IS", 2) if self.rule.metric == "inception_score" else ("FID", 1)
        seeds = f" (median of {self.seeds} fresh seeds)" if self.seeds > 1 else ""
        found = (
            f"at {self.parameters:,} parameters, 1/{self.ratio:.1f} of the teacher, "
            f"with {name} {self.value:.{digits}f}{seeds}; the rule is {rule}; {judged}"
        )
        if self.status == LimitStatus.NOT_REACHED:
            answer = f"On {self.dataset} the limit was not reached: the smallest student still holds, {found}."
        else:
            answer = f"On {self.dataset} the compression limit lies {found}."
        return answer + (
            " Provisional: it is the best of many noisy search results, which flatters it." if self.provisional else ""
        )

    def as_dict(self) -> dict[str, Any]:
        """The same for a script. Every value is JSON."""
        return {**asdict(self), "rule": self.rule.model_dump(), "sentence": self.sentence()}


def compression_limit(table: pa.Table, rule: LimitRule) -> CompressionLimit:
    """The largest compression ratio among final students that hold `rule`.

    Where there are confirmed rows they alone are judged, each student by the median over its seeds.
    Raises AnalysisError for rows of several protocols or several teachers.
    """
    table = final_students(table)
    require_one_protocol(table)
    require_one_teacher(table)
    tried = table.to_pylist()
    confirmed = [row for row in tried if row["phase"] == Phase.CONFIRM]
    rows = _medians(confirmed, rule) if confirmed else tried
    if not rows:
        return CompressionLimit(rule, LimitStatus.NO_FINAL_ROWS, "", 0, 0, None, provisional=True)
    first = rows[0]
    threshold = rule.threshold(first[f"teacher_{rule.metric}"])
    base = CompressionLimit(
        rule=rule,
        status=LimitStatus.NONE_WITHIN,
        dataset=first["dataset"],
        num_samples=first["num_samples"],
        students=len(rows),
        threshold=threshold,
        provisional=not confirmed,
    )
    holding = [row for row in rows if rule.holds(row[rule.metric], threshold)]
    if not holding:
        return base
    best = max(holding, key=lambda row: (row["compression_ratio"], -row["trial"]))
    # Only candidates are confirmed: whether a smaller student was tried is known from the search as well.
    smallest = min(row["parameters"] for row in tried)
    status = LimitStatus.NOT_REACHED if best["parameters"] == smallest else LimitStatus.FOUND
    return replace(
        base,
        status=status,
        ratio=best["compression_ratio"],
        parameters=best["parameters"],
        value=best[rule.metric],
        trial=best["trial"],
        seeds=best.get("seeds", 1),
    )


def _medians(rows: list[dict[str, Any]], rule: LimitRule) -> list[dict[str, Any]]:
    """One row per student: that of the seed nearest to the median, with the median as its metric."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(student_of(row), []).append(row)
    found = []
    for group in groups.values():
        values = [row[rule.metric] for row in group if row[rule.metric] is not None]
        median = statistics.median(values) if values else math.nan
        nearest = min(group, key=lambda row: abs((row[rule.metric] or math.inf) - median))
        found.append({**nearest, rule.metric: median, "seeds": len(values)})
    return found
