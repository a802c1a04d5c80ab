"""This module has what every format gives: its pictures, listed first and then read in the order that costs least."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from gan.datasets.cache import FaultyImageError
from gan.errors import GanError

MAX_BYTES = 256 * 1024**2  # of one picture as it is stored; 64 million pixels of RGBA are less
MAX_PICTURES = 20_000_000  # ImageNet has 14 million with all of its classes
LEAST_SIDE = 4
Content = bytes | np.ndarray  # an image file's bytes, or uint8 HW or HWC
Reading = Iterator[tuple[int, Content | FaultyImageError]]


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Classes hold the class of each picture, from 0, and how many classes there are."""

    labels: Sequence[int]
    number: int


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures are a data set of the user's own, listed.

    files: what the pictures are read from: a name within the data set, which stays when it is moved, and the path.
    names: each picture as people are told of it, with its archive; in the data set's order.
    held_out: which pictures the format's own split holds out; None where it has no split.
    read: begins a new reading, of (place among the names, content), or of what is wrong with a picture.
    """

    format: str
    files: Sequence[tuple[str, Path]]
    names: Sequence[str]
    classes: Classes
    held_out: Sequence[int] | None = None
    read: Callable[[], Reading]


@dataclass(frozen=True)
class Numbered(Sequence[str]):
    """Numbered has the names of pictures that have none but their number within a part; they are not kept in memory.

    parts: for each of them, its name and how many pictures it has.
    """

    what: str
    parts: Sequence[tuple[str, int]]

    def __len__(self) -> int:
        return sum(count for _, count in self.parts)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        number = place
        for part, count in self.parts:
            if 0 <= number < count:
                return f"{self.what} {number} of {part}"
            number -= count
        raise IndexError(place)


def require_few_enough(number: int, where: str) -> None:
    """Raise GanError for more pictures than anything has, which a file of a few kilobytes can promise."""
    if number > MAX_PICTURES:
        found = f"{number:,} in {where}"
        raise GanError(f"A data set has at most {MAX_PICTURES:,} images", found, "Check the file, or use fewer images.")


def first_level(names: Sequence[str]) -> Classes:
    """Returns the folders of the first level as classes, in the order of their names; one class without any."""
    groups = [name.split("/")[0] if "/" in name else "" for name in names]
    place = {group: number for number, group in enumerate(sorted(set(groups)))}
    return Classes(labels=[place[group] for group in groups], number=len(place))


def one_class(num_pictures: int) -> Classes:
    """Returns the classes of pictures that have none."""
    return Classes(labels=[0] * num_pictures, number=1)


def counted(labels: Sequence[object], where: str) -> Classes:
    """Returns the classes that integers name. Raises GanError unless they count from 0, with fewer than pictures."""
    wrong = [label for label in labels if not isinstance(label, int) or isinstance(label, bool) or label < 0]
    numbers = [label for label in labels if isinstance(label, int)]
    if not wrong and max(numbers, default=0) < max(1, len(labels)):
        return Classes(labels=numbers, number=max(numbers, default=0) + 1)
    raise GanError(
        "Classes are whole numbers, counted from 0",
        f"{wrong[0] if wrong else max(numbers)!r} in {where}, which has {len(labels)} pictures",
        "Number the classes from 0, or leave the labels out.",
    )
