"""This module states how little a student may cost and still hold the rule, in a cost that a device pays."""

from dataclasses import asdict, dataclass
from typing import Any

from analysis.columns import COSTS, Column
from analysis.limit.crossing import Interval
from analysis.limit.result import LimitStatus
from analysis.limit.rule import LimitRule
from analysis.notebook import html_paragraph
from analysis.nouns import counted

_LEAST = {  # what is sought, and how the student that has the least of it is called
    "parameters": ("smallest number of parameters", "smallest"),
    "weight_bytes": ("smallest store of weights", "smallest"),
    "mac_g": ("smallest number of multiply-accumulates", "cheapest"),
    "latency_ms": ("smallest latency", "fastest"),
    "file_bytes": ("smallest file", "smallest"),
}
FLOAT_BITS = 32
_SCOPE = "of the students measured"


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Ratios say how many times fewer parameters, milliseconds and bytes a student has than its teacher.

    They differ: a small network's time is not its multiplications'. Milliseconds and bytes are in the student's own
    form, None where the teacher was not measured in it. `weight_bytes` is of what is learnt, the teacher's taken as 4
    bytes a parameter.

    >>> from analysis import Ratios
    >>> Ratios(parameters=26.3, latency_ms=5.2, file_bytes=None).words()
    '26.3 times fewer parameters than the teacher, 5.2 times faster'
    """

    parameters: float
    latency_ms: float | None
    file_bytes: float | None
    weight_bytes: float | None = None

    def words(self) -> str:
        """Returns `26.3 times fewer parameters than the teacher, 5.2 times faster, 14.0 times fewer bytes`."""
        faster = f", {self.latency_ms:.1f} times faster" if self.latency_ms else ""
        smaller = f", {self.file_bytes:.1f} times fewer bytes" if self.file_bytes else ""
        learnt = f", {self.weight_bytes:.1f} times fewer bytes of weights" if self.weight_bytes else ""
        return f"{self.parameters:.1f} times fewer parameters than the teacher{faster}{smaller}{learnt}"


@dataclass(frozen=True, kw_only=True)
class CheapestStudent:
    """A CheapestStudent is the one of least cost whose median holds the rule, and what it costs and gains.

    >>> from analysis import LimitRule, cost_limits, example_trials
    >>> (limit,) = cost_limits(example_trials({}), LimitRule(metric="fid", tolerance=1.0), cost="mac_g")
    >>> limit.student.trial, limit.student.value, limit.student.ratios.parameters
    (1, 10.0, 10.0)
    """

    trial: int
    value: float  # of the rule's metric, the median over its seeds
    seeds: int
    own_quality: bool  # whether `value` is of the form's own images, or of ones that it does not change
    costs: dict[str, float]  # those that are known, in their own units
    ratios: Ratios
    bits: int | None = None  # of each weight; None where they are floats


@dataclass(frozen=True, kw_only=True)
class CostLimit:
    """A CostLimit says at which cost quality crosses the rule's threshold, of students in one form.

    `amount` is the crossing in the cost's unit; where the cheapest student still holds (NOT_REACHED, AT_LEAST) it is
    that student's, and the limit lies at it or below. `form` is None for students that were not deployed. As for a
    `CompressionLimit`, fresh seeds alone are judged where there are any.

    >>> from analysis import LimitRule, cost_limits, example_trials
    >>> students = [{"width": n, "parameters": 1_000 * n, "mac_g": n / 1000, "fid": 80 / n} for n in (4, 8, 16)]
    >>> (limit,) = cost_limits(example_trials(*students), LimitRule(metric="fid", tolerance=1.0), cost="mac_g")
    >>> round(limit.amount, 6), limit.student.costs["parameters"]
    (0.008, 8000)
    """

    cost: str
    form: str | None
    machine: str | None  # that measured; None where nothing was
    rule: LimitRule
    status: LimitStatus
    sweep: str
    dataset: str
    threshold: float
    students: int  # judged
    confirmed: bool
    reason: str  # why it is provisional; empty where it is not
    amount: float | None = None
    interval: Interval | None = None  # in the cost's unit
    interval_note: str = ""  # why there is none
    sizes: int = 0  # students of the curve
    seeds: int = 0  # the fewest of one of them
    most_seeds: int = 0
    ends: tuple[float, float] | None = None  # of the curve: the least cost and the greatest
    student: CheapestStudent | None = None

    @property
    def column(self) -> Column:
        return COSTS[self.cost]

    @property
    def provisional(self) -> bool:
        return bool(self.reason)

    def sentence(self) -> str:
        """Returns the answer in a few short sentences, on one line."""
        return f"{self.answer} Provisional: {self.reason}." if self.provisional else self.answer

    def short(self) -> str:
        """Returns the answer in a few words: `0.047 ms, onnx`, or that there is none."""
        form = self._form
        if self.amount is None:
            return f"none{form}"
        beyond = "" if self.status == LimitStatus.FOUND else "at most "
        return f"{beyond}{self.column.amount(self.amount)}{form}"

    @property
    def answer(self) -> str:
        """Returns the sentence without the remark that the limit is provisional."""
        return " ".join(part for part in (self._answer(), self._student()) if part)

    def interval_words(self) -> str:
        """Returns `1.6 kB to 1.8 kB`, an end that is open in words; nothing where there is no interval."""
        if self.interval is None:
            return ""
        low, high = (
            None if end is None else self.column.amount(end) for end in (self.interval.low, self.interval.high)
        )
        return f"{low or 'anything below'} to {high or 'anything above'}"

    def __str__(self) -> str:
        return self.sentence()

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {**asdict(self), "rule": self.rule.model_dump(), "sentence": self.sentence()}

    def _repr_html_(self) -> str:
        return html_paragraph(self.sentence())

    # --- the sentence's parts -----------------------------------------------------------------

    def _answer(self) -> str:
        least, _ = _LEAST[self.cost]
        rule, form = self.rule.describe(self.threshold), self._form
        if self.amount is None:
            form = f"{form}," if form else ""
            return f"On {self.dataset} no student measured{form} holds the rule, {rule} ({self._basis()})."
        at = self.column.amount(self.amount)
        if self.status == LimitStatus.FOUND:
            return (
                f"On {self.dataset} the {least} {_SCOPE} that holds the rule is {at}{form} ({self._basis()}). "
                f"The rule is {rule}."
            )
        return (
            f"On {self.dataset} the {least} {_SCOPE}, {at}{form}, still holds the rule, {rule} ({self._basis()}): "
            "the limit lies there or below."
        )

    @property
    def _form(self) -> str:
        """Returns what stands behind an amount: the form, or the bits of the weights where these make the cost."""
        if self.form:
            return f", {self.form}"
        has_bits = self.cost == "weight_bytes" and self.student is not None
        return f", {self.student.bits or FLOAT_BITS} bits" if has_bits and self.student else ""

    def _basis(self) -> str:
        """Returns the interval, or why there is none, and how many seeds and students that rests on."""
        fresh = "fresh " if self.confirmed else ""
        seeds = f"{counted(self.seeds, f'{fresh}seed')} at {'one size' if self.sizes == 1 else f'{self.sizes} sizes'}"
        if self.interval is None:
            return f"{self.interval_note}; {seeds}"
        is_open = self.interval.low is None and self.interval.high is None
        ends = "the whole range measured" if is_open else self.interval_words()
        return f"{self.interval.level:.0%} interval {ends}; {seeds}"

    def _student(self) -> str:
        if self.student is None:
            return ""
        student, metric = self.student, self.rule.column
        _, superlative = _LEAST[self.cost]
        shown = [
            COSTS[name].amount(student.costs[name]) for name in ("latency_ms", "file_bytes") if name in student.costs
        ]
        place = " and ".join(shown) if shown and self.form else self.column.amount(student.costs[self.cost])
        form = self._form
        median = f" (median of {student.seeds})" if student.seeds > 1 else ""
        unknown = "" if student.own_quality else f" That is the float's: the images of {self.form} were not measured."
        return (
            f"The {superlative} that holds it is trial {student.trial} in {place}{form}: {metric.label} "
            f"{metric.text(student.value)}{median}, {student.ratios.words()}.{unknown}"
        )
