"""This module has a data set's images in memory or mapped from a file: split once, identified by their content."""

import hashlib
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan.errors import ArtifactError, GanError

HELD_OUT_FRACTION = 0.2
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class ImageDataset:
    """A data set holds images uint8 NCHW in [0, 255] with labels int64 N, in a training and a held-out part.

    `digest` identifies the content of both parts, so two data sets with one digest are the same images
    in the same order. The tensors may be read-only maps of a file: never write to them.

    >>> dataset.image_size, dataset.image_channels, dataset.num_classes
    (16, 1, 10)
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    held_out_images: Tensor
    held_out_labels: Tensor
    num_classes: int
    digest: str

    def __reduce__(self) -> tuple[Any, ...]:
        # As arrays, which Ray and pickle 5 share between processes without a copy; tensors they would copy.
        parts = (self.train_images, self.train_labels, self.held_out_images, self.held_out_labels)
        return _from_arrays, (self.name, tuple(part.numpy() for part in parts), self.num_classes, self.digest)

    @property
    def image_channels(self) -> int:
        return self.train_images.shape[1]

    @property
    def image_size(self) -> int:
        return self.train_images.shape[-1]

    def class_shares(self, num_classes: int) -> tuple[float, ...]:
        """Returns the share of each class in the training part.

        Equal shares where the data set does not have exactly `num_classes`; none of no classes.
        """
        if not num_classes:
            return ()
        if num_classes != self.num_classes:
            return num_classes * (1 / num_classes,)
        counts_K = torch.bincount(self.train_labels, minlength=num_classes)
        return tuple((counts_K / counts_K.sum(dtype=torch.float64)).tolist())

    def require_shape(self, image_channels: int, image_size: int) -> None:
        """Raise GanError unless the images have these channels and this size."""
        if (image_channels, image_size) != (self.image_channels, self.image_size):
            raise GanError(
                f"A model of {self.name} makes images of {self.image_channels} channel(s) and "
                f"{self.image_size}x{self.image_size} pixels",
                f"{image_channels} channel(s) and {image_size}x{image_size}",
                "Give the model the data set's image_channels and image_size.",
            )

    def verify(self) -> None:
        """Raise ArtifactError unless the content, read in full, has the digest that the data set states."""
        found = content_digest(
            [self.held_out_images.numpy(), self.train_images.numpy()],
            [self.held_out_labels.numpy(), self.train_labels.numpy()],
        )
        if found != self.digest:
            raise ArtifactError(
                f"The content of {self.name} has the digest {self.digest}",
                found,
                "The decoded images are damaged: delete the cache folder in the data root and run again.",
            )


def tensor_over(array: np.ndarray) -> Tensor:
    """Returns a tensor over an array, which may be read-only: torch cannot express that, so never write to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _from_arrays(name: str, arrays: tuple[np.ndarray, ...], num_classes: int, digest: str) -> ImageDataset:
    train_images, train_labels, held_out_images, held_out_labels = map(tensor_over, arrays)
    return ImageDataset(
        name=name,
        train_images=train_images,
        train_labels=train_labels,
        held_out_images=held_out_images,
        held_out_labels=held_out_labels,
        num_classes=num_classes,
        digest=digest,
    )


def split_order(num_images: int) -> tuple[np.ndarray, int]:
    """Returns the order of a data set without an official split, and how many images at its start are held out.

    A fixed permutation: the split is part of the data set's definition, not of any experiment's seed.
    """
    return np.random.default_rng(0).permutation(num_images), round(num_images * HELD_OUT_FRACTION)


def dataset_of(
    name: str, images_NCHW: Tensor, *, labels_N: Tensor, held_out: int, num_classes: int, digest: str
) -> ImageDataset:
    """Returns the data set whose first `held_out` rows are the held-out part; copies nothing."""
    return ImageDataset(
        name=name,
        train_images=images_NCHW[held_out:],
        train_labels=labels_N[held_out:],
        held_out_images=images_NCHW[:held_out],
        held_out_labels=labels_N[:held_out],
        num_classes=num_classes,
        digest=digest,
    )


def content_digest(image_parts: list[np.ndarray], label_parts: list[np.ndarray]) -> str:
    """Returns the digest of the parts (held out, training), read a few thousand rows at a time.

    Equal to `array_digest` of all images, all labels and the number held out, without copying the images.
    """
    sha = hashlib.sha256()
    for parts in (image_parts, label_parts):
        rows = sum(map(len, parts))
        sha.update(f"{parts[0].dtype.str}{(rows, *parts[0].shape[1:])}".encode())
        for part in parts:
            for start in range(0, len(part), _ROWS_AT_ONCE):
                sha.update(np.ascontiguousarray(part[start : start + _ROWS_AT_ONCE]).tobytes())
    held_out = np.array([len(label_parts[0])])
    sha.update(f"{held_out.dtype.str}{held_out.shape}".encode() + held_out.tobytes())
    return sha.hexdigest()
