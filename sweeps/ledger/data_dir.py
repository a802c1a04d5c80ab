"""This module finds the data directory, checks that it can be written, and names the tracking store in it."""

import os
import tempfile
from pathlib import Path

from sweeps.errors import SweepError
from sweeps.ledger.moved import follow_move
from sweeps.ledger.store import TrackingStore

DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
DEFAULT_DATA_DIR = Path("ganlimit-data")


def default_data_dir() -> Path:
    """Returns GANLIMIT_DATA_DIR, or ./ganlimit-data."""
    return Path(os.environ.get("GANLIMIT_DATA_DIR", DEFAULT_DATA_DIR))


def default_tracking_uri() -> str | None:
    """Returns MLFLOW_TRACKING_URI, where runs and models are tracked; None where it is empty: in the data directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def writable(data_dir: Path) -> Path:
    """Returns the absolute path of `data_dir`, made if missing. Raises SweepError when it cannot be written."""
    root = data_dir.expanduser().resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise SweepError(
            "The data directory is a folder that can be written",
            f"{root} ({error.strerror})",
            "Choose another with --data-dir.",
        ) from error
    return root


def local_store(root: Path) -> TrackingStore:
    """Returns the store that a data directory holds: its SQLite file and its folder of artifacts."""
    return TrackingStore.local(root / DATABASE, root / ARTIFACTS)


def opened_store(root: Path) -> TrackingStore:
    """Returns the same, with its artifacts found where the data directory is now."""
    if (root / DATABASE).is_file():
        follow_move(root, root / DATABASE, artifacts=root / ARTIFACTS)
    return local_store(root)
