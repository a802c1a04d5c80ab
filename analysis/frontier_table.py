"""The frontier as people read it: the same words for terminal, Markdown and page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.comparison.baselines import baseline_text
from analysis.findings import Findings
from analysis.schema import settings_of


@dataclass(frozen=True)
class FrontierRow:
    """One student of the frontier, every value as text; `holds` the rule or not, None where that cannot be said."""

    trial: int
    run_id: str
    parameters: str
    ratio: str
    width: str
    depth: str
    gan_weight: str
    student: str  # width, depth, block, GAN weight and whatever else was searched, in a few words
    searched: str  # the rule's metric in the search
    confirmed: str  # and of fresh seeds, in full
    confirmed_short: str  # in fewer letters, without their number
    inception_score: str
    sharpness: str
    scratch: str
    holds: bool | None


def frontier_rows(findings: Findings) -> list[FrontierRow]:
    """The frontier's table, largest student first. Where fresh seeds finished, they alone say what holds the rule."""
    metric = findings.metric
    rows = []
    for row in reversed(findings.frontier.to_pylist()):
        rows.append(
            FrontierRow(
                trial=row["trial"],
                run_id=row["run_id"],
                parameters=f"{row['parameters']:,}",
                ratio=f"{row['compression_ratio']:.1f}",
                width=str(row["width"]),
                depth=str(row["depth"]),
                gan_weight=_shown(row["gan_weight"], "g"),
                student=student_text(row),
                searched=metric.text(row[metric.name]),
                confirmed=confirmed_text(row, findings),
                confirmed_short=_range(row, findings, "\N{EN DASH}"),
                inception_score=_shown(row["inception_score"], ".2f"),
                sharpness=_shown(row["sharpness"], ",.0f"),
                scratch=baseline_text(row),
                holds=_holds(row, findings),
            )
        )
    return rows


def student_text(row: Mapping[str, Any]) -> str:
    """A student's configuration in a few words."""
    weight = "" if row["gan_weight"] is None else f", GAN weight {row['gan_weight']:g}"
    block = "" if row["block"] == "dcgan" else f" {row['block']}"
    rest = "".join(f", {name} {value}" for name, value in settings_of(row).items())
    return f"width {row['width']}, depth {row['depth']}{block}{weight}{rest}"


def confirmed_text(row: Mapping[str, Any], findings: Findings) -> str:
    """`9.9 (9.1 to 10.4), 5 seeds`; empty where nothing was confirmed."""
    if row["confirmed_seeds"] is None:
        return ""
    failed = f", {row['confirmed_failed']} failed" if row["confirmed_failed"] else ""
    if row["confirmed"] is None:
        return f"{row['confirmed_failed']} of {row['confirmed_seeds'] + row['confirmed_failed']} failed"
    seeds = row["confirmed_seeds"]
    return f"{_range(row, findings)}, {seeds} seed{'s' * (seeds != 1)}{failed}"


def _holds(row: Mapping[str, Any], findings: Findings) -> bool | None:
    """By the fresh seeds alone where there are some; None where this student has none, or there is no threshold."""
    value = row["confirmed"] if findings.is_confirmed else row[findings.metric.name]
    threshold = findings.limit.threshold
    if value is None or threshold is None:
        return False if row["confirmed_failed"] else None
    return findings.rule.holds(value, threshold)


def _range(row: Mapping[str, Any], findings: Findings, to: str = " to ") -> str:
    form = findings.metric.text
    if row["confirmed"] is None:
        return "failed" if row["confirmed_failed"] else ""
    low, high = form(row["confirmed_low"]), form(row["confirmed_high"])
    return form(row["confirmed"]) + ("" if low == high else f" ({low}{to}{high})")


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
