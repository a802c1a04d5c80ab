import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from gan import GanError, ImageDataset, load_dataset


def test_digits_are_scikit_learns_digits_at_16x16(digits: ImageDataset) -> None:
    assert len(digits.train_images) + len(digits.held_out_images) == 1797
    assert len(digits.held_out_images) == round(1797 / 5)
    assert digits.train_images.dtype == torch.uint8
    assert digits.train_images.shape[1:] == (1, 16, 16)
    assert digits.num_classes == 10
    # Halving the size again gives back the originals, up to the interpolation (other digits differ by 5).
    images = torch.cat([digits.held_out_images, digits.train_images]).float()
    small = torch.nn.functional.avg_pool2d(images, 2).numpy()[:, 0] * 16 / 255
    order = np.random.default_rng(0).permutation(1797)
    original = load_digits()
    assert np.abs(small - original.images[order]).mean() < 0.8
    labels = torch.cat([digits.held_out_labels, digits.train_labels]).numpy()
    assert np.array_equal(labels, original.target[order])


def test_the_digest_is_that_of_the_content(digits: ImageDataset) -> None:
    assert load_dataset("digits").digest == digits.digest
    assert len(digits.digest) == 64


def test_an_unknown_data_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(GanError, match=r"one of celeba, .*shapes, got 'digit'"):
        load_dataset("digit")
