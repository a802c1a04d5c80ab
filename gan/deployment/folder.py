"""This module writes an export's folder whole or not at all."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.errors import GanError
from gan.networks.artifacts import CARD_FILE, stated_kind

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux: fcntl.h and linux/fs.h


@contextmanager
def replaced_folder(folder: Path, *, names: Collection[str]) -> Iterator[Path]:
    """Yields a folder beside `folder`, which takes its place when the block has ended well, and else is removed.

    An earlier export stays until the new one stands there, whenever the process is killed. On a file system that cannot
    exchange two names there is a moment in which neither does. Files of other names than `names` are somebody's: a
    folder that holds one, or gets one meanwhile, is left as it is.

    Raises GanError where it cannot be written, or holds anything but an earlier export.
    """
    folder = folder.expanduser().resolve()
    own: Path | None = None  # of this call alone, whoever else writes here
    try:
        _require_free(folder, names)
        folder.parent.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        unfinished, former = own / "new", own / "former"
        unfinished.mkdir()
        yield unfinished
        if folder.exists() and exchanged(unfinished, folder):
            try:
                _require_free(unfinished, names, called=folder)
            except GanError:  # what came meanwhile stays, in the earlier export
                exchanged(unfinished, folder)
                raise
            return
        _require_free(folder, names)
        if folder.exists():
            folder.rename(former)
        try:
            unfinished.rename(folder)
        except BaseException:  # Ctrl-C among them: the earlier export stays
            if former.exists():
                former.rename(folder)
            raise
    except OSError as error:
        raise GanError(
            "An export's folder can be written", f"{folder} ({error.strerror})", "Choose another."
        ) from error
    finally:
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)


def exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two folders at once. Returns False where the file system, or the system, cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # no Linux with glibc 2.28
        return False
    result: int = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return result == 0


def _require_free(folder: Path, names: Collection[str], *, called: Path | None = None) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if stated_kind(folder) != "deployment":
        raise GanError("An export's folder is new, empty or an earlier export", called or folder, "Choose another.")
    # A name with the card's in it is of a card that was not finished.
    others = [path for path in folder.rglob("*") if path.name not in names and CARD_FILE not in path.name]
    if others:
        raise GanError(
            "An export replaces an earlier one, and nothing that somebody put there",
            f"{others[0].relative_to(folder)} in {called or folder}",
            "Move it elsewhere, or choose another folder.",
        )
