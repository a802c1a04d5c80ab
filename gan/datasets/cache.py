"""This module keeps decoded images: written once as an Arrow IPC file, and memory-mapped ever after.

One file has one record batch, so each column is one contiguous stretch of the file and the tensors over it copy
nothing. The images pass through a scratch file of the same size: memory holds only what the page cache likes.
Rows: held-out part first, then the training part.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from filelock import FileLock

from gan.datasets.config import DataRoot
from gan.datasets.images import ImageDataset, content_digest, dataset_of, tensor_over
from gan.digests import is_whole, sealed, value_digest
from gan.errors import DAMAGED, ArtifactError, GanError

_METADATA_KEY = b"ganlimit.dataset"
_NAMED_FAULTS = 10
_MOST_FAULTS = 10_000  # after which the rest is not read


class FaultyImageError(Exception):
    """One image cannot be used: which, and why."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A Source gives images one by one, each with the row it belongs to.

    labels_N: int64, one for each row. image_shape: channels, height, width. decoded: begins a new reading, of
    (row, image uint8 CHW) in the order that costs least, with what is wrong in the place of an image that is faulty.
    """

    labels_N: np.ndarray
    held_out: int
    num_classes: int
    image_shape: tuple[int, int, int]
    decoded: Callable[[], Iterator[tuple[int, np.ndarray | FaultyImageError]]]


def by_row(
    num_images: int, decode: Callable[[int], np.ndarray]
) -> Callable[[], Iterator[tuple[int, np.ndarray | FaultyImageError]]]:
    """Returns how a Source reads images of which `decode` gives any row, or raises FaultyImageError."""

    def decoded() -> Iterator[tuple[int, np.ndarray | FaultyImageError]]:
        for row in range(num_images):
            try:
                yield row, decode(row)
            except FaultyImageError as fault:
                yield row, fault

    return decoded


def cached(name: str, identity: dict[str, object], *, data_root: DataRoot, build: Callable[[], Source]) -> ImageDataset:
    """Returns the data set `name`, decoded from `build()` unless a file for the same `identity` is there already.

    identity: a JSON-able description of the source's content and of everything done to it.
    Processes that ask at once wait for the first. Raises GanError naming up to ten faulty images, or an unusable
    data root, and ArtifactError when the file is damaged.
    """
    path = data_root.root / "decoded" / f"{name}-{value_digest([name, identity])[:24]}.arrow"
    if not path.exists():
        with _usable(data_root.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.exists():
                    _decode(path, name, source=build())
    return _open(path)


@contextmanager
def _usable(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GanError(
            "The data root is a writable folder with room for the decoded images",
            f"{root} ({error.strerror or error})",
            "Choose another with GANLIMIT_DATA_ROOT, or make room.",
        ) from error


def _decode(path: Path, name: str, *, source: Source) -> None:
    shape = (len(source.labels_N), *source.image_shape)
    with tempfile.TemporaryDirectory(prefix=".decoding-", dir=path.parent) as folder:
        images_NCHW = np.memmap(Path(folder) / "images", np.uint8, "w+", shape=shape)
        faults = []
        read_N = np.zeros(len(images_NCHW), dtype=bool)
        for row, image in source.decoded():
            read_N[row] = True
            if isinstance(image, FaultyImageError):
                faults.append(str(image))
                refuse(name, faults if len(faults) == _MOST_FAULTS else [])  # millions of rows may be empty
            else:
                images_NCHW[row] = image
        refuse(name, faults)
        assert read_N.all(), f"{read_N.sum()} of {len(read_N)} images"
        held_out, labels_N = source.held_out, source.labels_N
        digest = content_digest(
            [images_NCHW[:held_out], images_NCHW[held_out:]], [labels_N[:held_out], labels_N[held_out:]]
        )
        card = {"name": name, "num_classes": source.num_classes, "held_out": held_out, "digest": digest}
        unfinished = Path(folder) / "table"
        _write(unfinished, images_NCHW, labels_N=labels_N, card=card)
        unfinished.replace(path)


def refuse(name: str, faults: list[str]) -> None:
    """Raise GanError naming up to ten of `faults`; nothing where there are none."""
    if faults:
        more = f"; and {len(faults) - _NAMED_FAULTS} more" if len(faults) > _NAMED_FAULTS else ""
        raise GanError(
            f"Every file of the data set {name} is an image that can be used",
            f"{len(faults)} faulty: {'; '.join(faults[:_NAMED_FAULTS])}{more}",
            "Repair or remove them.",
        )


def _write(path: Path, images_NCHW: np.ndarray, *, labels_N: np.ndarray, card: dict[str, object]) -> None:
    images = pa.FixedShapeTensorArray.from_numpy_ndarray(images_NCHW)
    batch = pa.record_batch([images, pa.array(labels_N)], names=["image", "label"])
    batch = batch.replace_schema_metadata({_METADATA_KEY: json.dumps(sealed(card))})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)
    with path.open("rb+") as written:
        os.fsync(written.fileno())


def _open(path: Path) -> ImageDataset:
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        card = json.loads(batch.schema.metadata[_METADATA_KEY])
        images_NCHW, labels_N = batch["image"].to_numpy_ndarray(), batch["label"].to_numpy()
        if not is_whole(card):
            raise ValueError("its card is damaged")
        images, labels = tensor_over(images_NCHW), tensor_over(labels_N)
        return dataset_of(
            card["name"],
            images,
            labels_N=labels,
            held_out=card["held_out"],
            num_classes=card["num_classes"],
            digest=card["digest"],
        )
    except (OSError, *DAMAGED, pa.ArrowException) as error:
        raise ArtifactError(
            "Decoded images are an Arrow IPC file made by ganlimit",
            f"{path} ({error})",
            "Delete it and run the same command again.",
        ) from error
