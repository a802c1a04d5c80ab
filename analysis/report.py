"""The report as Markdown: the answer first, then what it rests on."""

from typing import Any

import pyarrow as pa

from analysis.comparison import with_baselines
from analysis.limit import CompressionLimit
from analysis.pareto import pareto_frontier
from analysis.schema import require_one_protocol, state_counts


def markdown_report(
    table: pa.Table, limit: CompressionLimit, figure: str = "pareto.png", grid: str = "samples.png"
) -> str:
    """The report of one sweep; `figure` and `grid` are the paths of its images beside it.

    Raises AnalysisError for rows of several protocols.
    """
    require_one_protocol(table)
    if not len(table):
        return "No trial has begun.\n"
    first = table.slice(0, 1).to_pylist()[0]
    frontier = with_baselines(pareto_frontier(table), table).to_pylist()
    states = ", ".join(f"{count} {state.lower()}" for state, count in state_counts(table).items())
    return "\n".join(
        [
            f"# {first['sweep']}: how small can it get?",
            "",
            limit.sentence(),
            "",
            f"![Parameters against FID: the students, their Pareto frontier and the limit]({figure})",
            "",
            "## Pareto frontier",
            "",
            *_frontier_lines(first, frontier),
            "",
            *_baseline_note(first, frontier),
            "## Samples",
            "",
            "The teacher above the students of the frontier; each column is one latent.",
            "",
            f"![Samples of the teacher and of the frontier's students at the same latents]({grid})",
            "",
            "## How it was made",
            "",
            f"- trials: {states}",
            f"- teacher: {first['teacher_version']}, {first['teacher_parameters']:,} parameters, "
            f"{first['teacher_kimg']:g} kimg, weights {first['teacher_digest'][:16]}",
            f"- protocol: {first['protocol_digest'][:16]}, extractor {first['extractor']}, "
            f"{first['num_samples']:,} samples an evaluation",
            "",
        ]
    )


def _frontier_lines(first: dict[str, Any], frontier: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| | parameters | ratio | width | depth | gan_weight | FID | IS | sharpness | FID from scratch |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        f"| real held-out images | | | | | | {_metrics(first, 'real_')} | |",
        f"| teacher | {first['teacher_parameters']:,} | 1 | | | | {_metrics(first, 'teacher_')} | |",
    ]
    for row in reversed(frontier):
        baseline = f"{row['baseline_fid']:.1f}" if row["baseline_fid"] is not None else row["baseline_state"] or ""
        lines.append(
            f"| student {row['trial']} | {row['parameters']:,} | {row['compression_ratio']:.1f} | {row['width']} "
            f"| {row['depth']} | {row['gan_weight']:g} | {_metrics(row, '')} | {baseline} |"
        )
    return lines


def _baseline_note(first: dict[str, Any], frontier: list[dict[str, Any]]) -> list[str]:
    budgets = sorted({row["baseline_kimg"] for row in frontier if row["baseline_kimg"] is not None})
    if not budgets:
        return []
    students = sorted({row["kimg"] for row in frontier})
    return [
        "From scratch: the same architecture and seed, trained as an ordinary GAN with "
        f"{', '.join(f'{b:g}' for b in budgets)} kimg (students: {', '.join(f'{s:g}' for s in students)} kimg; "
        f"teacher: {first['teacher_kimg']:g} kimg).",
        "",
    ]


def _metrics(row: dict[str, Any], prefix: str) -> str:
    fid, score, sharpness = (row[prefix + name] for name in ("fid", "inception_score", "sharpness"))
    return f"{fid:.1f} | {score:.2f} | {sharpness:,.0f}"
