"""What the registry holds, as plain rows and as a table for the terminal."""

from typing import TYPE_CHECKING, Any

from rich.table import Table

from sweeps.tracking import Tracking

if TYPE_CHECKING:
    from sweeps.selection import Selection


def list_teachers(tracking: Tracking) -> list[dict[str, Any]]:
    """A row per version of every teacher, newest first. FID is under the protocol named beside it."""
    rows = []
    for model in tracking.models():
        if not model.endswith("-teacher"):
            continue
        champion = tracking.champion(model)
        for version in tracking.versions(model):
            rows.append(
                {
                    "teacher": f"{model}/{version.version}",
                    "champion": champion is not None and champion.version == version.version,
                    "fid": float(version.tags["fid"]),
                    "parameters": int(version.tags["parameters"]),
                    "kimg": float(version.tags["kimg"]),
                    "protocol_digest": version.tags["protocol_digest"],
                    "weights_digest": version.tags["weights_digest"],
                    "run_id": version.run_id,
                }
            )
    return rows


def teachers_table(rows: list[dict[str, Any]]) -> Table:
    """The rows of `list_teachers` for a terminal."""
    table = Table(box=None, header_style="bold", title_justify="left")
    for heading in ("teacher", "champion", "parameters", "kimg", "FID", "protocol", "weights"):
        table.add_column(heading, justify="right" if heading in {"parameters", "kimg", "FID"} else "left")
    for row in rows:
        table.add_row(
            row["teacher"],
            "yes" if row["champion"] else "",
            f"{row['parameters']:,}",
            f"{row['kimg']:g}",
            f"{row['fid']:.1f}",
            row["protocol_digest"][:8],
            row["weights_digest"][:8],
        )
    return table


def selection_table(selection: "Selection") -> Table:
    """The candidates of a teacher's selection, smallest first, with the chosen one marked."""
    table = Table(box=None, header_style="bold")
    for heading in ("teacher", "width", "parameters", "FID", "\u00b1", "IS", ""):
        table.add_column(heading, justify="left" if heading in {"teacher", ""} else "right")
    for candidate in sorted(selection.candidates, key=lambda candidate: candidate.parameters):
        table.add_row(
            candidate.version,
            str(candidate.width),
            f"{candidate.parameters:,}",
            f"{candidate.fid:.1f}",
            f"{candidate.fid_error:.1f}",
            f"{candidate.inception_score:.2f}",
            "chosen" if candidate is selection.chosen else "",
            style="bold" if candidate is selection.chosen else "",
        )
    return table
