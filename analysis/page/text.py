"""This module gives what the page says in words and tables, as plain strings for its template."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.absence import text_of
from analysis.comparison.baselines import budget_note
from analysis.findings import SOUGHT, Findings
from analysis.frontier_table import frontier_rows
from analysis.limit.result import SCOPE, LimitStatus
from analysis.page.chapter import Chapter, Strip
from analysis.page.charts import MOST_TRIALS
from analysis.page.device import device_text
from analysis.page.ruler import ruler_panels
from analysis.ruler import ruler_sentence
from analysis.wording import caption

Cells = dict[str, Any]


def overview(chapters: Sequence[Chapter]) -> list[Cells]:
    """Returns the limits of several sweeps in one table; nothing for a single one."""
    if len(chapters) < 2:
        return []
    return [
        {
            "name": chapter.name,
            "dataset": chapter.findings.first.get("dataset", ""),
            "limit": chapter.findings.sought.short(),
            "range": chapter.findings.sought.interval_words(),
            "parameters": _count(chapter.findings.limit.parameters),
            "rule": rule_text(chapter.findings),
            "provisional": chapter.findings.sought.provisional,
            "break_point": _break(chapter.findings),
        }
        for chapter in chapters
    ]


def chapter_text(chapter: Chapter) -> Cells:
    """Returns all that the template writes of one sweep."""
    findings = chapter.findings
    of_space = chapter.space.sentence(findings.first["teacher_parameters"]) if chapter.space else ""
    sought = [of_space] if chapter.course and of_space else []
    return {
        "name": chapter.name,
        "dataset": findings.first.get("dataset", ""),
        "answer": findings.sought.short(),
        "sought": f"limit{SOUGHT[findings.cost].in_unit}"
        if findings.sought is findings.bytes_limit
        else "compression limit",
        "range": findings.sought.interval_words(),
        "sentence": findings.sought.answer,
        "provisional": findings.sought.provisional,
        "reason": findings.sought.reason,
        "confirm_command": findings.limit.confirm_command,
        "other_limits": (*sought, *findings.sentences[1:]),
        "break_point": findings.break_sentence,
        "caption": caption(findings) if len(findings.frontier) else "",
        "counts": findings.counts,
        "frontier": frontier_rows(findings),
        "confirmed": findings.is_confirmed,
        "metric": findings.metric.label,
        "notes": findings.notes,
        "budget_note": budget_note(findings.frontier),
        "samples": _strips(chapter.samples, findings),
        "interpolations": _strips(chapter.interpolations, findings),
        "limit_words": f"the limit {SCOPE}" if findings.limit.status == LimitStatus.FOUND else "not confirmed below",
        "gains": {key: [gain.sentence() for gain in gains] for key, gains in findings.gains.items()},
        "ruler": ruler_panels(chapter.ruler),
        "ruler_sentence": ruler_sentence(chapter.ruler),
        "answers": findings.answers,
        "made": made_of(chapter),
        "specification": chapter.specification,
        "commands": chapter.commands,
        "has_runs": chapter.run_url is not None,
        "space_sentence": of_space,
        "device": device_text(chapter.device) if chapter.device else None,
        "has_importances": bool(chapter.importances),
        "has_progress": len(findings.progress) > 0,
        "trials": len(findings.table),
        "left_out": left_out_note(len(findings.table)),
    }


def left_out_note(trials: int) -> str:
    """Returns that the page does not have every trial, and which it has; nothing where it has all."""
    if trials <= MOST_TRIALS:
        return ""
    return (
        f"Of {trials:,} trials this page shows the frontiers, students with fresh seeds, and an even share of the "
        f"others, {MOST_TRIALS:,} in all unless the former are more. Limit, frontier and every number in words are of "
        "all; trials.parquet beside this page has them."
    )


def rule_text(findings: Findings) -> str:
    """Returns the rule in words; nothing while there is no teacher's value to judge by."""
    threshold = findings.limit.threshold
    return "" if threshold is None else findings.rule.describe(threshold)


def made_of(chapter: Chapter) -> list[tuple[str, str]]:
    """Returns how the sweep was made: models, protocol, seeds, cost and versions."""
    findings = chapter.findings
    first, table = findings.first, findings.table
    if not first:
        return []
    seeds = _seeds_by_phase(table)
    last = first["teacher_last_fid"]
    return [
        ("trials", findings.counts),
        ("teacher", f"{first['teacher_version']}, {_count(first['teacher_parameters'])} parameters, "
                    f"{first['teacher_kimg']:g} kimg, FID {first['teacher_fid']:.1f}"
                    + (f" ({last:.1f} at the end of its training)" if last is not None else "")),
        *((("teacher's critic", first["teacher_critic"]),) if first["teacher_critic"] else ()),
        ("teacher's weights", first["teacher_digest"]),
        ("protocol", first["protocol_digest"]),
        ("extractor", f"{first['extractor']}, {first['num_samples']:,} samples an evaluation"),
        ("real held-out images", _of_real(first)),
        ("seeds", "; ".join(f"{phase}: {_listed(values)}" for phase, values in seeds.items())),
        ("cost", _cost(table)),
        *((f"version of {name}", version) for name, version in chapter.versions.items()),
    ]  # fmt: skip


def _of_real(first: Mapping[str, Any]) -> str:
    fid, score = text_of(first["real_fid"], ".1f"), text_of(first["real_inception_score"], ".2f")
    return f"FID {fid}, IS {score}, the floor"


def _cost(table: pa.Table) -> str:
    """Returns the cost of the trials that this sweep itself ran: one taken from another sweep cost it nothing."""
    costs = table.select(["kimg", "wall_s"])
    own = costs.filter(pc.greater(costs["wall_s"], 0))
    others = len(table) - len(own)
    taken = f"; {others} trials of no cost, taken from other sweeps or never begun" if others else ""
    kimg, hours = pc.sum(own["kimg"]).as_py() or 0.0, (pc.sum(own["wall_s"]).as_py() or 0.0) / 3600
    return f"{kimg:,.0f} kimg in {hours:.2f} hours of trials, without the teacher's{taken}"


def _strips(strips: Sequence[Strip], findings: Findings) -> list[Cells]:
    """Returns the strips with their images, and where among them the limit lies."""
    limit, rows = findings.limit.parameters, []
    passed = findings.limit.status not in (LimitStatus.FOUND, LimitStatus.AT_LEAST)
    for strip in strips:
        is_first_beyond = not passed and limit is not None and strip.parameters < limit
        passed = passed or is_first_beyond
        rows.append(
            {
                "label": strip.label,
                "about": strip.about,
                "parameters": _count(strip.parameters),
                "trial": strip.trial,
                "source": strip.data_uri(),
                "width": strip.images_NCHW.shape[3] * strip.columns,
                "height": strip.images_NCHW.shape[2],
                "columns": strip.columns,
                "limit_before": is_first_beyond,
            }
        )
    return rows


def _seeds_by_phase(table: pa.Table) -> dict[str, list[int]]:
    """Returns each seed of a phase once, in order."""
    phases = table["phase"].unique().to_pylist()
    of_phase = {phase: table["seed"].filter(pc.equal(table["phase"], phase)) for phase in phases}
    ordered = {phase: np.sort(seeds.to_numpy()) for phase, seeds in of_phase.items()}
    return {phase: seeds[np.diff(seeds, prepend=seeds[:1] - 1) != 0].tolist() for phase, seeds in ordered.items()}


def _listed(values: Sequence[int]) -> str:
    return textwrap.shorten(", ".join(str(value) for value in values[:80]), 80, placeholder=" and more")


def _break(findings: Findings) -> str:
    found = findings.limit.break_point
    return f"1/{found.ratio:.1f}" if found else ""


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
