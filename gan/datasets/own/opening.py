"""This module tells from their content in which format pictures are kept."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from gan.datasets.own.folder import folder_pictures
from gan.datasets.own.pictures import Pictures
from gan.datasets.own.sample_batch import batch_pictures, is_sample_batch
from gan.datasets.own.zip_archive import zip_pictures
from gan.errors import GanError

_MIN_PICTURES = 10


def pictures_at(path: str | Path) -> Pictures:
    """Returns the pictures at a path, listed. Raises GanError where there are none that can be read."""
    found = Path(path).expanduser().resolve()
    if not found.exists():
        raise GanError("A data set's path is a folder of images or a file of them", found, "Correct dataset.path.")
    try:
        pictures = _format(found)(found)
    except OSError as error:
        reason = f"{error.filename or found} ({error.strerror or error})"
        raise GanError("The files of a data set are readable", reason, "Correct them or dataset.path.") from error
    if len(pictures.names) < _MIN_PICTURES:
        found_here = f"{len(pictures.names)} in {found}"
        raise GanError(f"A data set has at least {_MIN_PICTURES} images", found_here, "Add images.")
    return pictures


def _format(path: Path) -> Callable[[Path], Pictures]:
    if path.is_dir():
        return folder_pictures
    if zipfile.is_zipfile(path):
        return batch_pictures if is_sample_batch(path) else zip_pictures
    raise GanError(
        "A file of images is a zip or an .npz",
        path,
        "Give one of these, or a folder of images.",
    )
