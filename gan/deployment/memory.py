"""This module measures how much memory a process takes in which a generator draws, and nothing else happens."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gan.errors import GanError

PROCESS = Path(__file__).with_name("drawing_process.py")


def peak_memory(folder: Path, batches: Sequence[int], *, threads: int = 1) -> dict[int, int | None]:
    """Returns the most bytes that are resident while the generator in `folder` draws so many images, by the batch.

    They are of a whole process that does only that: Python, NumPy and the runtime of an export, as its run.py loads
    them, or PyTorch for a stored generator. Nothing is subtracted. None stands where the system does not tell (it is
    Linux that does). Raises GanError where the process fails.

    >>> origin = Origin(weights_digest="its SHA-256", dataset="digits")
    >>> card = deploy_generator(folder / "drawing", teacher, origin=origin)
    >>> peak_memory(folder / "drawing", [1])[1] > card.file_bytes
    True
    """
    # -P: a module's name is no file beside the script.
    command = [sys.executable, "-P", str(PROCESS), str(folder.resolve()), *map(str, (threads, *sorted(batches)))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise GanError(
            "A generator draws in a process of its own, whose memory is measured",
            f"{folder}, batches of {', '.join(map(str, batches))} ({said})",
            "Give the machine more memory, or measure a smaller generator.",
        )
    return dict(zip(sorted(batches), json.loads(done.stdout.splitlines()[-1]), strict=True))
