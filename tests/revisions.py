"""The code of other revisions of this repository, to be run beside that of this tree."""

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def checked_out(revision: str, folder: Path) -> Path:
    """Returns `folder` with the repository's files as they were at `revision`; as it is where it is there already."""
    if not folder.exists():
        found = subprocess.run(["git", "archive", revision], cwd=REPOSITORY, capture_output=True)
        if found.returncode:
            raise SystemExit(f"no revision {revision} in this clone: {found.stderr.decode().strip()}. Fetch it.")
        folder.mkdir(parents=True)
        subprocess.run(["tar", "-x", "-C", folder], input=found.stdout, check=True)
    return folder


def environment_of(code: Path) -> dict[str, str]:
    """Returns the environment in which Python imports `code`, and no tracking server is known."""
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return {**kept, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
