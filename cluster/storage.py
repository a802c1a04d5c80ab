"""This module reaches storage of all nodes of a cluster: a path that each has mounted, or an object store.

In an object store files are worked on in a local copy, which has its twin under an address. Whole files are written at
once, so a reader of the store sees the old or the new one. The store is S3 or what speaks its language; keys and
endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and their kin).
"""

import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pyarrow import fs

from cluster.errors import ClusterError

SCHEME = "s3://"
WAITS_S = (1.0, 2.0, 4.0, 8.0)  # between tries

Result = TypeVar("Result")


def is_object_store(storage: str) -> bool:
    """Returns whether an address is one of an object store, rather than a path."""
    return storage.startswith(SCHEME)


def storage_address(storage: str) -> str:
    """Returns a storage as every node understands it. Raises ClusterError for neither an absolute path nor s3://."""
    if is_object_store(storage) and "?" not in storage and "@" not in storage and storage.rstrip("/") != "s3:":
        return storage.rstrip("/")
    try:
        path = Path(storage).expanduser()
    except RuntimeError:  # of ~user without a home
        path = Path(storage)
    if "://" not in storage and "\0" not in storage and path.is_absolute():
        return str(path)
    raise ClusterError(
        "Storage is a path from the root that every node has mounted, or s3://BUCKET/PREFIX",
        storage.rpartition("@")[2],  # a password stays where it is
        "Write it out; keys and an endpoint are given by AWS_... in the nodes' environment.",
    )


def put_mark(storage: str, name: str) -> None:
    """Leave the empty file `name` in the storage, for whoever else claims to see it. Raises OSError.

    A folder that is not there is not made: nothing may be mounted there.
    """
    filesystem, root = _open(storage)
    with filesystem.open_output_stream(f"{root}/{name}"):
        pass


def has_mark(storage: str, name: str) -> bool:
    """Returns whether the storage has the file `name`. Raises OSError."""
    filesystem, root = _open(storage)
    return bool(filesystem.get_file_info(f"{root}/{name}").type == fs.FileType.File)


def take_mark(storage: str, name: str) -> None:
    """Remove what `put_mark` left. Raises OSError."""
    filesystem, root = _open(storage)
    filesystem.delete_file(f"{root}/{name}")


def storage_problem(storage: str) -> str | None:
    """Returns why a file cannot be put into the storage from here and be seen there again; None where it can."""
    name = f".ganlimit-probe-{secrets.token_hex(8)}"
    try:
        put_mark(storage, name)
        seen = has_mark(storage, name)
        take_mark(storage, name)
    except (OSError, ValueError) as error:
        return str(error)
    return None if seen else "what was just written is not there"


def _open(storage: str) -> tuple[fs.FileSystem, str]:
    return _connect(storage) if is_object_store(storage) else (fs.LocalFileSystem(), storage.rstrip("/"))


@dataclass(frozen=True)
class Mirror:
    """A Mirror is a local folder and its twin in a store. It raises ClusterError for a store that stays away."""

    storage: str  # s3://bucket/prefix
    name: str  # of the twin in it
    _: KW_ONLY
    folder: Path

    def push(self, path: Path) -> None:
        """Bring a file, or all files of a folder, to the store."""
        files = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
        for file in files:
            self._patiently(self._put, file)

    def pull(self, name: str) -> bool:
        """Fetch a file, or a folder's files, which replace what is here. Returns False where the store has none."""
        return self._patiently(self._get, name)

    def remove(self, name: str = "") -> None:
        """Delete a file, a folder, or the whole, from the store. It does nothing where there is none."""
        self._patiently(self._delete, name)

    def files(self) -> list[tuple[str, tuple[int, object]]]:
        """Returns (name, its size and time) for every file in the store."""
        return self._patiently(self._list)

    def _put(self, file: Path) -> None:
        filesystem, root = self._place()
        with filesystem.open_output_stream(f"{root}/{file.relative_to(self.folder).as_posix()}") as out:
            out.write(file.read_bytes())

    def _get(self, name: str) -> bool:
        filesystem, root = self._place()
        found = filesystem.get_file_info(f"{root}/{name}")
        if found.type == fs.FileType.NotFound:
            return False
        infos = [found]
        if found.type == fs.FileType.Directory:
            infos = filesystem.get_file_info(fs.FileSelector(f"{root}/{name}", recursive=True))
        for info in infos:
            if info.type == fs.FileType.File:
                self._fetch(filesystem, root, info=info)
        return True

    def _delete(self, name: str) -> None:
        filesystem, root = self._place()
        place = f"{root}/{name}".rstrip("/")
        found = filesystem.get_file_info(place)
        if found.type == fs.FileType.File:
            filesystem.delete_file(place)
        elif found.type == fs.FileType.Directory:
            filesystem.delete_dir(place)

    def _list(self) -> list[tuple[str, tuple[int, object]]]:
        filesystem, root = self._place()
        infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
        files = [info for info in infos if info.type == fs.FileType.File]
        return [(info.path.removeprefix(f"{root}/"), (info.size, info.mtime)) for info in files]

    def _patiently(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Do it, and again after a while: a store that is away for moments stops nobody."""
        for wait_s in WAITS_S:
            try:
                return act(*arguments)
            except OSError:
                time.sleep(wait_s)
        try:
            return act(*arguments)
        except OSError as error:
            raise ClusterError(
                f"The storage answers within {sum(WAITS_S):.0f} s",
                f"{self.storage} ({error})",
                "See that it runs and can be reached; the same command again goes on from here.",
            ) from error

    def _place(self) -> tuple[fs.FileSystem, str]:
        filesystem, root = _connect(self.storage)
        return filesystem, f"{root}/{self.name}"

    def _fetch(self, filesystem: fs.FileSystem, root: str, *, info: fs.FileInfo) -> None:
        path = self.folder / info.path.removeprefix(f"{root}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Threads may fetch one file at once.
        unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
        with filesystem.open_input_stream(info.path) as source:
            unfinished.write_bytes(source.read())
        unfinished.replace(path)


@lru_cache(maxsize=8)
def _connect(storage: str) -> tuple[fs.FileSystem, str]:
    try:
        filesystem, root = fs.FileSystem.from_uri(f"{storage}?allow_delayed_open=true")  # one request for a small file
    except (ValueError, OSError) as error:
        raise ClusterError("Storage is s3://BUCKET/PREFIX or a path", storage, f"Check it ({error}).") from error
    return filesystem, root.rstrip("/")
