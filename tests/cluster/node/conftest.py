"""Where the machines of a test lie, and what their commands find around them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    # Not tmp_path, which is too long for Ray's sockets.
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def environment(temporary: Path) -> dict[str, str]:
    (temporary / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
    outside = os.pathsep.join(path for path in kept["PATH"].split(os.pathsep) if ".venv" not in path)
    root = str(Path(__file__).parents[3])
    return {
        **kept,
        "PATH": outside,
        "PYTHONPATH": root,
        "HOME": str(temporary),
        "TMPDIR": str(temporary / "tmp"),
        "COLUMNS": "150",
    }
