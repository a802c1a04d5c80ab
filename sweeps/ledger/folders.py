"""This module finds the folders of a sweep's trials: on a disk that all who need them see, or in an object store."""

import socket
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache
from pathlib import Path

from cluster import Mirror, is_object_store
from sweeps.errors import SweepError
from sweeps.ledger.journal import CURSOR, JOURNAL, TrialFolder

MOUNT_PATIENCE_S = 60.0
MARK = ".ganlimit"  # tells mounted storage from a folder of the same name


class TrialStorage(ABC):
    """A TrialStorage has the trials of one sweep. It is small, hashable and picklable: it travels to the workers."""

    @abstractmethod
    def require_here(self) -> None:
        """Raises SweepError where this machine, which may have joined late, does not see the storage."""

    @abstractmethod
    def folder(self, key: str) -> TrialFolder:
        """Returns the folder of the trial `key` as it is now, whether there is anything in it or not."""

    @abstractmethod
    def folders(self) -> list[TrialFolder]:
        """Returns the folders of all trials that have one, as they are now."""

    @abstractmethod
    def apart(self) -> "TrialStorage":
        """Returns the same trials for a thread that reads them while another one writes."""


@dataclass(frozen=True)
class MountedTrials(TrialStorage):
    """The trials are in a folder: of this machine, or one that every node has mounted at the same place."""

    path: Path
    mark: Path | None = None  # a file beside it, which is there on every node that has it mounted

    def require_here(self) -> None:
        deadline = time.monotonic() + MOUNT_PATIENCE_S  # a node that fails at once would take trial after trial
        while self.mark and not self.mark.is_file():
            if time.monotonic() < deadline:
                time.sleep(1.0)
                continue
            raise SweepError(
                "The trials' files are in storage that every node has mounted at the same place",
                f"none at {self.mark.parent} on {socket.gethostname()}",
                "Mount it there, or take the node out of the cluster.",
            )

    def folder(self, key: str) -> TrialFolder:
        return TrialFolder(self.path / key)

    def folders(self) -> list[TrialFolder]:
        return [TrialFolder(path) for path in sorted(self.path.iterdir())] if self.path.is_dir() else []

    def apart(self) -> TrialStorage:
        return self


@dataclass(frozen=True)
class ObjectStoreTrials(TrialStorage):
    """The trials are under an address such as s3://bucket/prefix; each process works on a copy of its own.

    In one copy a journal that is fetched would replace one that another thread is appending to: `copy` tells two apart.
    """

    storage: str
    prefix: str
    _: KW_ONLY
    copy: str = ""

    def require_here(self) -> None:
        pass  # every access goes over the network and says what is wrong

    def folder(self, key: str) -> TrialFolder:
        mirror = self._mirror(key)
        for name in (JOURNAL, CURSOR):
            if not mirror.pull(name):
                (mirror.folder / name).unlink(missing_ok=True)  # the trial was deleted meanwhile
        return TrialFolder(mirror.folder, mirror)

    def folders(self) -> list[TrialFolder]:
        copy, seen = _copy_of(self), _seen(self)
        keys = set()
        for path, stamp in Mirror(self.storage, self.prefix, folder=copy).files():
            key, _, name = path.partition("/")
            if name not in (JOURNAL, CURSOR):
                continue
            keys.add(key)
            if seen.get(path) != stamp:
                self._mirror(key).pull(name)
                seen[path] = stamp
        return [TrialFolder(copy / key, self._mirror(key)) for key in sorted(keys)]

    def apart(self) -> TrialStorage:
        return replace(self, copy="apart")

    def _mirror(self, key: str) -> Mirror:
        return Mirror(self.storage, f"{self.prefix}/{key}", folder=_copy_of(self) / key)


def trials_of(sweep: str, storage: str) -> TrialStorage:
    """Returns the trials of the sweep called `sweep` in `storage`, a path that is there or an address."""
    prefix = f"sweeps/{sweep}/trials"
    if is_object_store(storage):
        return ObjectStoreTrials(storage, prefix)
    mark = Path(storage) / MARK
    mark.touch()
    return MountedTrials(Path(storage) / prefix, mark)


@lru_cache(maxsize=8)
def _temporary(trials: ObjectStoreTrials) -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="ganlimit-trials-")  # gone with the process


def _copy_of(trials: ObjectStoreTrials) -> Path:
    return Path(_temporary(trials).name)


@lru_cache(maxsize=8)
def _seen(trials: ObjectStoreTrials) -> dict[str, object]:
    """Returns for each file the stamp with which it was last fetched."""
    return {}
