"""This module reads images in an LMDB, as PyTorch's GANs keep them.

There are two layouts: StyleGAN's in PyTorch has the keys SIZE-NUMBER for each size to which the images were resized,
of which the largest is read, and `length`; LSUN's has nothing but encoded images under keys of any kind, whose order is
the pictures'. Neither has classes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gan.datasets.cache import FaultyImageError
from gan.datasets.own.pictures import MAX_BYTES, Pictures, Reading, one_class
from gan.errors import GanError

if TYPE_CHECKING:
    import lmdb

_MAGIC = (0xBEEFC0DE).to_bytes(4, "little")
_MAGIC_AT = 16  # after the first page's header
_DATA = "data.mdb"


def is_lightning(path: Path) -> bool:
    """Returns whether a path is an LMDB: a folder with data.mdb, or such a file."""
    data = path / _DATA if path.is_dir() else path
    if not data.is_file():
        return False
    with data.open("rb") as file:
        return path.is_dir() or file.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC


def lightning_pictures(path: Path) -> Pictures:
    """Returns the images of an LMDB. Raises GanError for one that is damaged, and where images are missing."""
    with _opened(path) as transaction:
        keys = [bytes(key) for key in transaction.cursor().iternext(keys=True, values=False)]
        length = transaction.get(b"length")
        if length is not None:
            keys = _numbered(keys, bytes(length), path=path)

    def read() -> Reading:
        with _opened(path) as transaction:
            for place, key in enumerate(keys):
                value = transaction.get(key)
                assert value is not None
                too_large = FaultyImageError(f"more than {MAX_BYTES:,} bytes")
                yield place, bytes(value) if len(value) <= MAX_BYTES else too_large

    name = path.name
    return Pictures(
        format="lmdb",
        files=[(_DATA, path / _DATA if path.is_dir() else path)],
        names=[f"{key.decode(errors='backslashreplace')} in {name}" for key in keys],
        classes=one_class(len(keys)),
        read=read,
    )


def _numbered(keys: list[bytes], length: bytes, *, path: Path) -> list[bytes]:
    """Returns the keys of the largest images, in order of their numbers."""
    found = [(int(match[1]), int(match[2]), key) for key in keys if (match := re.fullmatch(rb"(\d+)-(\d{5,})", key))]
    largest = max((size for size, _, _ in found), default=0)
    numbered = sorted((number, key) for size, number, key in found if size == largest)
    if not length.isdigit() or [number for number, _ in numbered] != list(range(int(length))):
        raise GanError(
            "An LMDB with the key length has as many images of its largest size, numbered from 0",
            f"length {length[:20].decode(errors='backslashreplace')} and {len(numbered)} of size {largest} in {path}",
            "Make it again with prepare_data.py.",
        )
    return [key for _, key in numbered]


@contextmanager
def _opened(path: Path) -> Iterator["lmdb.Transaction"]:
    """Opens an LMDB to read it, without a lock file. Raises GanError where it is damaged."""
    import lmdb  # only this format needs it

    data = path / _DATA if path.is_dir() else path
    try:
        with lmdb.open(
            str(path), subdir=path.is_dir(), readonly=True, lock=False, readahead=False, create=False
        ) as environment:
            whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
            if data.stat().st_size < whole:  # whose end would be read beyond that of the file, which ends the process
                raise lmdb.CorruptedError(f"{data.stat().st_size:,} bytes of {whole:,}")
            with environment.begin(buffers=True) as transaction:
                yield transaction
    except lmdb.Error as error:
        raise GanError("An LMDB of images is whole", f"{path} (damaged: {error})", "Make or copy it again.") from error
