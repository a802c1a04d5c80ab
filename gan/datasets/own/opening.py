"""This module tells from their content in which format pictures are kept."""

import zipfile
from pathlib import Path

from gan.datasets.own.folder import folder_pictures
from gan.datasets.own.lightning import is_lightning, lightning_pictures
from gan.datasets.own.parquet import parquet_pictures
from gan.datasets.own.pictures import Pictures
from gan.datasets.own.sample_batch import batch_pictures, is_sample_batch
from gan.datasets.own.shards import braced, shards_in
from gan.datasets.own.tar_shards import tar_pictures
from gan.datasets.own.zip_archive import zip_pictures
from gan.errors import GanError

_MIN_PICTURES = 10
_NAMED = 10
_TAR_AT = 257  # where a tar says that it is one, in its first member


def pictures_at(path: str | Path) -> Pictures:
    """Returns the pictures at a path, listed. Raises GanError where there are none that can be read."""
    found = Path(path).expanduser().resolve()
    if not found.exists() and not braced(found):
        raise GanError("A data set's path is a folder of images or a file of them", found, "Correct dataset.path.")
    try:
        pictures = _listed(found)
    except OSError as error:
        reason = f"{error.filename or found} ({error.strerror or error})"
        raise GanError("The files of a data set are readable", reason, "Correct them or dataset.path.") from error
    if len(pictures.names) < _MIN_PICTURES:
        found_here = f"{len(pictures.names)} in {found}"
        raise GanError(f"A data set has at least {_MIN_PICTURES} images", found_here, "Add images.")
    return pictures


def _listed(path: Path) -> Pictures:
    if not path.exists() and (shards := braced(path)):
        return _of_shards(shards)
    if is_lightning(path):
        return lightning_pictures(path)
    if path.is_dir():
        shards = shards_in(path, (".tar",)) or shards_in(path, (".parquet",))
        return _of_shards(shards) if shards else folder_pictures(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return batch_pictures(path) if is_sample_batch(path) else zip_pictures(path)
    return _of_shards([("", path)])


def _of_shards(shards: list[tuple[str, Path]]) -> Pictures:
    kinds = {_kind(path) for _, path in shards}
    if kinds == {"parquet"}:
        return parquet_pictures(shards)
    if kinds == {"tar"}:
        return tar_pictures(shards)
    for _, path in shards:
        if trouble := _trouble(path):
            raise GanError("A file of images is whole, and no archive within another", *trouble)
    raise GanError(
        "A file of images is a zip, an .npz, Parquet, a tar or an LMDB",
        ", ".join(sorted(str(path) for _, path in shards if _kind(path) is None)[:_NAMED]) or "tar beside Parquet",
        "Give one of these, or a folder of images.",
    )


def _trouble(path: Path) -> tuple[str, str] | None:
    """Returns what is wrong with a file that would be one of images, and what to do; None for any other."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        return f"{path} (damaged: a zip or an .npz without its end)", "Copy it again."
    if start[:2] == b"\x1f\x8b" or start[:3] == b"BZh" or start == b"\x28\xb5\x2f\xfd":
        return f"{path} (compressed)", "Unpack it: gunzip, bunzip2 or zstd -d."
    return None


def _kind(path: Path) -> str | None:
    if path.exists() and not path.is_file():
        return None  # a pipe, on which reading would wait for ever
    with path.open("rb") as file:
        start = file.read(_TAR_AT + 5)
    if start.startswith(b"PAR1"):
        return "parquet"
    return "tar" if start[_TAR_AT:] == b"ustar" else None
