"""This module states which data set is meant, at which size, and where its files live."""

import os
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from gan.config import Config
from gan.errors import GanError
from gan.images import ImageSize

_ROOT_VARIABLE = "GANLIMIT_DATA_ROOT"


@dataclass(frozen=True)
class _Traits:
    image_size: int | None = None  # the data set's own; None: the configuration must give it
    image_channels: int | None = None
    _: KW_ONLY
    keys: frozenset[str] = frozenset()  # of the configuration, beside name and image_size


_TRAITS = {
    "digits": _Traits(16, 1),
    "mnist": _Traits(32, 1),
    "cifar10": _Traits(32, 3),
    "celeba": _Traits(64, 3),
    "shapes": _Traits(32, 3, keys=frozenset({"num_images"})),
    "faces": _Traits(64, 3, keys=frozenset({"num_images"})),
    "folder": _Traits(keys=frozenset({"path", "image_channels"})),
}


class DatasetConfig(Config):
    """A DatasetConfig names a data set, and says how its images are made.

    image_size: side of the square images in pixels; None is the data set's own (digits 16; mnist, cifar10 and
        shapes 32; celeba and faces 64). A folder must give it.
    image_channels: 1 (grey) or 3 (RGB); a folder must give it, every other data set has its own.
    path: the folder of images; only for a folder.
    num_images: how many to draw, 10,000 unless given; only for shapes and faces.

    Raises ValueError for an unknown name, a key that does not apply, and one that is missing.

    >>> DatasetConfig(name="shapes", num_images=100).image_shape
    (3, 32)
    """

    name: str
    image_size: ImageSize | None = None
    image_channels: Literal[1, 3] | None = None
    path: str | None = None
    num_images: int | None = Field(default=None, ge=10)

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        require_known(self.name)
        traits = _TRAITS[self.name]
        given = {key for key in ("image_channels", "path", "num_images") if getattr(self, key) is not None}
        if foreign := given - traits.keys:
            raise GanError(
                f"The data set {self.name} takes {', '.join(['name', 'image_size', *sorted(traits.keys)])}",
                ", ".join(sorted(foreign)),
                "Leave it out.",
            )
        if self.name == "folder":
            missing = [key for key in ("path", "image_size", "image_channels") if getattr(self, key) is None]
            if missing:
                raise GanError(
                    "A folder of images needs path, image_size and image_channels",
                    f"none for {', '.join(missing)}",
                    "Give them.",
                )
        return self

    @property
    def image_shape(self) -> tuple[int, int]:
        """Returns (image_channels, image_size) of the images, known before any is loaded."""
        traits = _TRAITS[self.name]
        channels, size = self.image_channels or traits.image_channels, self.image_size or traits.image_size
        assert channels is not None
        assert size is not None
        return channels, size


def require_known(name: str) -> None:
    """Raise GanError unless there is a data set called `name`."""
    if name not in _TRAITS:
        raise GanError(f"A data set is one of {', '.join(sorted(_TRAITS))}", repr(name), "Choose one of these names.")


@dataclass(frozen=True)
class DataRoot:
    """A DataRoot says where files from outside are, in `root`: downloaded data sets, decoded images.

    Missing files are downloaded where `download` allows it; `inception_weights` is a file in place of the usual one.

    >>> DataRoot(folder, download=False).inception_weights is None
    True
    """

    root: Path
    _: KW_ONLY
    download: bool = True
    inception_weights: Path | None = None

    def __post_init__(self) -> None:
        # Workers get this value, and their working folder is another one.
        for name in ("root", "inception_weights"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, path.expanduser().absolute())


def default_data_root() -> DataRoot:
    """Returns the folder that the environment variable GANLIMIT_DATA_ROOT names, or ~/.cache/ganlimit.

    >>> default_data_root().download
    True
    """
    return DataRoot(Path(os.environ.get(_ROOT_VARIABLE) or "~/.cache/ganlimit").expanduser())
