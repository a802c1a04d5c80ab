"""This module reads any folder of images, in any nesting.

The rule for each file: hidden files and folders (a leading dot) and Thumbs.db are no part of the data set; every
other file is an image that Pillow decodes in full, inside the folder (links that lead out of it are refused), of at
most 64 million pixels. A picture is turned as its EXIF orientation says, laid on white where it is transparent,
made grey (ITU-R 601 luma) or RGB as image_channels says, cropped to its central square and resized. What breaks the
rule is named; nothing is skipped silently. Classes are the folders of the first level, one class where there are
none. A fixed fifth of the images is held out.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gan.datasets.cache import FaultyImageError, Source, cached, refuse
from gan.datasets.config import DataRoot, DatasetConfig
from gan.datasets.images import ImageDataset, split_order
from gan.datasets.resizing import centre_square, resize
from gan.digests import file_digest, value_digest
from gan.errors import GanError

MAX_PIXELS = 64_000_000
_MIN_IMAGES = 10


def load_folder(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns the images under `config.path`. Raises GanError naming the files that break the rule."""
    assert config.path is not None
    folder = Path(config.path).expanduser().resolve()
    if not folder.is_dir():
        raise GanError("A data set's path is a folder of images", folder, "Correct dataset.path.")
    files = _files(folder)
    content = value_digest([[name, file_digest(folder / name)] for name in files])
    channels, size = config.image_shape
    identity: dict[str, object] = {"content": content, "image_channels": channels, "image_size": size}
    return cached(
        config.name, identity, data_root=data_root, build=lambda: _source(folder, files, channels=channels, size=size)
    )


def _files(folder: Path) -> list[str]:
    """Returns the files of the data set by their path inside the folder, in order of that path."""
    names, outside = [], []
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.name == "Thumbs.db" or any(part.startswith(".") for part in name.parts):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder):
            outside.append(f"{name.as_posix()} (a link out of the folder)")
        elif not path.is_dir():
            names.append(name.as_posix())
    refuse("folder", sorted(outside))
    if len(names) < _MIN_IMAGES:
        raise GanError(f"A folder holds at least {_MIN_IMAGES} images", f"{len(names)} in {folder}", "Add images.")
    return sorted(names)


def _source(folder: Path, files: list[str], *, channels: int, size: int) -> Source:
    order, held_out = split_order(len(files))
    groups = [name.split("/")[0] if "/" in name else "" for name in files]
    classes = sorted(set(groups))
    labels_N = np.array([classes.index(groups[index]) for index in order], dtype=np.int64)

    def decode(row: int) -> np.ndarray:
        name = files[order[row]]
        try:
            return _decoded(folder / name, channels, size=size)
        except FaultyImageError as fault:
            raise FaultyImageError(f"{name} ({fault})") from fault

    return Source(
        labels_N=labels_N,
        held_out=held_out,
        num_classes=len(classes),
        image_shape=(channels, size, size),
        decode=decode,
    )


def _decoded(path: Path, channels: int, *, size: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound below is the stricter one
            with Image.open(path) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise FaultyImageError(f"{file.width}x{file.height} pixels, more than {MAX_PIXELS:,}")
                image = _flattened(ImageOps.exif_transpose(file), channels)
    except Image.DecompressionBombError as error:
        raise FaultyImageError(f"more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise FaultyImageError("not an image") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise FaultyImageError(f"damaged: {error}") from error
    resized = resize(centre_square(np.asarray(image)), size)
    return resized[None] if channels == 1 else resized.transpose(2, 0, 1)


def _flattened(image: Image.Image, channels: int) -> Image.Image:
    """Returns the image grey or RGB, on white where it is transparent."""
    if image.mode.startswith(("I;16", "I")):
        image = Image.fromarray((np.asarray(image, dtype=np.float32) / 257).astype(np.uint8))  # 16 bits to 8
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")
