"""This module shows the frontier as a table for the terminal."""

from typing import Any

from rich.table import Table

import analysis

VERDICTS = {True: "[green]✓[/]", False: "[red]✗[/]", None: " "}


def frontier_table(findings: analysis.Findings) -> Table:
    """Returns the rows of real images, of the teacher, then of the frontier's students, largest first.

    Students with fresh seeds that are not on it are among them, dim.

    ✓ marks a student that holds the rule, ✗ one that breaks it. Beside the search's value each student has what fresh
    seeds say. The table is no wider than 80 characters.
    """
    label, confirmed = findings.metric.label, findings.is_confirmed
    shown = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    shown.add_column("", no_wrap=True)
    headings = ["params", "ratio", "size", "GAN", f"{label} in\nsearch" if confirmed else label]
    headings += [f"fresh seeds'\n{label}"] if confirmed else []
    for heading in [*headings, "IS", "sharp", "scratch\nFID"]:
        shown.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    blank = [""] if confirmed else []
    if first := findings.first:
        real, teacher = (_reference(findings, first, prefix=prefix) for prefix in ("real_", "teacher_"))
        shown.add_row("  real", "", "", "", "", real[0], *blank, *real[1:], "", style="dim")
        parameters = f"{first['teacher_parameters']:,}"
        shown.add_row("  teacher", parameters, "1", "", "", teacher[0], *blank, *teacher[1:], "", style="bold")
    for row in analysis.frontier_rows(findings):
        shown.add_row(
            *(f"{VERDICTS[row.holds]} trial {row.trial}", row.parameters, row.ratio, row.size),
            *(row.gan_weight, row.searched, *([row.confirmed_short] if confirmed else [])),
            *(row.inception_score, row.sharpness, row.scratch),
            style="dim" if row.aside else None,
        )
    return shown


def _reference(findings: analysis.Findings, first: dict[str, Any], *, prefix: str) -> tuple[str, str, str]:
    quality = analysis.reference_text(first, prefix, metric=findings.metric)
    score, sharpness = first[f"{prefix}inception_score"], first[f"{prefix}sharpness"]
    return quality, analysis.text_of(score, ".2f"), analysis.text_of(sharpness, ",.0f")
