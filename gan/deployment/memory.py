"""This module measures how much memory a process takes in which a generator draws, and nothing else happens."""

import json
from collections.abc import Sequence
from pathlib import Path

from gan.deployment.processes import answer_of


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
    ascending = sorted(batches)
    rule = "A generator draws in a process of its own, whose memory is measured"
    found = json.loads(answer_of("drawing_process.py", folder.resolve(), threads, *ascending, rule=rule))
    return dict(zip(ascending, found, strict=True))
