"""This module reads images in tar files: WebDataset's shards, or a folder of images as one file.

What has the same name up to the first dot is one sample: one image, perhaps its class (KEY.cls, or `label` or `cls`
in KEY.json), and whatever else, which is not read. Where no sample states a class, the folders of the first level are
the classes. A tar is read from its beginning to its end; pictures are in the order of shards and names.
"""

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from gan.datasets.cache import refuse
from gan.datasets.own.members import is_aside, leads_out
from gan.datasets.own.pictures import MAX_BYTES, Classes, Pictures, Reading, counted, first_level
from gan.datasets.own.shards import split_shards
from gan.errors import GanError

_IMAGES = {"png", "jpg", "jpeg", "webp", "bmp", "gif", "ppm", "pgm", "pbm", "pnm", "tif", "tiff"}
_LONGEST_SIDE_FILE = 2**20


@dataclass
class _Sample:
    images: list[str] = field(default_factory=list)
    label: object = None


def tar_pictures(shards: Sequence[tuple[str, Path]]) -> Pictures:
    """Returns the images of tar files; a test or validation split is held out.

    Raises GanError for tars that are damaged, and naming samples without an image, and members that lead out, are
    links, appear twice or are too large.
    """
    shards, held_out_files = split_shards(shards)
    found = [(name or path.name, _samples(path)) for name, path in shards]
    images = [(shard, sample.images[0], sample.label) for shard, samples in found for sample in samples]
    place_of = {(shard, image): place for place, (shard, image, _) in enumerate(images)}

    def read() -> Reading:
        for name, path in shards:
            with _opened(path) as archive:
                for member in archive:
                    place = place_of.get((name or path.name, _name(member)))
                    if place is not None and (file := archive.extractfile(member)):
                        yield place, file.read()

    return Pictures(
        format="tar",
        files=shards,
        names=[f"{image} in {shard}" for shard, image, _ in images],
        classes=_classes(images),
        held_out=[place for place, (shard, _, _) in enumerate(images) if shard in held_out_files] or None,
        read=read,
    )


def _samples(path: Path) -> list[_Sample]:
    """Returns the samples of a tar, each with its one image, in the order of the images' names."""
    samples: dict[str, _Sample] = {}
    faults, seen = [], set()
    with _opened(path) as archive:
        for member in archive:
            name = _name(member)
            if member.isdir() or is_aside(name):
                continue
            if fault := "there twice" if name in seen else _fault(member):
                faults.append(f"{member.name} ({fault})")
            elif file := archive.extractfile(member):
                seen.add(name)
                _add(name, file, samples=samples)
        _require_end(archive, path)
    faults += [
        f"{key} ({len(sample.images) or 'no'} images of one name)"
        for key, sample in samples.items()
        if len(sample.images) != 1
    ]
    refuse(path.name, faults)
    return sorted(samples.values(), key=lambda sample: sample.images)


def _add(name: str, file: IO[bytes], *, samples: dict[str, _Sample]) -> None:
    found = re.fullmatch(r"((?:.*/)?[^/.]+)\.?([^/]*)", name)
    key, ending = found.groups() if found else (name, "")
    sample = samples.setdefault(key, _Sample())
    if ending.lower().rpartition(".")[2] in _IMAGES:
        sample.images.append(name)
    elif ending == "cls" or (ending == "json" and sample.label is None):
        text = file.read(_LONGEST_SIDE_FILE)
        sample.label = _whole(text) if ending == "cls" else _stated(text)


def _whole(text: bytes) -> object:
    try:
        return int(text)
    except ValueError:
        return text[:40].decode(errors="backslashreplace")  # which is no class, as is said where they are counted


def _stated(text: bytes) -> object:
    try:
        stated = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return stated.get("label", stated.get("cls")) if isinstance(stated, dict) else None


def _classes(images: Sequence[tuple[str, str, object]]) -> Classes:
    if all(label is None for _, _, label in images):
        return first_level([image for _, image, _ in images])
    for shard, image, label in images:
        if label is None:
            raise GanError(
                "All samples of a data set have a class, or none has",
                f"{image} in {shard}, without one",
                "Write KEY.cls beside each image.",
            )
    return counted([label for _, _, label in images], images[0][0])


def _name(member: tarfile.TarInfo) -> str:
    return member.name if leads_out(member.name) else str(PurePosixPath(member.name))  # ./a.png is a.png


def _fault(member: tarfile.TarInfo) -> str | None:
    if leads_out(member.name):
        return "its name leads out of the archive"
    if not member.isfile():
        return "a link" if member.islnk() or member.issym() else "no file"
    return f"{member.size:,} bytes, more than {MAX_BYTES:,}" if member.size > MAX_BYTES else None


def _require_end(archive: tarfile.TarFile, path: Path) -> None:
    """Raise GanError unless the tar closes where its last member ends: Python's reader stops at damage in silence."""
    with path.open("rb") as file:
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError(f"no member and no end at byte {archive.offset:,}")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Opens a tar. Raises GanError for one that is damaged, or compressed, which images gain nothing from."""
    try:
        with tarfile.open(path, "r:", errors="backslashreplace") as archive:
            yield archive
    except (tarfile.TarError, OSError, EOFError) as error:
        raise GanError(
            "A tar of images is whole, and not compressed", f"{path} (damaged: {error})", "Make or copy it again."
        ) from error
