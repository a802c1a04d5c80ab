"""This module reads a data set of the user's own: its pictures decoded once, split, and identified by their content."""

from collections.abc import Iterator

import numpy as np

from gan.datasets.cache import FaultyImageError, Source, cached
from gan.datasets.config import DataRoot, DatasetConfig
from gan.datasets.images import ImageDataset, split_order
from gan.datasets.own.decoding import decoded
from gan.datasets.own.opening import pictures_at
from gan.datasets.own.pictures import Pictures
from gan.datasets.own.shape import filled
from gan.digests import file_digest, value_digest


def load_own(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns the images at `config.path`: those that the format holds out, or a fixed fifth, are the held-out part.

    Raises GanError naming the pictures that cannot be used.
    """
    config = filled(config)
    assert config.path is not None
    pictures = pictures_at(config.path)
    content = value_digest([[name, file_digest(path)] for name, path in pictures.files])
    channels, size = config.image_shape
    identity: dict[str, object] = {"content": content, "image_channels": channels, "image_size": size}
    if pictures.format != "folder":  # whose images were decoded before there were other formats
        identity["format"] = pictures.format
    return cached(
        config.name, identity, data_root=data_root, build=lambda: _source(pictures, channels=channels, size=size)
    )


def _source(pictures: Pictures, *, channels: int, size: int) -> Source:
    order, held_out = _order(pictures)
    row_of = np.argsort(order)

    def images() -> Iterator[tuple[int, np.ndarray | FaultyImageError]]:
        for place, content in pictures.read():
            row = int(row_of[place])
            try:
                if isinstance(content, FaultyImageError):
                    raise content
                yield row, decoded(content, channels, size=size)
            except FaultyImageError as fault:
                yield row, FaultyImageError(f"{pictures.names[place]} ({fault})")

    return Source(
        labels_N=np.asarray(pictures.classes.labels, dtype=np.int64)[order],
        held_out=held_out,
        num_classes=pictures.classes.number,
        image_shape=(channels, size, size),
        decoded=images,
    )


def _order(pictures: Pictures) -> tuple[np.ndarray, int]:
    """Returns which picture each row is, held-out rows first, and how many are held out."""
    if pictures.held_out is None:
        return split_order(len(pictures.names))
    held_out = np.asarray(pictures.held_out)
    return np.concatenate([held_out, np.setdiff1d(np.arange(len(pictures.names)), held_out)]), len(held_out)
