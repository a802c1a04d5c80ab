"""This module makes one picture of any source into the square image of a data set.

A picture is decoded in full by Pillow, and has 4x4 pixels or more and at most 64 million. It is turned as its EXIF
orientation says, laid on white where it is transparent, made grey (ITU-R 601 luma) or RGB, cropped to its central
square and resized.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gan.datasets.cache import FaultyImageError
from gan.datasets.own.pictures import LEAST_SIDE, Content
from gan.datasets.resizing import centre_square, resize

MAX_PIXELS = 64_000_000
_MOST_GREY = 2**16 - 1
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")  # and all kinds of I;16
_LONGEST_HEADER = 10_000
_NPY = b"\x93NUMPY"


def decoded(content: Content, channels: int, *, size: int) -> np.ndarray:
    """Returns the picture as uint8 CHW. Raises FaultyImageError."""
    with _picture(content) as picture:
        image = np.asarray(_flattened(ImageOps.exif_transpose(picture), channels))
    resized = resize(centre_square(image), size)
    return resized[None] if channels == 1 else resized.transpose(2, 0, 1)


def shape_of(content: Content) -> tuple[int, int]:
    """Returns (image_channels, side of the central square) of the picture as it is. Raises FaultyImageError."""
    with _picture(content) as picture:
        grey = picture.mode in _GREY_MODES or picture.mode.startswith("I;16")
        return 1 if grey else 3, min(picture.size)


@contextmanager
def _picture(content: Content) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of which only those that are errors matter
            with _opened(content) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise FaultyImageError(f"{file.width}x{file.height} pixels, more than {MAX_PIXELS:,}")
                if min(file.size) < LEAST_SIDE:
                    raise FaultyImageError(f"{file.width}x{file.height} pixels, less than {LEAST_SIDE}x{LEAST_SIDE}")
                yield file
    except FaultyImageError:
        raise
    except Image.DecompressionBombError as error:
        raise FaultyImageError(f"more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        pickled = isinstance(content, bytes) and content[:1] == b"\x80" and content[-1:] == b"."
        raise FaultyImageError("a pickle, which is not loaded" if pickled else "not an image") from error
    except Exception as error:  # a decoder raises whatever it likes of foreign bytes
        raise FaultyImageError(f"damaged: {error or type(error).__name__}") from error


def _opened(content: Content) -> Image.Image:
    if isinstance(content, np.ndarray):
        return _of_pixels(content)
    if content.startswith(_NPY):
        return _of_pixels(npy_array(content))
    return Image.open(io.BytesIO(content))


def _of_pixels(pixels: np.ndarray) -> Image.Image:
    """Returns the image of uint8 HW, HWC or CHW."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise FaultyImageError(f"pixels are uint8 of height, width and channels, got {pixels.dtype}{pixels.shape}")
    if pixels.ndim == 3 and pixels.shape[-1] not in (1, 3, 4) and pixels.shape[0] in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[-1] not in (1, 3, 4):
        raise FaultyImageError(f"pixels have 1, 3 or 4 channels, got {pixels.shape}")
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def npy_array(content: bytes) -> np.ndarray:
    """Returns the array of an .npy file. Raises ValueError for one whose header promises more or less than there is."""
    file = io.BytesIO(content)
    shape, fortran_order, dtype = npy_header(file)
    if file.tell() + dtype.itemsize * int(np.prod(shape, dtype=object)) != len(content):
        raise ValueError(f"{dtype}{shape} in {len(content):,} bytes")
    order: Literal["F", "C"] = "F" if fortran_order else "C"
    pixels: np.ndarray = np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order=order)
    return pixels


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Returns shape, whether it is in Fortran's order, and dtype of the .npy file that begins here.

    Raises ValueError.
    """
    version = np.lib.format.read_magic(file)
    start, length = file.tell(), int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > _LONGEST_HEADER:  # which NumPy would read before it refuses it
        raise ValueError(f"a header of {length:,} bytes")
    file.seek(start)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _flattened(image: Image.Image, channels: int) -> Image.Image:
    """Returns the image grey or RGB, on white where it is transparent."""
    if image.mode.startswith("I"):
        grey = np.asarray(image, dtype=np.int64)
        if grey.min() < 0 or grey.max() > _MOST_GREY:
            raise FaultyImageError(f"whole numbers from {grey.min()} to {grey.max()}, and not of 16 bits")
        image = Image.fromarray((grey / 257).astype(np.uint8))  # 16 bits to 8
    if image.mode == "F":
        raise FaultyImageError("real numbers, whose range nobody knows: store it in 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")
