"""This module reads images in an LMDB, as PyTorch's GANs keep them.

There are two layouts: StyleGAN's in PyTorch has the keys SIZE-NUMBER for each size to which the images were resized,
of which the largest is read, and `length`; LSUN's has nothing but encoded images under keys of any kind, whose order is
the pictures'. Neither has classes.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gan.datasets.cache import FaultyImageError
from gan.datasets.own.pictures import MAX_BYTES, Content, Pictures, Reading, one_class, require_few_enough
from gan.errors import GanError

_READER = Path(__file__).with_name("lightning_reader.py")
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
    with _opened(path) as reader:
        keys = reader.keys()
        length = reader.value(b"length") if b"length" in keys else None
    if length is not None:
        keys = _numbered(keys, length if isinstance(length, bytes) else b"", path=path)

    def read() -> Reading:
        with _opened(path) as reader:
            for place, key in enumerate(keys):
                yield place, reader.value(key)

    name = path.name
    return Pictures(
        format="lmdb",
        files=[(_DATA, path / _DATA if path.is_dir() else path)],
        names=[f"{_shown(key)} in {name}" for key in keys],
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
            f"length {_shown(length[:20])} and {len(numbered)} of size {largest} in {path}",
            "Make it again with prepare_data.py.",
        )
    return [key for _, key in numbered]


def _shown(key: bytes) -> str:
    return key.decode(errors="backslashreplace")


class _Reader:
    """It asks the process that reads an LMDB, which a damaged one may end."""

    def __init__(self, process: "subprocess.Popen[bytes]", path: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._path = process, path
        self._asked: IO[bytes] = process.stdin
        self._answers: IO[bytes] = process.stdout
        self._reasons: IO[bytes] = process.stderr

    def keys(self) -> list[bytes]:
        """Returns all keys. Raises GanError where the LMDB is damaged."""
        self._ask(b"")
        data = self._path / _DATA if self._path.is_dir() else self._path
        keys, left = [], data.stat().st_size
        while length := int.from_bytes(self._answer(2, "its keys"), "little"):
            keys.append(self._answer(length, "its keys"))
            require_few_enough(len(keys), str(self._path))
            if (left := left - length) < 0:
                raise self._damage("its keys are longer than the file: pages lead in a circle")
        return keys

    def value(self, key: bytes) -> Content | FaultyImageError:
        """Returns the value of a key. Raises GanError where the LMDB is damaged."""
        self._ask(key)
        what = f"the value of {_shown(key)}"
        length = int.from_bytes(self._answer(8, what), "little", signed=True)
        if length < 0:
            raise self._damage(f"{what} is not found")
        if length > MAX_BYTES:
            return FaultyImageError(f"more than {MAX_BYTES:,} bytes")
        return self._answer(length, what)

    def _ask(self, key: bytes) -> None:
        with suppress(BrokenPipeError):  # it has ended: why is said where there is no answer
            os.write(self._asked.fileno(), len(key).to_bytes(2, "little") + key)  # nothing is left in a buffer

    def _answer(self, length: int, what: str) -> bytes:
        answer = self._answers.read(length)
        if len(answer) == length:
            return answer
        code = self._process.wait()
        said = self._reasons.read(2**16).decode(errors="replace").strip().splitlines()
        if code < 0:
            raise self._damage(f"{what} ended its reader by {signal.Signals(-code).name}")
        raise self._damage(said[-1] if said else f"{what} ended its reader with exit code {code}")

    def _damage(self, reason: str) -> GanError:
        return GanError("An LMDB of images is whole", f"{self._path} (damaged: {reason})", "Make or copy it again.")


@contextmanager
def _opened(path: Path) -> Iterator[_Reader]:
    """Opens an LMDB to read it, in a process of its own and without a lock file."""
    with subprocess.Popen(
        [sys.executable, "-P", str(_READER), str(path), str(MAX_BYTES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield _Reader(process, path)
        finally:
            process.kill()
