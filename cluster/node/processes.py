"""This module starts processes that outlive their command, and finds and ends them again."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import psutil

MARK = "GANLIMIT_NODE"  # in the environment of all that a node started
CLOCK_TOLERANCE_S = 2.0
POLL_S = 0.1
TERM_TIMEOUT_S = 20.0
LEAVE_TIMEOUT_S = 3.0  # a worker in the middle of a trial does not leave by itself when its node has gone
KILL_TIMEOUT_S = 10.0
LOG_TAIL_BYTES = 2000


@dataclass(frozen=True)
class ProcessRecord:
    """A ProcessRecord is a process that was started; another one with its number is not taken for it."""

    kind: str  # head, node or tracking
    pid: int
    _: KW_ONLY
    created: float  # seconds since 1970

    def find(self) -> psutil.Process | None:
        """Returns the process; None where it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CLOCK_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def start(kind: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> ProcessRecord:
    """Run `command` in the background, in a session of its own, with both outputs in the file `log`."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return ProcessRecord(kind, process.pid, created=psutil.Process(process.pid).create_time())


def tail(log: Path) -> str:
    """Returns the end of a log."""
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")


def marked(mark: str) -> list[psutil.Process]:
    """Returns all running processes with `mark` in their environment: what a node started, whoever their parent is."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end(records: Iterable[ProcessRecord], mark: str) -> None:
    """End the recorded processes in order, SIGTERM first, and then whatever is left of the marked ones."""
    roots = [process for record in records if (process := record.find())]
    members = {*roots, *marked(mark)}
    for root in roots:
        members |= set(_descendants(root))  # a worker's title can hide its environment

    def left() -> list[psutil.Process]:
        members.update(marked(mark))
        return [process for process in members if _runs(process)]

    # Ray's and MLflow's own shutdown, which tells the cluster that this node leaves.
    for process in roots or members:
        _send(process.terminate)
    _until_none(lambda: [root for root in roots if _runs(root)], TERM_TIMEOUT_S)
    _until_none(left, LEAVE_TIMEOUT_S)
    # multiprocessing's tracker removes what the others left in /dev/shm, and then ends by itself.
    for process in [process for process in left() if not _is_tracker(process)]:
        _send(process.kill)
    _until_none(left, KILL_TIMEOUT_S)
    for process in left():
        _send(process.kill)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _is_tracker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("resource_tracker" in argument for argument in process.cmdline())
    return False


def _send(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()


def _until_none(left: Callable[[], list[psutil.Process]], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while left() and time.monotonic() < deadline:
        time.sleep(POLL_S)
