"""This module writes an export's folder whole or not at all."""

import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.errors import GanError
from gan.networks.artifacts import stated_kind

FORMER = "former"  # the earlier export, while the new one takes its place


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder beside `folder`, which takes its place when the block has ended well, and else is removed.

    What a process left that was killed while it did so is put right first: the earlier export is where it was.

    Raises GanError where it cannot be written, or holds anything but an earlier export.
    """
    folder = folder.expanduser().resolve()
    own: Path | None = None  # of this call alone, whoever else writes here
    try:
        _bring_back(folder)
        _require_free(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        unfinished, former = own / "new", own / FORMER
        unfinished.mkdir()
        yield unfinished
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


def _bring_back(folder: Path) -> None:
    """Put an earlier export where it was, if a process was killed between moving it away and moving the new one in."""
    for former in folder.parent.glob(f".{glob.escape(folder.name)}.*/{FORMER}"):
        if not folder.exists() and stated_kind(former) == "deployment":
            former.rename(folder)
        shutil.rmtree(former.parent, ignore_errors=True)


def _require_free(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()) or stated_kind(folder) == "deployment":
        return
    raise GanError("An export's folder is new, empty or an earlier export", folder, "Choose another.")
