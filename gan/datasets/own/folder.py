"""This module reads any folder of images, in any nesting, with a StyleGAN dataset.json or without.

Links that lead out of the folder are refused, and pipes, on which reading would wait for ever. Classes are the folders
of the first level: a folder whose pictures lie all in one of them has one class, and is the same data set as those
pictures without that folder.
"""

from pathlib import Path

from gan.datasets.cache import FaultyImageError, refuse
from gan.datasets.own.members import LABELS, classes_of, is_aside
from gan.datasets.own.pictures import MAX_BYTES, Pictures, Reading


def folder_pictures(folder: Path) -> Pictures:
    """Returns the images under a folder, in the order of their paths.

    Raises GanError naming links out of it, and pipes, sockets and devices.
    """
    files = _files(folder)
    names = [name for name in files if name != LABELS]
    text = (folder / LABELS).read_bytes() if LABELS in files else None

    def read() -> Reading:
        for place, name in enumerate(names):
            yield place, _content(folder / name)

    return Pictures(
        format="folder",
        files=[(name, folder / name) for name in files],
        names=names,
        classes=classes_of(names, text, where=str(folder)),
        read=read,
    )


def _files(folder: Path) -> list[str]:
    """Returns the files of the data set by their path inside the folder, in order of that path."""
    names, faults = [], []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if is_aside(name):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder):
            faults.append(f"{name} (a link out of the folder)")
        elif path.is_file() or not path.exists():  # of a broken link is said where it is read
            names.append(name)
        elif not path.is_dir():
            faults.append(f"{name} (a pipe, a socket or a device)")
    refuse(folder.name, sorted(faults))
    return sorted(names)


def _content(path: Path) -> bytes | FaultyImageError:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return FaultyImageError(f"damaged: {error}")
    return content if len(content) <= MAX_BYTES else FaultyImageError(f"more than {MAX_BYTES:,} bytes")
