"""This module writes an export's folder whole or not at all."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.deployment.names import is_own
from gan.errors import GanError
from gan.networks.artifacts import stated_kind

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux: fcntl.h and linux/fs.h
_KEPT = "kept"  # beside what could not be put back: it is somebody's


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder beside `folder`, which takes its place when the block has ended well, and else is removed.

    An earlier export stays until the new one stands there, whenever the process is killed. On a file system that cannot
    exchange two names there is a moment in which neither does. A folder that holds what is no part of an export, or
    gets such a file meanwhile, is left as it is.

    Raises GanError where it cannot be written, or holds anything but an earlier export.
    """
    folder = folder.expanduser().resolve()
    own: Path | None = None  # of this call alone, whoever else writes here
    try:
        _require_free(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        unfinished = own / "new"
        unfinished.mkdir()
        yield unfinished
        _take_place(unfinished, folder, former=own / "former")
    except OSError as error:
        raise GanError(
            "An export's folder can be written", f"{folder} ({error.strerror})", "Choose another."
        ) from error
    finally:
        if own is not None and not (own / _KEPT).exists():
            shutil.rmtree(own, ignore_errors=True)


def _take_place(unfinished: Path, folder: Path, *, former: Path) -> None:
    """Names `unfinished` as `folder`, where what is there has nothing of somebody's in it; else all stays as it was."""
    if folder.exists() and exchanged(unfinished, folder):
        try:
            _require_free(unfinished, called=folder)
        except BaseException as error:  # Ctrl-C among them: what came meanwhile stays, in the earlier export
            if exchanged(unfinished, folder):
                raise
            (unfinished.parent / _KEPT).touch()
            raise GanError(
                "What somebody puts into an export stays there", f"it is in {unfinished} now", "Move it back."
            ) from error
        return
    if folder.exists():
        folder.rename(former)
    try:
        if former.exists():
            _require_free(former, called=folder)
        unfinished.rename(folder)
    except BaseException:
        if former.exists():
            (unfinished.parent / _KEPT).touch()
            former.rename(folder)
            (unfinished.parent / _KEPT).unlink()
        raise


def exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two folders at once. Returns False where the file system, or the system, cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # no Linux with glibc 2.28
        return False
    result: int = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return result == 0


def _require_free(folder: Path, *, called: Path | None = None) -> None:
    """Raises GanError for a folder with anything but an earlier export in it; `called` is what it is called."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and stated_kind(folder) != "deployment"):
        raise GanError("An export's folder is new, empty or an earlier export", called or folder, "Choose another.")
    others = [path for path in sorted(folder.rglob("*")) if not is_own(path.relative_to(folder))]
    if others:
        raise GanError(
            "An export replaces an earlier one, and nothing that somebody put there",
            f"{others[0].relative_to(folder)} in {called or folder}",
            "Move it elsewhere, or choose another folder.",
        )
