"""This module checks what Ray needs where it starts: a short temporary folder, disk and shared memory."""

import shutil
from pathlib import Path

from cluster.client.session import own_folder
from cluster.errors import ClusterError
from cluster.inspection.diagnosis import LEAST_DISK_BYTES, Check
from cluster.tokens import read_token

GIB = 2**30


def temporary_folder_check(subject: str) -> Check:
    """Returns whether Ray's sockets find room in the names of the temporary folder."""
    name = "temporary folder"
    try:
        folder = Path(own_folder())
    except ClusterError as error:
        return Check(
            subject=subject, name=name, found=f"{error.value} is too long for Ray's sockets", remedy=error.remedy
        )
    except OSError as error:
        return Check(
            subject=subject,
            name=name,
            found=f"it cannot be written ({error})",
            remedy="Set TMPDIR to a folder that can be written.",
        )
    folder.rmdir()
    return Check(subject=subject, name=name, found=f"{folder.parent} is short enough for Ray's sockets")


def disk_check(subject: str, folder: Path, *, remedy: str) -> Check:
    """Returns whether a folder's disk has room for checkpoints and logs."""
    free = shutil.disk_usage(folder).free
    return Check(
        subject=subject,
        name="disk",
        found=f"{free / GIB:.1f} GiB free in {folder}",
        remedy=remedy if free < LEAST_DISK_BYTES else None,
    )


def shared_memory_check(subject: str) -> Check:
    """Returns whether /dev/shm holds the object store that Ray would make here."""
    from ray._private.utils import estimate_available_memory, resolve_object_store_memory

    wanted = resolve_object_store_memory(estimate_available_memory())
    return shared_memory_verdict(subject, free=_shared_memory_bytes(), wanted=wanted)


def shared_memory_verdict(subject: str, *, free: int, wanted: int) -> Check:
    """Returns the verdict: without room in /dev/shm Ray puts its object store into a folder, where it is slow."""
    found = f"/dev/shm has {free / GIB:.1f} GiB free for Ray's object store of {wanted / GIB:.1f} GiB"
    remedy = f"Enlarge it; a container's by --shm-size={-(-wanted // GIB)}g, or --ipc=host."
    return Check(subject=subject, name="shared memory", found=found, remedy=remedy if free < wanted else None)


def token_file_check(subject: str, token_file: Path) -> Check:
    """Returns whether a file holds a token and is its owner's alone."""
    try:
        read_token(token_file.expanduser())
    except ClusterError as error:
        return Check(subject=subject, name="token file", found=f"{error.rule}, got {error.value}", remedy=error.remedy)
    return Check(subject=subject, name="token file", found=f"{token_file} is its owner's alone")


def _shared_memory_bytes() -> int:
    from ray._private.utils import get_shared_memory_bytes  # of Linux, where /dev/shm is

    return int(get_shared_memory_bytes())
