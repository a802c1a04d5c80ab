"""This module states in a run who is at work on it, so that others can see whether that process still lives."""

import json
import os
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mlflow.entities import Run

from sweeps.ledger.tags import DRIVER


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A Holder is the process that drives a sweep or makes a model. `machine` tells where it can be looked up."""

    id: str
    host: str
    pid: int
    machine: str
    began: float  # when the process began, in ticks since the machine started
    since_s: float  # when that began; like time_s by its own clock, for people: nothing is decided by them
    beat: int = 0
    time_s: float = 0.0

    @classmethod
    def me(cls) -> "Holder":
        return cls(
            id=uuid.uuid4().hex,
            host=socket.gethostname(),
            pid=os.getpid(),
            machine=_machine(),
            began=_began(os.getpid()),
            since_s=time.time(),
        )

    @property
    def is_known_to_live(self) -> bool | None:
        """Returns whether its process lives; None where that cannot be seen from here."""
        if self.machine != _machine():
            return None
        with suppress(OSError):
            return _began(self.pid) == self.began
        return False

    @property
    def as_text(self) -> str:
        """Returns the same as a run's tag has it."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def holder_of(run: Run) -> Holder | None:
    """Returns who says in a run's tag that it is at work on it; None where nobody does."""
    text = run.data.tags.get(DRIVER)
    try:
        return Holder(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _began(pid: int) -> float:
    # The 22nd field of stat(5); the second, a name in brackets, may hold blanks.
    return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
