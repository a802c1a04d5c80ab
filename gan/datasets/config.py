"""This module states which data set is meant, at which size, and where its files live."""

import os
import re
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gan.config import Config, PathText
from gan.errors import GanError
from gan.images import ImageSize

_ROOT_VARIABLE = "GANLIMIT_DATA_ROOT"
_LONGEST_NAME = 63


@dataclass(frozen=True)
class _Traits:
    image_size: int  # the data set's own
    image_channels: int
    _: KW_ONLY
    keys: frozenset[str] = frozenset()  # of the configuration, beside name and image_size


_TRAITS = {
    "digits": _Traits(16, 1),
    "mnist": _Traits(32, 1),
    "cifar10": _Traits(32, 3),
    "celeba": _Traits(64, 3),
    "shapes": _Traits(32, 3, keys=frozenset({"num_images"})),
    "faces": _Traits(64, 3, keys=frozenset({"num_images"})),
}
_OWN_KEYS = ("name", "path", "image_size", "image_channels")


class DatasetConfig(Config):
    """A DatasetConfig names a data set, and says how its images are made. One with a path is the user's own.

    name: one of the known names or, with a path, any other: the last part of the path unless given.
    image_size: side of the square images in pixels; None is the data set's own (digits 16; mnist, cifar10 and
        shapes 32; celeba and faces 64), or what is found in the files of the user's own.
    image_channels: 1 (grey) or 3 (RGB), or None: found in the files. Only for the user's own.
    path: the files of the user's own data set: a folder of images, or one of the formats that `gan.datasets.own` reads.
    num_images: how many to draw, 10,000 unless given; only for shapes and faces.

    Raises ValueError for an unknown name, a key that does not apply, and one that is missing.

    >>> DatasetConfig(name="shapes", num_images=100).image_shape
    (3, 32)
    >>> DatasetConfig(path="pictures/My Cats.zip", image_size=64, image_channels=3).name
    'my-cats'
    """

    name: Annotated[str, Field(max_length=_LONGEST_NAME)]
    image_size: ImageSize | None = None
    image_channels: Literal[1, 3] | None = None
    path: PathText | None = None
    num_images: int | None = Field(default=None, ge=10)

    @model_validator(mode="before")
    @classmethod
    def _name_of_the_path(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("name") is None and isinstance(data.get("path"), str):
            return {**data, "name": _fitting(data["path"])}
        return data

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.path is not None:
            _require_own(self.name, self.path)
            keys: tuple[str, ...] = _OWN_KEYS
        else:
            require_known(self.name)
            keys = ("name", "image_size", *sorted(_TRAITS[self.name].keys))
        given = [key for key in ("image_channels", "num_images") if getattr(self, key) is not None]
        if foreign := [key for key in given if key not in keys]:
            raise GanError(f"The data set {self.name} takes {', '.join(keys)}", ", ".join(foreign), "Leave it out.")
        return self

    @property
    def image_shape(self) -> tuple[int, int]:
        """Returns (image_channels, image_size) of the images, known before any is loaded.

        Raises GanError for a data set of the user's own whose files were not looked at: `filled` does that.
        """
        channels: int | None = self.image_channels
        size: int | None = self.image_size
        if traits := _TRAITS.get(self.name):
            channels, size = traits.image_channels, size or traits.image_size
        if channels is None or size is None:
            raise GanError(
                "The shape of a data set's images is given, or found in its files",
                f"neither for {self.name}",
                "Give image_size and image_channels, or take `gan.filled(config)`.",
            )
        return channels, size


def require_known(name: str) -> None:
    """Raise GanError unless there is a data set called `name`."""
    if name == "folder":
        raise GanError("The data set folder has a path", "none", "Give the path of your images.")
    if name not in _TRAITS:
        raise GanError(
            f"A data set has a path, or is one of {', '.join(sorted(_TRAITS))}",
            repr(name),
            "Choose one of these names, or give the path of your own images.",
        )


def _require_own(name: str, path: str) -> None:
    """Raise GanError unless a data set with a path may have this name."""
    if name in _TRAITS:
        raise GanError(
            f"The data set {name} takes name, image_size and has no path", path, "Give your own images another name."
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise GanError(
            "A data set's name begins with a letter or digit, and is of a-z, 0-9, - and _",
            repr(name),
            f"Call it {_fitting(name)}, say.",
        )


def _fitting(path: str) -> str:
    """Returns a name that fits from a path's last part without its endings; `own` where nothing is left."""
    stem = Path(path).absolute().name.lower().split(".")[0]
    name = re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-_")[:_LONGEST_NAME] or "own"
    return f"own-{name}"[:_LONGEST_NAME] if name in _TRAITS else name


@dataclass(frozen=True)
class DataRoot:
    """A DataRoot says where files from outside are, in `root`: downloaded data sets, decoded images.

    Missing files are downloaded where `download` allows it; `inception_weights` and `extractor_weights` (of any other
    pretrained extractor) are files in place of the usual ones.

    >>> DataRoot(folder, download=False).inception_weights is None
    True
    """

    root: Path
    _: KW_ONLY
    download: bool = True
    inception_weights: Path | None = None
    extractor_weights: Path | None = None

    def __post_init__(self) -> None:
        # Workers get this value, and their working folder is another one.
        for name in ("root", "inception_weights", "extractor_weights"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, path.expanduser().absolute())

    def weights_of(self, kind: str) -> Path | None:
        """Returns the file that is named for a pretrained extractor."""
        return self.inception_weights if kind == "inception" else self.extractor_weights


def default_data_root() -> DataRoot:
    """Returns the folder that the environment variable GANLIMIT_DATA_ROOT names, or ~/.cache/ganlimit.

    >>> default_data_root().download
    True
    """
    return DataRoot(Path(os.environ.get(_ROOT_VARIABLE) or "~/.cache/ganlimit").expanduser())
