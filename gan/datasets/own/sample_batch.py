"""This module reads an .npz of samples as guided-diffusion writes it: arr_0, uint8 NHWC, and perhaps labels arr_1.

The images are read one by one from the file, whether it is compressed or not.
"""

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from gan.datasets.own.decoding import MAX_PIXELS, npy_array, npy_header
from gan.datasets.own.pictures import (
    LEAST_SIDE,
    MAX_BYTES,
    Classes,
    Numbered,
    Pictures,
    Reading,
    counted,
    one_class,
    require_few_enough,
)
from gan.datasets.own.zip_archive import opened_zip
from gan.errors import GanError

_IMAGES, _LABELS = "arr_0.npy", "arr_1.npy"
_RULE = "An .npz of samples has arr_0, uint8 of (images, height, width, 1 or 3 channels), and perhaps whole arr_1"


def is_sample_batch(path: Path) -> bool:
    """Returns whether a zip is an .npz file of arrays."""
    with opened_zip(path) as archive:
        return path.suffix == ".npz" or _IMAGES in archive.namelist()


def batch_pictures(path: Path) -> Pictures:
    """Returns the images of an .npz, in their order. Raises GanError for other arrays."""
    with opened_zip(path) as archive:
        shape = _shape(archive, path)
        classes = _classes(archive, shape[0], path=path)

    def read() -> Reading:
        with opened_zip(path) as archive, archive.open(_IMAGES) as file:
            npy_header(file)
            for place in range(shape[0]):
                yield place, _next(file, shape[1:])

    return Pictures(
        format="npz",
        files=[("", path)],
        names=Numbered("image", [(path.name, shape[0])]),
        classes=classes,
        read=read,
    )


def _shape(archive: zipfile.ZipFile, path: Path) -> tuple[int, ...]:
    found = [name.removesuffix(".npy") for name in archive.namelist()]
    if {"mu", "sigma"} <= set(found) and _IMAGES not in archive.namelist():
        remedy = "Give such statistics as evaluation.reference."
        raise GanError(_RULE, f"mu and sigma in {path.name}", remedy)
    if _IMAGES not in archive.namelist():
        raise GanError(_RULE, f"{', '.join(found[:10]) or 'nothing'} in {path.name}", "Save the images as arr_0.")
    with archive.open(_IMAGES) as file:
        shape, fortran_order, dtype = npy_header(file)
        read = file.tell()
    right = dtype == np.uint8 and len(shape) == 4 and shape[-1] in (1, 3) and not fortran_order
    if not right or min(shape[1:3]) < LEAST_SIDE or shape[1] * shape[2] > MAX_PIXELS:
        order = " in Fortran's order" if fortran_order else ""
        raise GanError(_RULE, f"{dtype}{shape}{order} in {path.name}", "Save the images so.")
    require_few_enough(shape[0], path.name)
    whole = read + int(np.prod(shape, dtype=object))
    if archive.getinfo(_IMAGES).file_size != whole:
        raise GanError(_RULE, f"{path.name}: {dtype}{shape}, of other size than the file", "Copy the file again.")
    return shape


def _classes(archive: zipfile.ZipFile, num_images: int, *, path: Path) -> Classes:
    if _LABELS not in archive.namelist():
        return one_class(num_images)
    size = archive.getinfo(_LABELS).file_size
    if size <= MAX_BYTES:
        labels_N = npy_array(archive.read(_LABELS))
        if labels_N.dtype.kind in "iu" and labels_N.shape == (num_images,):
            return counted(labels_N.tolist(), f"arr_1 of {path.name}")
    raise GanError(_RULE, f"{path.name}: arr_1 of {size:,} bytes is no label for each image", "Leave arr_1 out.")


def _next(file: IO[bytes], shape: tuple[int, ...]) -> np.ndarray:
    pixels = file.read(size := int(np.prod(shape)))
    if len(pixels) < size:
        raise EOFError("arr_0 ends within an image")
    return np.frombuffer(pixels, np.uint8).reshape(shape)
