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

from gan.datasets.cache import FaultyImageError, Source, by_row, cached
from gan.datasets.config import DataRoot, DatasetConfig
from gan.datasets.images import ImageDataset
from gan.datasets.own.decoding import decoded
from gan.datasets.resizing import resize
from gan.digests import file_digest
from gan.errors import DAMAGED, GanError

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
_NUM_CLASSES = 10  # of MNIST and CIFAR-10


def load_mnist(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns MNIST. Raises GanError where its files are missing and cannot be had."""
    from torchvision.datasets import MNIST  # two seconds to import, and only these data sets need it

    return _labelled(config, data_root, kind=MNIST, files=_MNIST_FILES, shape=(28, 28))


def load_cifar10(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    """Returns CIFAR-10, as torchvision checks it. Raises GanError where its batches are missing or damaged."""
    from torchvision.datasets import CIFAR10

    return _labelled(config, data_root, kind=CIFAR10, files=_CIFAR_FILES, shape=(32, 32, 3), others=(_CIFAR_NAMES,))


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
    attributes = np.concatenate([_attributes(split) for split in splits])
    starts = np.cumsum([0, *map(len, splits)])

    def decode(row: int) -> np.ndarray:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        name = splits[part].filename[row - int(starts[part])]
        try:
            return decoded((Path(splits[part].root) / _CELEBA_IMAGES / name).read_bytes(), channels, size=size)
        except (FaultyImageError, OSError, ValueError) as error:  # the last of a name with a NUL
            raise FaultyImageError(f"{_CELEBA_IMAGES}/{name} ({error})") from error

    return Source(
        labels_N=2 * attributes[:, 0] + attributes[:, 1],
        held_out=len(splits[0]),
        num_classes=4,
        image_shape=(channels, size, size),
        decoded=by_row(len(attributes), decode),
    )


def _attributes(split: Any) -> np.ndarray:
    """Returns _ATTRIBUTES of a part's images, 0 or 1. Raises GanError where its lists say otherwise."""
    missing = [name for name in _ATTRIBUTES if name not in split.attr_names]
    columns = [split.attr_names.index(name) for name in _ATTRIBUTES if name not in missing]
    attributes_N2: np.ndarray = split.attr.numpy()[:, columns].astype(np.int64)
    other = attributes_N2[(attributes_N2 != 0) & (attributes_N2 != 1)]
    if missing or len(other) or not len(attributes_N2):
        found = f"no {' and no '.join(missing)}" if missing else f"another one in {len(other)} places"
        raise GanError(
            f"Every part of celeba has images, whose attributes {' and '.join(_ATTRIBUTES)} are 1 or -1",
            found if len(attributes_N2) else f"no image of the part {split.split}",
            "Copy its lists again.",
        )
    return attributes_N2


def _labelled(
    config: DatasetConfig,
    data_root: DataRoot,
    *,
    kind: Any,
    files: list[str],
    shape: tuple[int, ...],
    others: tuple[str, ...] = (),
) -> ImageDataset:
    """Returns a data set whose class holds all images of a part as `data`, and their classes as `targets`.

    Its images, of `shape`, and classes are in `files`; `others` are there as well.
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
        parts = [part(train=False), part(train=True)]
        images = [np.asarray(each.data) for each in parts]
        labels = [np.asarray(each.targets).astype(np.int64) for each in parts]
        for images_N, labels_N in zip(images, labels, strict=True):
            _require_whole(config.name, images_N, labels_N=labels_N, shape=shape)

        def decode(row: int) -> np.ndarray:
            image = images[0][row] if row < len(images[0]) else images[1][row - len(images[0])]
            resized = resize(image, size)
            return resized[None] if channels == 1 else resized.transpose(2, 0, 1)

        return Source(
            labels_N=np.concatenate(labels),
            held_out=len(images[0]),
            num_classes=_NUM_CLASSES,
            image_shape=(channels, size, size),
            decoded=by_row(sum(map(len, labels)), decode),
        )

    part(train=True)  # so that the files are there, and whole, before their digests are taken
    return cached(config.name, _with_size(config, _digests(data_root.root, files)), data_root=data_root, build=build)


def _require_whole(name: str, images_N: np.ndarray, *, labels_N: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raises GanError unless a part has images, of `shape` and 8 bits, and a class for each."""
    is_image = images_N.dtype == np.uint8 and images_N.shape[1:] == shape and len(images_N)
    if not is_image or labels_N.shape != images_N.shape[:1] or labels_N.min() < 0 or labels_N.max() >= _NUM_CLASSES:
        classes = f"classes {labels_N.min()} to {labels_N.max()}" if labels_N.size else "no classes"
        raise GanError(
            f"Every part of {name} has images, uint8 of {shape}, and for each a class from 0 to {_NUM_CLASSES - 1}",
            f"{images_N.dtype}{images_N.shape}, and {labels_N.shape} {classes}",
            "Copy its files again.",
        )


def _opened(name: str, data_root: DataRoot, *, files: list[str], construct: Callable[[bool], Any]) -> Any:
    try:
        return construct(data_root.download)
    except (RuntimeError, OSError, EOFError, AssertionError, *DAMAGED) as error:  # torchvision looks at few of them
        said = str(error).strip().splitlines()
        reason = said[0] if said and not isinstance(error, (IndexError, KeyError, TypeError)) else "damaged ones"
        missing = [file for file in files if next(data_root.root.glob(file), None) is None]
        reason += f" Not there: {', '.join(missing)}" if missing else ""
        remedy = "Put the files there" + (", or check the network." if data_root.download else ", or allow downloads.")
        raise GanError(f"The files of {name} are {', '.join(files)} in {data_root.root}", reason, remedy) from error


def _digests(root: Path, files: list[str]) -> dict[str, object]:
    return {name: file_digest(root / name) for name in files}


def _with_size(config: DatasetConfig, identity: dict[str, object]) -> dict[str, object]:
    return {**identity, "image_size": config.image_shape[1]}
