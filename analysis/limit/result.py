"""This module states the compression limit: how small a student may be and still hold the rule."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from analysis.limit.break_point import BreakPoint
from analysis.limit.crossing import Interval
from analysis.limit.rule import LimitRule
from analysis.notebook import html_paragraph, html_table
from analysis.nouns import counted as _counted

SCOPE = "of the students tried"  # a search may have missed a smaller student that holds: no interval knows of it


class LimitStatus(StrEnum):
    """A LimitStatus says where the limit lies among the sizes that are judged. Stored: names are only ever added.

    >>> from analysis import LimitRule, compression_limit, example_trials
    >>> rule = LimitRule(metric="fid", tolerance=1.0)  # at most 10: the teacher has 5
    >>> [compression_limit(example_trials({"fid": fid}), rule).status.value for fid in (9.0, 11.0)]
    ['NOT_REACHED', 'NONE_WITHIN']
    """

    FOUND = "FOUND"  # between two of them
    NOT_REACHED = "NOT_REACHED"  # the smallest of them still holds the rule
    NONE_WITHIN = "NONE_WITHIN"  # none of them holds the rule
    NO_FINAL_ROWS = "NO_FINAL_ROWS"  # nothing to judge yet
    AT_LEAST = "AT_LEAST"  # the smallest with fresh seeds still holds, and all smaller ones failed in the search


# How a limit's ratio is qualified; its own sentence says why.
_BEFORE = {LimitStatus.FOUND: "", LimitStatus.AT_LEAST: "at least ", LimitStatus.NOT_REACHED: "beyond "}


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A CurvePoint is a size of the curve: the student that stands for it, over its seeds.

    `value` is the mean (by logarithm where the metric is averaged so), a failed seed counting as the worst;
    `low` and `high` are the range of the measured seeds (of `value` itself where none measured anything);
    `fitted` is the curve that never gets worse with size.

    >>> from analysis import LimitRule, compression_limit, example_trials
    >>> table = example_trials({"seed": 0, "fid": 4.0}, {"seed": 1, "fid": 9.0})
    >>> (point,) = compression_limit(table, LimitRule(metric="fid", tolerance=1.0)).curve
    >>> point.parameters, point.seeds, point.low, point.high, round(point.value, 6)  # the geometric mean
    (10000, 2, 4.0, 9.0, 6.0)
    """

    parameters: int
    compression_ratio: float
    trial: int
    value: float
    low: float
    high: float
    seeds: int
    failed_seeds: int
    fitted: float
    student: dict[str, Any]  # width, depth, block, gan_weight, settings; rank and stage widths where it has them


@dataclass(frozen=True, kw_only=True)
class CompressionLimit:
    """A CompressionLimit says where quality over size crosses the rule's threshold, with its interval and the curve.

    `parameters` and `ratio` are the crossing; where the smallest size still holds (NOT_REACHED, AT_LEAST) they are
    that size's, and the limit lies at it or beyond. `confirmed` says that fresh seeds are judged, and they alone;
    `searched_below` and `searched_above`, that the search finished students smaller and larger than all of these.
    A confirmed limit is `provisional` while `reason` names what is missing of the fresh seeds. `trial`, `value` and
    `student_parameters` are the smallest student whose median holds.

    >>> from analysis import LimitRule, compression_limit, example_trials
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> compression_limit(table, LimitRule(metric="fid", tolerance=1.0)).answer.split(" (")[0]
    'On digits the compression limit of the students tried is 1/12.5 of the teacher'
    """

    rule: LimitRule
    status: LimitStatus
    sweep: str
    dataset: str
    num_samples: int
    students: int  # judged
    threshold: float | None  # None where nothing has finished
    provisional: bool
    confirmed: bool = False
    searched_below: bool = False
    searched_above: bool = False
    reason: str = ""  # why it is provisional
    confirm_command: str = ""
    ratio: float | None = None
    parameters: int | None = None
    teacher_parameters: int | None = None
    interval: Interval | None = None  # in parameters
    interval_note: str = ""  # why there is none
    curve: tuple[CurvePoint, ...] = ()
    seeds: int = 0  # the fewest of a size of the curve
    trial: int | None = None
    value: float | None = None
    student_parameters: int | None = None
    student_seeds: int = 0
    break_point: BreakPoint | None = None
    break_note: str = ""  # why there is none

    @property
    def ratio_interval(self) -> tuple[float | None, float | None] | None:
        """Returns the interval as compression ratios, the smaller first; None for an open end, or for no interval."""
        if self.interval is None or self.teacher_parameters is None:
            return None
        low, high = self.interval.low, self.interval.high
        return high and self.teacher_parameters / high, low and self.teacher_parameters / low

    def sentence(self) -> str:
        """Returns the answer in a few short sentences, on one line."""
        if self.threshold is None and not self.dataset:
            return "No student has reached its full budget yet, so there is no limit to state."
        if self.threshold is None:
            label = self.rule.column.label
            return f"No finished student on {self.dataset} has a value of {label}, so there is no limit to state."
        return f"{self.answer} {self.remark}".strip()

    @property
    def answer(self) -> str:
        """Returns the sentence without the remark that the limit is provisional."""
        if self.threshold is None:
            return self.sentence()
        parts = (self._answer(self.rule.describe(self.threshold)), self._smallest_student())
        return " ".join(part for part in parts if part)

    @property
    def remark(self) -> str:
        """Returns why the limit is provisional, and the command that confirms it; nothing where it is confirmed."""
        return f"Provisional: {self.reason}. To confirm: {self.confirm_command}" if self.provisional else ""

    @property
    def break_sentence(self) -> str:
        """Returns where quality begins to worsen steeply, or why that cannot be said."""
        found, column = self.break_point, self.rule.column
        if found is None or self.teacher_parameters is None:
            return self.break_note
        low, high = found.interval.low, found.interval.high
        sure = "beyond every size tried" if low is None else f"1/{self.teacher_parameters / low:.1f}"
        early = "above every size tried" if high is None else f"1/{self.teacher_parameters / high:.1f}"
        scale = f"log {column.label}" if column.log else column.label
        remark = "" if self.confirmed else " Provisional, as the search alone measured it."
        return (
            f"Quality ({column.label}) begins to worsen steeply at 1/{found.ratio:.1f} ({found.parameters:,.0f} "
            f"parameters; {found.interval.level:.0%} interval {early} to {sure}): below it the slope of {scale} over "
            f"log parameters is {found.slope_below:.2g}, above it {found.slope_above:.2g} (p = {found.p_value:.2g} "
            f"against a single line).{remark}"
        )

    def short(self) -> str:
        """Returns `1/26.3`, `at least 1/25.0`, `beyond 1/61.8`, or that no size holds the rule."""
        if self.status in _BEFORE and self.ratio is not None:
            return f"{_BEFORE[self.status]}1/{self.ratio:.1f}"
        return "no size tried" if self.status == LimitStatus.NONE_WITHIN else "no result yet"

    def interval_words(self) -> str:
        """Returns `1/24.1 to 1/31.0`, or `at least 1/24.1` with an open end; nothing where there is no interval."""
        ends = self.ratio_interval
        if ends is None:
            return ""
        low, high = ends
        if low is None and high is None:
            return "the whole range tried"
        if low is None:
            return f"at most 1/{high:.1f}"
        return f"at least 1/{low:.1f}" if high is None else f"1/{low:.1f} to 1/{high:.1f}"

    def __str__(self) -> str:
        return self.sentence()

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        plain = {**asdict(self), "rule": self.rule.model_dump(), "curve": [asdict(point) for point in self.curve]}
        return {**plain, "ratio_interval": self.ratio_interval and [*self.ratio_interval], "sentence": self.sentence()}

    def _repr_markdown_(self) -> str:
        return self.sentence()

    def _repr_html_(self) -> str:
        if self.threshold is None:
            return html_paragraph(self.sentence())
        smallest = "" if self.trial is None else f"{self.student_parameters:,} parameters, trial {self.trial}"
        break_point = self.break_point and f"1/{self.break_point.ratio:.1f}"
        rows = (
            ("compression limit", self.short() + " (provisional)" * self.provisional),
            ("95% interval", self.interval_words() or self.interval_note),
            ("parameters", "" if self.parameters is None else f"{self.parameters:,}"),
            ("rule", self.rule.describe(self.threshold)),
            ("smallest student that holds it", smallest),
            ("break point", break_point or ""),
        )
        return html_paragraph(self.sentence()) + html_table((), [row for row in rows if row[1]], texts=2)

    # --- the sentence's parts -----------------------------------------------------------------

    def _answer(self, rule: str) -> str:
        place, basis = f"1/{self.ratio or 0:.1f} of the teacher", self._basis()
        size = f"{self.parameters or 0:,} parameters"
        fresh = "with fresh seeds"
        if self.status == LimitStatus.NONE_WITHIN:
            where = f"{SCOPE} {fresh}" if self.searched_above else SCOPE
            return f"On {self.dataset} no size {where} holds the rule, {rule} ({basis})."
        if self.status == LimitStatus.NOT_REACHED:
            which = f"{SCOPE} {fresh}" if self.searched_below else SCOPE
            return (
                f"On {self.dataset} the limit was not reached: the smallest size {which} still holds the rule, {rule}, "
                f"at {place}, {size} ({basis})."
            )
        if self.status == LimitStatus.AT_LEAST:
            return (
                f"On {self.dataset} the compression limit {SCOPE} is at least {place}, {size}, the smallest size "
                f"{fresh} ({basis}); smaller ones failed in the search. The rule is {rule}."
            )
        return f"On {self.dataset} the compression limit {SCOPE} is {place} ({basis}): {size}. The rule is {rule}."

    def _basis(self) -> str:
        """Returns the interval, or why there is none, and how many seeds and sizes that rests on."""
        if not self.curve:
            return f"{_counted(self.students, 'student')}, none with a finite value"
        most = max(point.seeds for point in self.curve)
        fresh = "fresh " if self.confirmed else ""
        if self.interval is None and most == 1:
            return f"no interval: one {fresh}seed at {_sizes(len(self.curve))}"
        seeds = _counted(most, f"{fresh}seed") if self.seeds == most else f"{self.seeds} to {most} {fresh}seeds"
        failed = sum(point.failed_seeds for point in self.curve)
        basis = f"{seeds} at {_sizes(len(self.curve))}" + f", {_counted(failed, 'seed')} failed" * (failed > 0)
        interval = self.interval and f"{self.interval.level:.0%} interval {self.interval_words()}"
        return f"{interval or self.interval_note}; {basis}"

    def _smallest_student(self) -> str:
        if self.trial is None:
            return "No student tried holds it." if self.status != LimitStatus.NONE_WITHIN else ""
        column = self.rule.column
        median = f" (median of {self.student_seeds})" if self.student_seeds > 1 else ""
        return (
            f"The smallest student tried that holds it has {self.student_parameters:,} parameters: {column.label} "
            f"{column.text(self.value)}{median}."
        )


def _sizes(number: int) -> str:
    return "one size" if number == 1 else f"each of {number} sizes"
