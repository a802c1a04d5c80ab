"""The report as Markdown: the answer first, then what it rests on."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from analysis.comparison import gain_by_student, with_baselines
from analysis.limit import CompressionLimit
from analysis.pareto import final_students, pareto_frontier
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
    states = ", ".join(f"{count} {state.lower()}" for state, count in state_counts(table).items())
    if not len(final_students(table)):
        return f"# {first['sweep']}\n\n{limit.sentence()}\n\nTrials: {states}.\n"
    frontier = with_baselines(pareto_frontier(table), table)
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
            *_frontier_lines(first, frontier.to_pylist()),
            "",
            budget_note(frontier),
            "",
            *_gain_lines(table),
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
        lines.append(
            f"| student {row['trial']} | {row['parameters']:,} | {row['compression_ratio']:.1f} | {row['width']} "
            f"| {row['depth']} | {_shown(row['gan_weight'], 'g')} | {_metrics(row, '')} | {baseline_text(row)} |"
        )
    return lines


def _gain_lines(table: pa.Table) -> list[str]:
    """Distilled against scratch over seeds; nothing where no student has several."""
    rows = [row for row in gain_by_student(table) if row["seeds"] > 1]
    if not rows:
        return []
    lines = [
        "## Distilled against scratch",
        "",
        "Medians over the seeds; a pair has one architecture and seed.",
        "",
        "| parameters | ratio | width | depth | gan_weight | FID | from scratch | scratch / distilled | pairs won |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['parameters']:,} | {row['compression_ratio']:.1f} | {row['width']} | {row['depth']} "
            f"| {row['gan_weight']:g} | {row['distilled_fid']:.1f} | {row['scratch_fid']:.1f} "
            f"| {row['fid_ratio']:.2f} | {row['wins']} of {row['seeds']} |"
        )
    return [*lines, ""]


def baseline_text(row: dict[str, Any]) -> str:
    """The baseline's FID of a row of `with_baselines`; how it ended where it has none; else nothing."""
    if row["baseline_fid"] is not None:
        return f"{row['baseline_fid']:.1f}"
    return (row["baseline_state"] or "").lower()


def budget_note(frontier: pa.Table) -> str:
    """What the comparison with scratch rests on: the budgets of all sides. Empty without baselines."""
    rows = frontier.to_pylist()
    budgets = sorted({row["baseline_kimg"] for row in rows if row["baseline_kimg"] is not None})
    if not budgets:
        return ""
    return (
        "From scratch: same architecture and seed, an ordinary GAN of "
        f"{_listed(budgets)} kimg (students {_listed({row['kimg'] for row in rows})}, "
        f"teacher {rows[0]['teacher_kimg']:g})."
    )


def _listed(budgets: Iterable[float]) -> str:
    return ", ".join(f"{kimg:g}" for kimg in sorted(budgets))


def _metrics(row: dict[str, Any], prefix: str) -> str:
    fid, score, sharpness = (row[prefix + name] for name in ("fid", "inception_score", "sharpness"))
    return f"{_shown(fid, '.1f')} | {_shown(score, '.2f')} | {_shown(sharpness, ',.0f')}"


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
