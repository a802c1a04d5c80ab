"""Where a machine's data directory is."""

import os
from pathlib import Path

DEFAULT_DATA_DIR = Path("ganlimit-data")


def default_data_dir() -> Path:
    """GANLIMIT_DATA_DIR, or ./ganlimit-data."""
    return Path(os.environ.get("GANLIMIT_DATA_DIR", DEFAULT_DATA_DIR))
