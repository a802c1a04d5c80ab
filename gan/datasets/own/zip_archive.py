"""This module reads a zip of images: StyleGAN's dataset.zip, or a folder of images as one file."""

import lzma
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.datasets.cache import FaultyImageError, refuse
from gan.datasets.own.members import LABELS, classes_of, is_aside, leads_out
from gan.datasets.own.pictures import MAX_BYTES, Pictures, Reading
from gan.errors import GanError

# What Python's reader raises of an archive that is damaged, encrypted or packed in a way that it does not know.
DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError),
)


def zip_pictures(path: Path) -> Pictures:
    """Returns the images in a zip, in the order of their names.

    Raises GanError for an archive that cannot be read, and naming its members that lead out of it, are links, are
    encrypted, appear twice or are too large.
    """
    with opened_zip(path) as archive:
        members = [
            member for member in archive.infolist() if not (member.filename.endswith("/") or is_aside(member.filename))
        ]
        refuse(path.name, _faults(members))
        names = sorted(member.filename for member in members if member.filename != LABELS)
        text = archive.read(LABELS) if len(names) < len(members) else None

    def read() -> Reading:
        with opened_zip(path) as archive:
            for place, name in enumerate(names):
                try:
                    yield place, archive.read(name)
                except DAMAGES as error:
                    yield place, FaultyImageError(f"damaged: {error}")

    return Pictures(
        format="zip",
        files=[("", path)],
        names=[f"{name} in {path.name}" for name in names],
        classes=classes_of(names, text, where=path.name),
        read=read,
    )


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip. Raises GanError for one that is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DAMAGES as error:
        if isinstance(error, GanError):
            raise
        raise GanError(
            "An archive of images is whole", f"{path} (damaged: {error})", "Make or copy the archive again."
        ) from error


def _faults(members: list[zipfile.ZipInfo]) -> list[str]:
    times = Counter(member.filename for member in members)
    return [f"{member.filename} ({why})" for member in members if (why := _fault(member, times[member.filename]))]


def _fault(member: zipfile.ZipInfo, times: int) -> str | None:
    if leads_out(member.filename):
        return "its name leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    if member.flag_bits & 0x1:
        return "encrypted"
    if times > 1:
        return f"there {times} times"
    return f"{member.file_size:,} bytes, more than {MAX_BYTES:,}" if member.file_size > MAX_BYTES else None
