"""This module writes the paper's table and its five answers as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Sequence

from analysis.absence import DASH, fault_mark, text_of
from analysis.paper.answers import Answer
from analysis.paper.rows import PAPER_METRICS, PaperRow
from analysis.schemes import Scheme

PAPER_HEADINGS = ("", "parameters", "ratio", "width", "depth", "block", "seeds", "kimg", "IS", "IS kept", "FID", "VoL")
FORMS = {"inception_score": ".2f", "fid": ".1f", "sharpness": ",.0f"}
_LATEX = {DASH: "--", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#"}


def paper_cells(row: PaperRow) -> tuple[str, ...]:
    """Returns one row as text, in the order of PAPER_HEADINGS.

    >>> from analysis import example_trials, paper_cells, paper_rows
    >>> real, teacher, student = paper_rows(example_trials({}))
    >>> paper_cells(student)[:3]
    ('distilled, MSE', '10,000', '10.0')
    """
    score, fid, sharpness = (_cell(row, name) for name in PAPER_METRICS)
    return (
        row.label,
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.ratio is None else f"{row.ratio:.1f}",
        row.width_text,
        "" if row.depth is None else str(row.depth),
        row.block or "",
        "" if row.width is None else str(row.seeds),
        "" if row.kimg is None else f"{row.kimg:g}",
        score,
        text_of(row.is_retained, ".0%"),
        fid,
        sharpness,
    )


def _cell(row: PaperRow, name: str) -> str:
    return row.metrics[name].text(FORMS[name]) if name in row.metrics else DASH


def paper_markdown(
    title: str, rows: Sequence[PaperRow], *, answers: Sequence[Answer], notes: Sequence[str] = ()
) -> str:
    """Returns the table, the `notes` below it, and the answers as a page of Markdown.

    >>> from analysis import example_trials, paper_markdown, paper_rows
    >>> paper_markdown("Digits", paper_rows(example_trials({})), answers=()).splitlines()[0]
    '# Digits'
    """
    lines = [
        f"# {title}",
        "",
        "Medians over seeds, with the least and greatest value in brackets. VoL is the Variance of Laplacian.",
        "",
        "| " + " | ".join(PAPER_HEADINGS) + " |",
        "|---|" + "---:|" * (len(PAPER_HEADINGS) - 1),
        *("| " + " | ".join(paper_cells(row)) + " |" for row in rows),
        "",
        *(line for note in notes for line in (note, "")),
    ]
    for number, answer in enumerate(answers, start=1):
        lines += [f"{number}. **{answer.question}** {answer.sentence}"]
    return "\n".join([*lines, ""])


def paper_csv(rows: Sequence[PaperRow]) -> str:
    """Returns the table as CSV, one plain number a cell: median, low and high of each metric.

    The column `extractor_faults` has what the extractor failed of its examination.

    >>> from analysis import example_trials, paper_csv, paper_rows
    >>> paper_csv(paper_rows(example_trials({}))).splitlines()[-1][:40]
    '"distilled, MSE",10000,10.0,4,1,dcgan,0.'
    """
    out = io.StringIO()
    spreads = [f"{name}{suffix}" for name in PAPER_METRICS for suffix in ("", "_low", "_high")]
    plain = ["parameters", "ratio", "width", "depth", "block", "gan_weight", "seeds", "kimg"]
    rare = ["first_layer_rank", "stage_widths"]  # behind the others, which were there before them
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["scheme", *plain, *spreads, "is_retained", "extractor_faults", *rare])
    for row in rows:
        values = [value for name in PAPER_METRICS for value in _triple(row, name)]
        own, last = ([getattr(row, name) for name in names] for names in (plain, rare))
        writer.writerow([row.scheme, *own, *values, row.is_retained, row.extractor_faults, *last])
    return out.getvalue()


def paper_latex(rows: Sequence[PaperRow]) -> str:
    """Returns the table for a paper that uses booktabs, under a comment where its extractor failed its examination.

    >>> from analysis import example_trials, paper_latex, paper_rows
    >>> paper_latex(paper_rows(example_trials({}))).splitlines()[1]
    '\\\\toprule'
    """
    lines = [f"% {mark}" for mark in fault_mark(rows[0].extractor_faults if rows else None)]
    lines += [
        r"\begin{tabular}{l" + "r" * (len(PAPER_HEADINGS) - 1) + "}",
        r"\toprule",
        " & ".join(PAPER_HEADINGS) + r" \\",
        r"\midrule",
    ]
    for row, before in zip(rows, [None, *rows], strict=False):
        if before and before.parameters != row.parameters and before.scheme != Scheme.REAL:
            lines.append(r"\midrule")
        lines.append(" & ".join(_latex(cell) for cell in paper_cells(row)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _triple(row: PaperRow, name: str) -> tuple[float | None, float | None, float | None]:
    spread = row.metrics.get(name)
    return (spread.median, spread.low, spread.high) if spread else (None, None, None)


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
