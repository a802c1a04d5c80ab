"""This module lists the teachers of the registry, as plain rows and as a table for the terminal."""

from typing import Any

from rich.table import Table

from analysis import text_of
from sweeps.ledger.tags import CRITIC_ACCURACY
from sweeps.ledger.tracking import Tracking


def list_teachers(tracking: Tracking) -> list[dict[str, Any]]:
    """Returns a row per version of every teacher, newest first. FID is under the protocol named beside it.

    `critic_accuracy` is None where no critic was kept.
    """
    rows = []
    for model in tracking.registry.models():
        if not model.endswith("-teacher"):
            continue
        champion = tracking.registry.champion(model)
        for version in tracking.registry.versions(model):
            rows.append(
                {
                    "teacher": f"{model}/{version.version}",
                    "champion": champion is not None and champion.version == version.version,
                    "fid": float(version.tags["fid"]),
                    "critic_accuracy": float(accuracy) if (accuracy := version.tags.get(CRITIC_ACCURACY)) else None,
                    "parameters": int(version.tags["parameters"]),
                    "kimg": float(version.tags["kimg"]),
                    "protocol_digest": version.tags["protocol_digest"],
                    "weights_digest": version.tags["weights_digest"],
                    "run_id": version.run_id,
                }
            )
    return rows


def teachers_table(rows: list[dict[str, Any]]) -> Table:
    """Returns the rows of `list_teachers` for a terminal."""
    table = Table(box=None, header_style="bold", title_justify="left")
    for heading in ("teacher", "champion", "parameters", "kimg", "FID", "critic", "protocol", "weights"):
        table.add_column(heading, justify="right" if heading in {"parameters", "kimg", "FID", "critic"} else "left")
    for row in rows:
        table.add_row(
            row["teacher"],
            "yes" if row["champion"] else "",
            f"{row['parameters']:,}",
            f"{row['kimg']:g}",
            f"{row['fid']:.1f}",
            text_of(row["critic_accuracy"], ".0%"),
            row["protocol_digest"][:8],
            row["weights_digest"][:8],
        )
    return table
