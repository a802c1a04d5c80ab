"""This module keeps the examination of a sweep's extractor with the sweep's parent run, for reports of later."""

import tempfile
from pathlib import Path

from gan import Examination
from sweeps.errors import SweepError
from sweeps.ledger.tracking import Tracking

FILE = "examination.json"


def keep_examination(tracking: Tracking, parent_run_id: str, *, examination: Examination) -> None:
    """Write the examination to the files of a sweep's parent run."""
    tracking.client.log_text(parent_run_id, examination.model_dump_json(indent=2), FILE)


def kept_examination(tracking: Tracking, parent_run_id: str) -> Examination | None:
    """Returns the examination of a sweep's extractor; None where the sweep began before there were any.

    Raises SweepError where it is damaged.
    """
    if FILE not in {file.path for file in tracking.client.list_artifacts(parent_run_id)}:
        return None
    with tempfile.TemporaryDirectory(prefix="ganlimit-download-") as folder:
        text = Path(tracking.client.download_artifacts(parent_run_id, FILE, folder)).read_text(encoding="utf-8")
    try:
        return Examination.model_validate_json(text)
    except ValueError as error:
        raise SweepError(
            "The examination beside a sweep's run is one that this version of ganlimit reads",
            f"another, in {FILE} of run {parent_run_id}",
            "Resume the sweep, which writes it again, or use the version that wrote it.",
        ) from error
