"""This module shows people an extractor's examination: a row or a curve for each disturbance, and the verdict."""

from rich.table import Table

from analysis import RulerCurve
from gan import Examination, is_straight


def examination_table(examination: Examination) -> Table:
    """Returns the distances by disturbance: of as many training images (the floor), of real ones, and of its levels."""
    table = Table(box=None, header_style="bold")
    for heading in ("disturbance", "images", "floor", "real", "weak", "middle", "strong", ""):
        table.add_column(heading, justify="left" if heading in ("disturbance", "") else "right")
    for name, levels in examination.disturbances.items():
        verdict = "rises" if is_straight(levels) else "[bold red]FAILS[/]"
        distances = [f"{value:,.4g}" for value in (levels[0].floor, *(level.distance for level in levels))]
        table.add_row(name, f"{levels[0].images:,}", *distances, verdict)
    return table


def verdict(examination: Examination, version: str) -> str:
    """Returns what the examination says of the extractor, in a sentence."""
    if examination.passed:
        return f"{version} passed: its distance rises with every disturbance, and real images lie far below."
    names = ", ".join(fault.partition(":")[0] for fault in examination.faults)
    return f"{version} FAILS: its distance does not rise as it should with {names}."


def examination_dict(examination: Examination, version: str) -> dict[str, object]:
    """Returns the examination for scripts."""
    return {
        "extractor": version,
        "passed": examination.passed,
        "faults": list(examination.faults),
        **examination.model_dump(mode="json"),
    }


def ruler_curves(examination: Examination) -> tuple[RulerCurve, ...]:
    """Returns the examination as a report draws it: a curve for each disturbance."""
    return tuple(
        RulerCurve(
            disturbance=name,
            levels=tuple(level.level for level in levels),
            fids=tuple(level.distance for level in levels),
            spread=levels[0].error,
            rises=is_straight(levels),
        )
        for name, levels in examination.disturbances.items()
    )
