"""This module says a sweep's answer in few words, the same on the page, in figures, in Markdown and on the terminal."""

import pyarrow as pa
import pyarrow.compute as pc

from analysis.absence import fault_mark
from analysis.findings import Findings
from analysis.frontier.pareto import final_students
from analysis.limit.result import SCOPE, CompressionLimit, LimitStatus


def headline(findings: Findings) -> str:
    """Returns the answer in the length of a title."""
    limit, dataset = findings.limit, findings.first["dataset"]
    remark = " (provisional)" if limit.provisional else ""
    if limit.status == LimitStatus.NONE_WITHIN:
        return f"{dataset}: no size tried holds the rule{remark}"
    if limit.status == LimitStatus.NO_FINAL_ROWS:
        return f"{dataset}: no result to judge yet"
    return f"{dataset}: compression limit {limit.short()}{remark}"


def limit_label(limit: CompressionLimit) -> str:
    """Returns what stands beside the limit's line in a figure."""
    words = f"limit {limit.short()}"
    if interval := limit.interval_words():
        words += f", 95%: {interval}"
    return words + (" (provisional)" if limit.provisional and limit.interval is None else "")


def caption(findings: Findings, *, frontier: pa.Table | None = None) -> str:
    """Returns what a figure of the sweep rests on: whose limit, how many students, which budget and protocol.

    `frontier` is the one that it shows, where that is another than the one in parameters.
    """
    students = final_students(findings.table.select(["state", "mode", "final", "kimg"]))
    first, shown = findings.first, findings.frontier if frontier is None else frontier
    taught = f", teacher trained with {budget:g} kimg" if (budget := first["teacher_kimg"]) else ""  # 0 is unknown
    unfinished = pc.sum(pc.invert(findings.table["final"])).as_py() or 0
    parts = [
        *([f"limit {SCOPE}"] if findings.limit.parameters else []),
        f"{len(shown)} students on the frontier of {len(students)} finished trials{_seeds(findings)}",
        f"distilled with {number_range(students['kimg'])} kimg{taught}",
        f"{findings.metric.label} of {first['num_samples']:,} samples, {first['extractor']}",
        f"protocol {first['protocol_digest'][:8]}",
    ]
    parts += fault_mark(first["extractor_faults"])
    if unfinished:
        parts.append(f"{unfinished} trial{'s' * (unfinished != 1)} without a final value not shown")
    return "; ".join(parts)


def short_caption(findings: Findings) -> str:
    """Returns what a small figure rests on: how many students, as in a large one's caption, and the protocol."""
    rows = len(final_students(findings.table.select(["state", "mode", "final"])))
    first = findings.first
    protocol = f"protocol {first['protocol_digest'][:8]}"
    return "; ".join(
        [
            f"{rows} finished trials",
            f"{first['num_samples']:,} samples each",
            protocol,
            *fault_mark(first["extractor_faults"]),
        ]
    )


def number_range(column: pa.ChunkedArray) -> str:
    """Returns the range of a column's numbers: `40`, or `40 to 256`."""
    ends = pc.min_max(column).as_py()
    return f"{ends['min']:g}" if ends["min"] == ends["max"] else f"{ends['min']:g} to {ends['max']:g}"


def _seeds(findings: Findings) -> str:
    if not findings.is_confirmed:
        return ""
    counts = sorted({point.seeds for point in findings.limit.curve})
    if not counts:
        return ""
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f", {many} fresh seeds each where confirmed"
