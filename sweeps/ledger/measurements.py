"""This module finds what a sweep's deployed students cost, which a deployment kept with the sweep's parent run."""

import tempfile
from pathlib import Path, PurePosixPath

import pyarrow as pa

import analysis
from sweeps.ledger.tracking import Tracking

FILE = PurePosixPath("deployment/measurements.parquet")


def kept_measurements(tracking: Tracking, parent_run_id: str, *, table: pa.Table) -> pa.Table | None:
    """Returns the measurements of a sweep's latest deployment that was measured.

    They are None where there are none, and where none is of a trial of `table`: a run may have been deleted. Raises
    AnalysisError where they are damaged.
    """
    found = stored_measurements(tracking, parent_run_id)
    if found is None:
        return None
    return found if set(found["trial_key"].to_pylist()) & set(table["trial_key"].to_pylist()) else None


def stored_measurements(tracking: Tracking, parent_run_id: str) -> pa.Table | None:
    """Returns the measurements that a sweep's run has, of whatever trials; None where there are none.

    Raises AnalysisError where they are damaged.
    """
    folder = str(FILE.parent)
    if folder not in {file.path for file in tracking.client.list_artifacts(parent_run_id)}:
        return None
    if str(FILE) not in {file.path for file in tracking.client.list_artifacts(parent_run_id, folder)}:
        return None
    with tempfile.TemporaryDirectory(prefix="ganlimit-download-") as place:
        path = Path(tracking.client.download_artifacts(parent_run_id, str(FILE), place))
        return analysis.read_measurements(path)
