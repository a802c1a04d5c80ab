"""This module reads the paper's data sets by torchvision's own classes from the data root, and decodes them once.

MNIST and CIFAR-10 are resized to the chosen size (`resizing.resize`), with their test set as the held-out part.
CelebA's aligned images are cropped to the central 178x178 and resized to 64x64 by averaging areas; its partition
`test` is the held-out part, `train` and `valid` are the training part. CelebA has no classes: a classifier of it
learns two of its attributes, Male and Smiling, as four classes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan.datasets.cache import FaultyImageError, Source, by_row, cached
from gan.datasets.config import DataRoot, DatasetConfig
from gan.datasets.images import ImageDataset
from gan.datasets.resizing import centre_square, resize
from gan.digests import file_digest
from gan.errors import GanError

_MNIST_PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
_MNIST_FILES = [f"MNIST/raw/{part}-ubyte" for part in _MNIST_PARTS]
_CIFAR_FILES = [f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")]
_CIFAR_NAMES = "cifar-10-batches-py/batches.meta"  # which torchvision asks for, and no image depends on
_CELEBA_FILES = [f"celeba/{name}.txt" for name in ("list_attr_celeba", "list_eval_partition")]
_CELEBA_OTHERS = [  # as above
    f"celeba/{name}.txt" for name in ("identity_CelebA", "list_bbox_celeba", "list_landmarks_align_celeba")
]
_CELEBA_IMAGES = "celeba/img_align_celeba"
_ATTRIBUTES = ("Male", "Smiling")


def load_mnist(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns MNIST. Raises GanError where its files are missing and cannot be had."""
    from torchvision.datasets import MNIST  # two seconds to import, and only these data sets need it

    return _labelled(config, data_root, kind=MNIST, files=_MNIST_FILES, as_array=lambda data: data.numpy())


def load_cifar10(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns CIFAR-10, as torchvision checks it. Raises GanError where its batches are missing or damaged."""
    from torchvision.datasets import CIFAR10

    return _labelled(config, data_root, kind=CIFAR10, files=_CIFAR_FILES, as_array=np.asarray, others=(_CIFAR_NAMES,))


def load_celeba(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns CelebA, aligned and cropped. Raises GanError where its files are missing or damaged."""
    from torchvision.datasets import CelebA

    def opened(split: str) -> Any:
        root = str(data_root.root)
        expected = [*_CELEBA_FILES, *_CELEBA_OTHERS, f"{_CELEBA_IMAGES}/*.jpg"]
        return _opened(
            config.name,
            data_root,
            files=expected,
            construct=lambda download: CelebA(root, split, "attr", download=download),
        )

    splits = [opened(split) for split in ("test", "train", "valid")]
    identity = {**_digests(data_root.root, _CELEBA_FILES), "images": sum(map(len, splits))}
    return cached(
        config.name, _with_size(config, identity), data_root=data_root, build=lambda: _celeba_source(config, splits)
    )


def _celeba_source(config: DatasetConfig, splits: list[Any]) -> Source:
    channels, size = config.image_shape
    columns = [splits[0].attr_names.index(name) for name in _ATTRIBUTES]
    attributes = torch.cat([split.attr[:, columns] for split in splits]).numpy()
    starts = np.cumsum([0, *map(len, splits)])

    def decode(row: int) -> np.ndarray:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        split, index = splits[part], row - int(starts[part])
        try:
            image = np.asarray(split[index][0].convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise FaultyImageError(f"{_CELEBA_IMAGES}/{split.filename[index]} ({error})") from error
        return resize(centre_square(image), size).transpose(2, 0, 1)

    labels_N = (2 * attributes[:, 0] + attributes[:, 1]).astype(np.int64)
    return Source(
        labels_N=labels_N,
        held_out=len(splits[0]),
        num_classes=4,
        image_shape=(channels, size, size),
        decoded=by_row(len(labels_N), decode),
    )


def _labelled(
    config: DatasetConfig,
    data_root: DataRoot,
    *,
    kind: Any,
    files: list[str],
    as_array: Callable[[Any], np.ndarray],
    others: tuple[str, ...] = (),
) -> ImageDataset:
    """Returns a data set whose class holds all images of a part as `data`, and their classes as `targets`.

    Its images and classes are in `files`; `others` are there as well.
    """

    def part(*, train: bool) -> Any:
        root = str(data_root.root)
        return _opened(
            config.name,
            data_root,
            files=[*files, *others],
            construct=lambda download: kind(root, train=train, download=download),
        )

    def build() -> Source:
        channels, size = config.image_shape
        test, train = part(train=False), part(train=True)
        images = [as_array(test.data), as_array(train.data)]
        labels_N = np.concatenate([np.asarray(test.targets), np.asarray(train.targets)]).astype(np.int64)

        def decode(row: int) -> np.ndarray:
            image = images[0][row] if row < len(images[0]) else images[1][row - len(images[0])]
            resized = resize(image, size)
            return resized[None] if channels == 1 else resized.transpose(2, 0, 1)

        return Source(
            labels_N=labels_N,
            held_out=len(images[0]),
            num_classes=10,
            image_shape=(channels, size, size),
            decoded=by_row(len(labels_N), decode),
        )

    part(train=True)  # so that the files are there, and whole, before their digests are taken
    return cached(config.name, _with_size(config, _digests(data_root.root, files)), data_root=data_root, build=build)


def _opened(name: str, data_root: DataRoot, *, files: list[str], construct: Callable[[bool], Any]) -> Any:
    try:
        return construct(data_root.download)
    except (RuntimeError, OSError, ValueError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        missing = [file for file in files if next(data_root.root.glob(file), None) is None]
        reason += f" Not there: {', '.join(missing)}" if missing else ""
        remedy = "Put the files there" + (", or check the network." if data_root.download else ", or allow downloads.")
        raise GanError(f"The files of {name} are {', '.join(files)} in {data_root.root}", reason, remedy) from error


def _digests(root: Path, files: list[str]) -> dict[str, object]:
    return {name: file_digest(root / name) for name in files}


def _with_size(config: DatasetConfig, identity: dict[str, object]) -> dict[str, object]:
    return {**identity, "image_size": config.image_shape[1]}
