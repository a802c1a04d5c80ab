"""This module has the digits that come with scikit-learn: real, small, and there without a network."""

import numpy as np
import torch

from gan.datasets.images import ImageDataset, content_digest, dataset_of, split_order
from gan.datasets.resizing import resize


def load_digits(size: int) -> ImageDataset:
    """Returns scikit-learn's 1,797 handwritten digits (8x8, 17 grey levels), enlarged to `size` and held in memory."""
    from sklearn import datasets  # slow to import, and only this data set needs it

    bunch = datasets.load_digits()
    order, held_out = split_order(len(bunch.images))
    images_N1HW = np.stack([resize(image * (255 / 16), size) for image in bunch.images])[order, None]
    labels_N = bunch.target.astype(np.int64)[order]
    digest = content_digest(
        [images_N1HW[:held_out], images_N1HW[held_out:]], [labels_N[:held_out], labels_N[held_out:]]
    )
    return dataset_of(
        "digits",
        torch.from_numpy(images_N1HW),
        labels_N=torch.from_numpy(labels_N),
        held_out=held_out,
        num_classes=10,
        digest=digest,
    )
