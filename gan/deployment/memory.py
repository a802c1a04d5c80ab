"""This module measures how much memory a process takes in which a generator draws, and nothing else happens."""

import json
import subprocess
import sys
from pathlib import Path

from gan.errors import GanError

PROCESS = Path(__file__).with_name("drawing_process.py")


def peak_memory(folder: Path, batch: int, *, threads: int = 1) -> int | None:
    """Returns the most bytes that are resident while the generator in `folder` draws `batch` images.

    They are of a whole process that does only that: Python, NumPy and the runtime of an export, as its run.py loads
    them, or PyTorch for a stored generator. Nothing is subtracted. None stands where the system does not tell (it is
    Linux that does). Raises GanError where the process fails.

    >>> origin = Origin(weights_digest="its SHA-256", dataset="digits")
    >>> card = deploy_generator(folder / "drawing", teacher, origin=origin)
    >>> peak_memory(folder / "drawing", batch=1) > card.file_bytes
    True
    """
    # -P: a module's name is no file beside the script.
    command = [sys.executable, "-P", str(PROCESS), str(folder.resolve()), str(batch), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise GanError(
            "A generator draws in a process of its own, whose memory is measured",
            f"{folder}, a batch of {batch} ({said})",
            "Give the machine more memory, or measure a smaller generator.",
        )
    found: int | None = json.loads(done.stdout.splitlines()[-1])
    return found
