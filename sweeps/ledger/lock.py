"""This module allows a sweep one driver at a time on this machine, who is known and reached; and a model one maker."""

import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, asdict, dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from sweeps.errors import SweepError

CARD = "driver.json"
AT_WORK = ".at-work-"
BEGINS_WITHIN_S = 60.0  # after which a folder is held by the process that made it


@dataclass(frozen=True)
class Driver:
    """A Driver is the process that runs a sweep, or the sweeps of one file, which is the `group`.

    `store` is a digest of where its runs are tracked, whose address may hold a password; None is the data directory.
    """

    pid: int
    host: str
    _: KW_ONLY
    began: str  # local time, ISO 8601
    group: str | None = None
    store: str | None = None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, which began at {self.began}"


@contextmanager
def sole_driver(folder: Path, name: str, *, group: str | None = None, store: str | None = None) -> Iterator[None]:
    """Hold the sweep in `folder` for the length of a `with` block. Raises SweepError, naming who holds it.

    The operating system lets go of it when the process ends, however it ends.
    """
    lock = FileLock(folder / "driver.lock")
    try:
        lock.acquire(timeout=2)  # a process that only looks holds it for a moment
    except Timeout:
        raise SweepError(
            f"The sweep {name} has one driver at a time",
            current_driver(folder) or "another one",
            f"Wait for it, or stop it: ganlimit sweep stop {name}.",
        ) from None
    try:
        _card(folder).unlink(missing_ok=True)  # left by a driver that was killed
        began = datetime.now().isoformat(timespec="seconds")
        me = Driver(os.getpid(), socket.gethostname(), began=began, group=group, store=store)
        unfinished = folder / ".driver.json"
        unfinished.write_text(json.dumps(asdict(me)))
        unfinished.replace(_card(folder))
        yield
    finally:
        _card(folder).unlink(missing_ok=True)
        lock.release()


@contextmanager
def sole_maker(folder: Path, name: str, *, waits: Callable[[], None]) -> Iterator[None]:
    """Hold what is called `name` in `folder` for the length of a `with` block; `waits` is called where another has it.

    Then it waits until that one is done. The operating system lets go of it when the process ends, however it ends.
    """
    lock = FileLock(_made(folder) / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waits()
        lock.acquire(poll_interval=1.0)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def at_work(root: Path) -> Iterator[None]:
    """Say for the length of a `with` block that the data directory `root` is written to, without a sweep's driver.

    Whoever opens the directory under another path meanwhile changes none of its addresses. What only shows it takes no
    part: a server runs for days, in which the directory may really move, and a team's has no address of a file.
    """
    place = _made(root / "sweeps")
    _delete_abandoned(place)
    folder = Path(tempfile.mkdtemp(prefix=AT_WORK, dir=place))
    try:
        with sole_driver(folder, folder.name):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _delete_abandoned(place: Path) -> None:
    """Deletes the folders of those who were killed at work on this machine."""
    for folder in place.glob(f"{AT_WORK}*"):
        stated, lock = _stated_driver(folder), FileLock(folder / "driver.lock")
        with suppress(OSError):  # somebody else's, held (a Timeout is one), or deleted by another at the same moment
            is_old = time.time() - folder.stat().st_mtime > BEGINS_WITHIN_S
            if is_old and (stated is None or stated.host == socket.gethostname()):
                with lock.acquire(timeout=0):
                    shutil.rmtree(folder)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def current_driver(folder: Path) -> Driver | None:
    """Returns the driver of the sweep in `folder`; None where it has none now."""
    lock = FileLock(folder / "driver.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _stated_driver(folder)  # None where a driver begins or ends at this moment
    lock.release()
    return None


def driven_in(root: Path, name: str | None = None) -> dict[str, Driver]:
    """Returns the drivers now of the sweep called `name`, or of the file of that name, by the folder's name in `root`.

    Without a name it returns all of them.

    Only a folder with a driver's card is looked at, and of one that is somebody else's nothing is told.
    """
    found = {}
    for folder in sorted(card.parent for card in root.glob(f"*/{CARD}")):
        stated = _stated_driver(folder)
        is_meant = name is None or (stated is not None and name in (folder.name, stated.group))
        if stated and is_meant and not folder.name.startswith(AT_WORK):
            with suppress(OSError):
                if driver := current_driver(folder):
                    found[folder.name] = driver
    return found


def _stated_driver(folder: Path) -> Driver | None:
    """Returns who the card in a folder says is its driver, who may have been killed since."""
    try:
        return Driver(**json.loads(_card(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def stop_driver(folder: Path, name: str) -> Driver:
    """Ask the driver of a sweep to stop, as Ctrl-C does. Raises SweepError where none runs on this machine."""
    driver = current_driver(folder)
    if driver is None or driver.host != socket.gethostname():
        raise SweepError(
            "A sweep is stopped on the machine where its driver runs",
            driver or f"no driver of {name}",
            f"See ganlimit sweep status {name}.",
        )
    os.kill(driver.pid, signal.SIGINT)
    return driver


def _card(folder: Path) -> Path:
    return folder / CARD
