"""This module measures an export alone: in a process of its own, while no other measurement runs on this machine."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from gan.deployment.latency import Latency
from gan.deployment.processes import answer_of

LOCK = "ganlimit-measurement"  # in the folder of temporary files, which all processes of a machine have in common


@contextmanager
def one_measurement() -> Iterator[None]:
    """Holds this machine for one measurement, for the length of a `with` block; another one waits until it has ended.

    It is one of the same user: systems refuse a file of somebody else's in that folder.

    >>> with one_measurement():
    ...     print("measured")
    measured
    """
    user = os.getuid() if hasattr(os, "getuid") else ""  # Windows has a folder of temporary files for each user
    with FileLock(Path(tempfile.gettempdir()) / f"{LOCK}-{user}.lock"):
        yield


def latency_alone(folder: Path, *, threads: int = 1) -> Latency:
    """Returns how long the export in `folder` takes for one image, in a process that does nothing else.

    That process keeps to the quietest cores, as many as threads. What neighbours on the machine do shows in the spread
    from 5 to 95%. Raises GanError where the process fails.

    >>> card = deploy_generator(folder / "timed", teacher, origin=Origin(weights_digest="d", dataset="digits"))
    >>> found = latency_alone(folder / "timed")
    >>> found.batch, found.low_ms <= found.median_ms <= found.high_ms
    (1, True)
    """
    with one_measurement():
        rule = "An export draws in a process of its own, which is timed"
        return Latency.model_validate_json(answer_of("timing_process.py", folder.resolve(), threads, rule=rule))
