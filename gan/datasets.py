"""Named image data sets as uint8 NCHW tensors, split once and identified by a digest of their content."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from gan.digests import array_digest
from gan.errors import GanError

HELD_OUT_FRACTION = 0.2


@dataclass(frozen=True)
class ImageDataset:
    """Images uint8 NCHW in [0, 255] with labels int64 N, in a training and a held-out part.

    `digest` identifies the content of both parts, so two data sets with one digest are the same images
    in the same order.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    held_out_images: Tensor
    held_out_labels: Tensor
    num_classes: int
    digest: str

    @property
    def image_channels(self) -> int:
        return self.train_images.shape[1]

    @property
    def image_size(self) -> int:
        return self.train_images.shape[-1]

    def require_shape(self, image_channels: int, image_size: int) -> None:
        """Raise GanError unless the images have these channels and this size."""
        if (image_channels, image_size) != (self.image_channels, self.image_size):
            raise GanError(
                f"A model of {self.name} makes images of {self.image_channels} channel(s) and "
                f"{self.image_size}x{self.image_size} pixels",
                f"{image_channels} channel(s) and {image_size}x{image_size}",
                "Give the model the data set's image_channels and image_size.",
            )


def load_dataset(name: str) -> ImageDataset:
    """The data set called `name`. Raises GanError when there is none of that name."""
    if name not in DATASETS:
        raise GanError(f"A data set is one of {', '.join(sorted(DATASETS))}", repr(name), "Choose one of these names.")
    return DATASETS[name]()


def _load_digits() -> ImageDataset:
    """scikit-learn's 1,797 handwritten digits (8x8, 17 grey levels), enlarged to 16x16."""
    from sklearn.datasets import load_digits  # slow to import, and only this data set needs it

    bunch = load_digits()
    images_N1HW = np.stack([_enlarge(image * (255 / 16), 16) for image in bunch.images])[:, None]
    return _split("digits", images_N1HW, bunch.target.astype(np.int64))


def _enlarge(image_HW: np.ndarray, size: int) -> np.ndarray:
    enlarged = cv2.resize(image_HW.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(enlarged), 0, 255).astype(np.uint8)


def _split(name: str, images_NCHW: np.ndarray, labels_N: np.ndarray) -> ImageDataset:
    # A fixed permutation: the split is part of the data set's definition, not of any experiment's seed.
    order = np.random.default_rng(0).permutation(len(images_NCHW))
    images, labels = torch.from_numpy(images_NCHW[order]), torch.from_numpy(labels_N[order])
    held_out = round(len(images) * HELD_OUT_FRACTION)
    return ImageDataset(
        name=name,
        train_images=images[held_out:],
        train_labels=labels[held_out:],
        held_out_images=images[:held_out],
        held_out_labels=labels[:held_out],
        num_classes=int(labels.max()) + 1,
        digest=array_digest(images.numpy(), labels.numpy(), np.array([held_out])),
    )


DATASETS: dict[str, Callable[[], ImageDataset]] = {"digits": _load_digits}
