"""This module writes the report as Markdown: the answer first, then what it rests on."""

from collections.abc import Mapping
from typing import Any

from analysis.absence import text_of
from analysis.comparison.baselines import budget_note
from analysis.device import DeviceFindings
from analysis.device_table import DEVICE_NOTE, device_cells, device_headings
from analysis.findings import Findings
from analysis.frontier_table import VERDICTS, FrontierRow, confirmed_text, frontier_rows, reference_text, with_aside
from analysis.limit.cost_limit import FLOAT_BITS
from analysis.schema import size_text
from analysis.seeking.limit_search import SpaceLimit
from analysis.wording import caption

REPORT_FIGURES = {
    "pareto": "Parameters against quality: the students, their Pareto frontier and the limit",
    "bytes": "Bytes of what students learn against quality, by the bits of their weights, and the limit in bytes",
    "samples": "Samples of the teacher and of the frontier's students at the same latents",
    "interpolations": "Images along lines between latents, of the teacher and of students",
    "space": "The best student of at most each size by a model of the whole space, and how probably each is the limit",
    "course": "Where the limit of the space lay, with its 95% interval, while the search went on",
    "gain-scratch": "How many times better distilled students are than the same GANs from scratch",
    "gain-joint": "How many times better the joint scheme is than MSE alone",
    "sharpness": "Sharpness relative to the teacher's, by scheme",
    "importance": "How much of the variation of quality each searched parameter explains",
    "progress": "Dominated hypervolume against the images that the search spent",
    "examination": "The root of FID over rising amounts of each disturbance of real images",
    "device-latency_ms": "Latency of deployed students against quality, in every form that they were measured in",
    "device-file_bytes": "Bytes of deployed students against quality, in every form that they were measured in",
}
_OF_DEVICE = ("device-latency_ms", "device-file_bytes")
_ELSEWHERE = ("pareto", "bytes", *_OF_DEVICE)  # of the figures: with what they show


def markdown_report(
    findings: Findings,
    figures: Mapping[str, str],
    *,
    space: SpaceLimit | None = None,
    space_leads: bool = False,
    device: DeviceFindings | None = None,
) -> str:
    """Returns the report of one sweep; `figures` are the paths beside it of those of REPORT_FIGURES that were drawn.

    `space` is where the limit of the whole searched space lies, which stands first with `space_leads`: where the search
    went for it. `device` is what its students cost where they were measured.

    >>> from analysis import LimitRule, example_trials, findings_of, markdown_report
    >>> findings = findings_of(example_trials({"sweep": "mine"}), LimitRule(metric="fid", tolerance=1.0))
    >>> markdown_report(findings, {}).splitlines()[0]
    '# mine: how small can it get?'
    """
    if not len(findings.table):
        return "No trial has begun.\n"
    first = findings.first
    of_space = [space.sentence(first["teacher_parameters"])] if space is not None else []
    limits = [*of_space, *findings.sentences] if space_leads else [*findings.sentences, *of_space]
    parts = [f"# {first['sweep']}: how small can it get?", *limits]
    if findings.limit.break_point or findings.limit.break_note:
        parts.append(findings.break_sentence)
    if len(findings.frontier):
        parts += [
            *_figure("pareto", figures),
            f"{caption(findings)}.",
            "## Pareto frontier",
            "\n".join(_frontier_lines(findings)),
            " ".join(findings.notes),
            budget_note(findings.frontier),
            *(gain.sentence() for gains in findings.gains.values() for gain in gains),
            *(line for name in REPORT_FIGURES if name not in _ELSEWHERE for line in _figure(name, figures)),
        ]
    parts += _bytes_parts(findings, figures)
    parts += _device_parts(device, figures) if device else []
    if findings.answers:
        parts += ["## The paper's five questions"]
        parts += [f"{n}. **{answer.question}** {answer.sentence}" for n, answer in enumerate(findings.answers, start=1)]
    parts += ["## How it was made", "\n".join(_made(findings))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _bytes_parts(findings: Findings, figures: Mapping[str, str]) -> list[str]:
    if findings.bytes_limit is None or findings.bytes_frontier is None:
        return []
    metric = findings.metric
    headings = ["trial", "size", "bits", "bytes", "parameters", f"{metric.label} in the search", "of fresh seeds"]
    lines = [headings, ["---:", "---", *["---:"] * (len(headings) - 2)]]
    for row in findings.bytes_frontier.to_pylist():
        bits, learnt = row["bits"] or FLOAT_BITS, f"{row['weight_bytes']:,}"
        searched, fresh = metric.text(row[metric.name]), confirmed_text(row, findings)
        lines.append([str(row["trial"]), size_text(row), str(bits), learnt, f"{row['parameters']:,}", searched, fresh])
    return ["## In bytes", *_figure("bytes", figures), "\n".join("| " + " | ".join(cells) + " |" for cells in lines)]


def _device_parts(device: DeviceFindings, figures: Mapping[str, str]) -> list[str]:
    headings = [*device_headings(device), "rule"]
    lines = [headings, ["---"] * 3 + ["---:"] * (len(headings) - 4) + ["---"]]
    lines += [[*cells, VERDICTS[row.holds]] for row, cells in device_cells(device)]
    return [
        "## What a device pays",
        *device.sentences(),
        *(line for name in _OF_DEVICE for line in _figure(name, figures)),
        "\n".join("| " + " | ".join(cells) + " |" for cells in lines),
        f"{DEVICE_NOTE} {device.basis}.",
    ]


def _figure(name: str, figures: Mapping[str, str]) -> list[str]:
    return [f"![{REPORT_FIGURES[name]}]({figures[name]})"] if name in figures else []


def _frontier_lines(findings: Findings) -> list[str]:
    first, metric, confirmed = findings.first, findings.metric, findings.is_confirmed
    headings = [
        "",
        "parameters",
        "ratio",
        "width",
        "depth",
        "gan_weight",
        f"{metric.label} in the search" if confirmed else metric.label,
    ]
    headings += [f"{metric.label} of fresh seeds"] if confirmed else []
    headings += ["IS", "sharpness", "FID from scratch", "rule"]
    blank = [""] if confirmed else []
    references = [
        ("real held-out images", "", "", "real_"),
        ("teacher", f"{first['teacher_parameters']:,}", "1", "teacher_"),
    ]
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1)]
    for name, parameters, ratio, prefix in references:
        quality = reference_text(first, prefix, metric=metric)
        score = text_of(first[f"{prefix}inception_score"], ".2f")
        sharpness = text_of(first[f"{prefix}sharpness"], ",.0f")
        lines.append([name, parameters, ratio, "", "", "", quality, *blank, score, sharpness, "", ""])
    lines += [_cells(row, confirmed=confirmed) for row in frontier_rows(findings)]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _cells(row: FrontierRow, *, confirmed: bool) -> list[str]:
    verdict = VERDICTS[row.holds]
    middle = [row.searched, *([row.confirmed] if confirmed else [])]
    return [
        *(
            with_aside(f"student {row.trial}", row),
            row.parameters,
            row.ratio,
            row.width,
            row.depth,
            row.gan_weight,
        ),
        *middle,
        *(row.inception_score, row.sharpness, row.scratch, verdict),
    ]


def _made(findings: Findings) -> list[str]:
    first: Mapping[str, Any] = findings.first
    return [
        f"- trials: {findings.counts}",
        f"- teacher: {first['teacher_version']}, {first['teacher_parameters']:,} parameters, "
        f"{first['teacher_kimg']:g} kimg, weights {first['teacher_digest'][:16]}",
        f"- protocol: {first['protocol_digest'][:16]}, extractor {first['extractor']}, "
        f"{first['num_samples']:,} samples an evaluation",
    ]
