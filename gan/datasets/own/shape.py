"""This module finds the shape of the images in the files of a data set of the user's own."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import get_args

from gan.datasets.cache import FaultyImageError, refuse
from gan.datasets.config import DatasetConfig
from gan.datasets.own.decoding import shape_of
from gan.datasets.own.opening import pictures_at
from gan.errors import GanError
from gan.images import ImageSize

_LOOKED_AT = 1000
_NAMED = 5


def found_shape(path: str | Path) -> tuple[int, int]:
    """Returns (image_channels, image_size) of the first 1,000 pictures at `path`.

    image_channels: 1 where all are grey, else 3. image_size: the side of their central squares, which must be one.

    Raises GanError where pictures are faulty, their sizes differ or theirs is no ImageSize.

    >>> import numpy as np
    >>> np.savez(folder / "samples.npz", arr_0=np.zeros((12, 28, 28, 1), np.uint8))
    >>> found_shape(folder / "samples.npz")
    (1, 28)
    """
    return _found(path, image_size=None)


def _found(path: str | Path, *, image_size: int | None) -> tuple[int, int]:
    pictures = pictures_at(path)
    channels: set[int] = set()
    sizes: Counter[int] = Counter()
    faults = []
    for place, content in islice(pictures.read(), _LOOKED_AT):
        try:
            if isinstance(content, FaultyImageError):
                raise content
            grey_or_rgb, size = shape_of(content)
        except FaultyImageError as fault:
            faults.append(f"{pictures.names[place]} ({fault})")
        else:
            channels.add(grey_or_rgb)
            sizes[size] += 1
    refuse(Path(path).name, faults)
    return max(channels), image_size or _one_size(sizes)


def _one_size(sizes: Counter[int]) -> int:
    (size, _), *others = sizes.most_common()
    if not others and size in get_args(ImageSize):
        return size
    seen = [f"{count} of {size}x{size}" for size, count in sizes.most_common(_NAMED)]
    more = f" and {len(sizes) - _NAMED} other sizes" if len(sizes) > _NAMED else ""
    nearest = min(get_args(ImageSize), key=lambda allowed: abs(allowed - size))
    raise GanError(
        f"Where image_size is left out, all pictures are squares of one of {', '.join(map(str, get_args(ImageSize)))} "
        "pixels, after a crop to their central square",
        f"{', '.join(seen)}{more}",
        f"Give image_size: {nearest}, say, to which they are resized.",
    )


def filled(config: DatasetConfig) -> DatasetConfig:
    """Returns the configuration with its path made absolute, and with the shape of its images found where not given.

    A data set that is not the user's own is returned as it is. Raises GanError as `found_shape` does.

    >>> import numpy as np
    >>> np.savez(folder / "colour.npz", arr_0=np.zeros((12, 48, 48, 3), np.uint8))
    >>> filled(DatasetConfig(path=str(folder / "colour.npz"))).image_shape
    (3, 48)
    """
    if config.path is None:
        return config
    known = config.model_dump(exclude_none=True) | {"path": str(Path(config.path).expanduser().absolute())}
    if config.image_channels is None or config.image_size is None:
        channels, size = _found(config.path, image_size=config.image_size)
        known = {"image_channels": channels, "image_size": size} | known
    return DatasetConfig.model_validate(known)
