"""This module finds every data set by its name, or by its path where it is the user's own."""

from collections.abc import Callable

from gan.datasets.cache import cached
from gan.datasets.config import DataRoot, DatasetConfig, default_data_root, require_known
from gan.datasets.digits import load_digits
from gan.datasets.downloads import load_celeba, load_cifar10, load_mnist
from gan.datasets.faces import FACES
from gan.datasets.images import ImageDataset
from gan.datasets.own.loading import load_own
from gan.datasets.shapes import SHAPES
from gan.datasets.synthetic import DEFAULT_NUM_IMAGES, Drawing

_DRAWING_VERSION = 1  # raise it when a drawing changes, or old decoded images would stand in for new ones


def load_dataset(config: DatasetConfig | str, data_root: DataRoot | None = None) -> ImageDataset:
    """Returns the data set of `config`, or of a name with its own defaults.

    All but digits, the user's own among them, are decoded once into the data root and memory-mapped from there.
    data_root: `default_data_root()` unless given.

    Raises GanError for an unknown name, for files that are missing or faulty and for an unusable data root, and
    ArtifactError for damaged decoded images.

    >>> len(load_dataset("digits").train_images)
    1438
    """
    if isinstance(config, str):
        require_known(config)
        config = DatasetConfig(name=config)
    load = load_own if config.path is not None else DATASETS[config.name]
    return load(config, data_root or default_data_root())


def _digits(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
    return load_digits(config.image_shape[1])


def _drawn(drawing: Drawing) -> Callable[[DatasetConfig, DataRoot], ImageDataset]:
    def load(config: DatasetConfig, data_root: DataRoot) -> ImageDataset:
        num_images, size = config.num_images or DEFAULT_NUM_IMAGES, config.image_shape[1]
        identity: dict[str, object] = {"drawing": _DRAWING_VERSION, "num_images": num_images, "image_size": size}
        return cached(config.name, identity, data_root=data_root, build=lambda: drawing.source(num_images, size))

    return load


DATASETS: dict[str, Callable[[DatasetConfig, DataRoot], ImageDataset]] = {
    "digits": _digits,
    "shapes": _drawn(SHAPES),
    "faces": _drawn(FACES),
    "mnist": load_mnist,
    "cifar10": load_cifar10,
    "celeba": load_celeba,
}
