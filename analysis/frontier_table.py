"""This module tells the frontier as people read it, in the same words for terminal, Markdown and page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol, overload

import pyarrow as pa

from analysis.absence import text_of
from analysis.columns import PARAMETERS, Column
from analysis.comparison.baselines import baseline_text
from analysis.limit.result import CompressionLimit
from analysis.limit.rule import LimitRule
from analysis.notebook import html_table
from analysis.schema import DEFAULT_BLOCK, Phase, settings_of, size_text, width_text
from analysis.schemes import PLUS, parts_in_common

VERDICTS = {True: "holds", False: "breaks", None: ""}  # by whether the rule holds


class Found(Protocol):
    """Found is of a sweep's findings what its frontier's table tells."""

    @property
    def rule(self) -> LimitRule: ...

    @property
    def limit(self) -> CompressionLimit: ...

    @property
    def frontier(self) -> pa.Table: ...

    @property
    def confirmed(self) -> pa.Table: ...

    @property
    def metric(self) -> Column: ...

    @property
    def is_confirmed(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class FrontierRow:
    """A FrontierRow has one student of the frontier, or one with fresh seeds beside it, every value as text.

    `holds` says whether the student holds the rule; None where that cannot be said.

    >>> from analysis import LimitRule, example_trials, findings_of, frontier_rows
    >>> (row,) = frontier_rows(findings_of(example_trials({}), LimitRule(metric="fid", tolerance=1.0)))
    >>> row.parameters, row.ratio, row.student, row.holds
    ('10,000', '10.0', 'width 4, depth 1, GAN weight 0', True)
    """

    trial: int
    run_id: str
    parameters: str
    ratio: str
    width: str
    depth: str
    size: str  # width and depth in one word, with the rank of the first layer
    gan_weight: str
    student: str  # width, depth, block, rank, GAN weight and whatever else was searched, in a few words
    searched: str  # the rule's metric in the search; nothing where fresh seeds alone trained the student
    confirmed: str  # and of fresh seeds, in full
    confirmed_short: str  # in fewer letters, without their number
    inception_score: str
    sharpness: str
    scratch: str
    holds: bool | None
    aside: str = ""  # why it is not on the frontier: `dominated`, or `not searched`, which says nothing against it


@dataclass(frozen=True, kw_only=True)
class FrontierRows(Sequence[FrontierRow]):
    """FrontierRows are the students of a frontier, largest first; a notebook shows them as a table.

    Students with fresh seeds are among them wherever they stand.

    >>> from analysis import LimitRule, example_trials, findings_of, frontier_rows
    >>> rows = frontier_rows(findings_of(example_trials({}), LimitRule(metric="fid", tolerance=1.0)))
    >>> len(rows), rows[0].searched, rows._repr_html_().count("<tr>")
    (1, '10.0', 2)
    """

    rows: tuple[FrontierRow, ...]
    metric: str  # the label of what the rule judges
    confirmed: bool  # fresh seeds are judged, and not the search
    shared: str = ""  # what their schemes have in common, which no row repeats

    @overload
    def __getitem__(self, place: int) -> FrontierRow: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[FrontierRow, ...]: ...

    def __getitem__(self, place: int | slice) -> FrontierRow | tuple[FrontierRow, ...]:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def _repr_html_(self) -> str:
        fresh = ["fresh seeds"] if self.confirmed else []
        metric = f"{self.metric} in the search" if self.confirmed else self.metric
        headings = ["trial", "student", "rule", "parameters", "ratio", metric, *fresh]
        note = f"<p>All of them: {escape(self.shared)}.</p>" if self.shared else ""
        return html_table(headings, [self._cells(row) for row in self.rows], texts=3) + note

    def _cells(self, row: FrontierRow) -> list[str]:
        fresh = [row.confirmed_short] if self.confirmed else []
        verdict = VERDICTS[row.holds]
        trial = with_aside(str(row.trial), row)
        return [trial, row.student, verdict, row.parameters, row.ratio, row.searched, *fresh]


def frontier_rows(findings: Found, *, cost: str = PARAMETERS.name) -> FrontierRows:
    """Returns the rows of the table of the frontier in `cost`, largest student first.

    Where fresh seeds finished, they alone say what holds the rule, and students that have such are listed as well that
    are not on the frontier of the search.

    >>> from analysis import LimitRule, example_trials, findings_of, frontier_rows
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))  # at most 10: the teacher has 5
    >>> [(row.ratio, row.searched, row.holds) for row in frontier_rows(findings)]
    [('12.5', '10.0', True), ('25.0', '20.0', False)]
    """
    students = findings.frontier.to_pylist()
    on_it = {row["trial"] for row in students}
    others = [row for row in findings.confirmed.to_pylist() if row.get(cost) and row["trial"] not in on_it]
    if others:
        students = sorted([*students, *others], key=lambda row: row[cost])
    shared = parts_in_common(row["scheme"] for row in students) if students else ()
    asides = {row["trial"]: "not searched" if row["phase"] == Phase.CONFIRM else "dominated" for row in others}
    rows = tuple(
        _frontier_row(row, findings, shared=shared, aside=asides.get(row["trial"], "")) for row in students[::-1]
    )
    metric, confirmed = findings.metric.label, findings.is_confirmed
    return FrontierRows(rows=rows, metric=metric, confirmed=confirmed, shared=PLUS.join(shared))


def _frontier_row(row: Mapping[str, Any], findings: Found, *, shared: Sequence[str], aside: str) -> FrontierRow:
    metric = findings.metric
    return FrontierRow(
        trial=row["trial"],
        run_id=row["run_id"],
        parameters=f"{row['parameters']:,}",
        ratio=f"{row['compression_ratio']:.1f}",
        width=width_text(row),
        depth=str(row["depth"]),
        size=size_text(row),
        gan_weight="" if row["gan_weight"] is None else f"{row['gan_weight']:g}",
        student=student_text(row, shared=shared),
        searched="" if aside == "not searched" else metric.text(row[metric.name]),
        confirmed=confirmed_text(row, findings),
        confirmed_short=_range(row, findings, to="\N{EN DASH}"),
        inception_score=text_of(row["inception_score"], ".2f"),
        sharpness=text_of(row["sharpness"], ",.0f"),
        scratch=baseline_text(row),
        holds=_holds(row, findings),
        aside=aside,
    )


def with_aside(name: str, row: FrontierRow) -> str:
    """Returns a student's name, with why it is not on the frontier where it is not."""
    return f"{name}, {row.aside}" if row.aside else name


def student_text(row: Mapping[str, Any], *, shared: Sequence[str] = ()) -> str:
    """Returns a student's configuration in a few words, without the `shared` parts of its scheme."""
    weight = "" if row["gan_weight"] is None else f", GAN weight {row['gan_weight']:g}"
    block = "" if row["block"] == DEFAULT_BLOCK else f" {row['block']}"
    own = [part for part in (row["scheme"] or "").split(PLUS) if part and part not in shared]
    scheme = f", {PLUS.join(own)}" if own else ""
    settings = {name: value for name, value in settings_of(row).items() if name != "bits"}  # which the scheme says
    rest = "".join(f", {name} {_word(value)}" for name, value in settings.items())
    return f"width {width_text(row)}, depth {row['depth']}{block}{weight}{scheme}{rest}"


def _word(value: object) -> str:
    """Returns a searched value as a sweep's file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def confirmed_text(row: Mapping[str, Any], findings: Found) -> str:
    """Returns `9.9 (9.1 to 10.4), 5 seeds`; nothing where nothing was confirmed."""
    if row["confirmed_seeds"] is None:
        return ""
    failed = f", {row['confirmed_failed']} failed" if row["confirmed_failed"] else ""
    if row["confirmed"] is None:
        return f"{row['confirmed_failed']} of {row['confirmed_seeds'] + row['confirmed_failed']} failed"
    seeds = row["confirmed_seeds"]
    return f"{_range(row, findings)}, {seeds} seed{'s' * (seeds != 1)}{failed}"


def reference_text(first: Mapping[str, Any], prefix: str, *, metric: Column) -> str:
    """Returns the rule's metric of the real images or of the teacher; nothing for one that tables have of no teacher.

    >>> from analysis import QUALITIES, example_trials, reference_text
    >>> (row,) = example_trials({}).to_pylist()
    >>> [reference_text(row, prefix, metric=QUALITIES["fid"]) for prefix in ("real_", "teacher_")]
    ['4.0', '5.0']
    """
    name = prefix + metric.name
    return text_of(first[name], metric.form) if name in first else ""


def _holds(row: Mapping[str, Any], findings: Found) -> bool | None:
    """Returns whether the rule holds, by fresh seeds alone where there are some; None where it cannot be said."""
    value = row["confirmed"] if findings.is_confirmed else row[findings.metric.name]
    threshold = findings.limit.threshold
    if value is None or threshold is None:
        return False if row["confirmed_failed"] else None
    return findings.rule.holds(value, threshold)


def _range(row: Mapping[str, Any], findings: Found, *, to: str = " to ") -> str:
    form = findings.metric.text
    if row["confirmed"] is None:
        return "failed" if row["confirmed_failed"] else ""
    low, high = form(row["confirmed_low"]), form(row["confirmed_high"])
    return form(row["confirmed"]) + ("" if low == high else f" ({low}{to}{high})")
