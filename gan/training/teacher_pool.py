"""This module keeps a teacher's images for a fixed set of latents in an Arrow IPC file, which trials map read-only.

The pool is made once per teacher. A trial draws its batches from it and never runs the teacher.
Shapes: N pool size, B batch, C H W image channels, height and width, L columns of what the teacher takes, which are
latents and a conditional one's classes behind them.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from gan.digests import array_digest, is_whole, sealed
from gan.errors import DAMAGED, ArtifactError
from gan.images import to_uint8, to_unit_range
from gan.networks.imported import AnyGenerator
from gan.networks.latents import LatentSpace, space_of

_METADATA_KEY = b"ganlimit.pool"


class TeacherPool:
    """A pool holds latents float32 NL and the teacher's images uint8 NCHW, memory-mapped and never written.

    >>> lesson.pool.image_shape, lesson.pool.input_size
    ((1, 16, 16), 8)
    """

    def __init__(self, latents_NL: np.ndarray, images_NCHW: np.ndarray, *, teacher_digest: str, digest: str):
        self._latents_NL, self._images_NCHW = latents_NL, images_NCHW
        self.teacher_digest = teacher_digest
        self.digest = digest

    def __len__(self) -> int:
        return len(self._latents_NL)

    @property
    def input_size(self) -> int:
        """Returns the columns of what the teacher takes."""
        return int(self._latents_NL.shape[1])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Returns (channels, height, width)."""
        channels, height, width = self._images_NCHW.shape[1:]
        return channels, height, width

    def all(self) -> tuple[Tensor, Tensor]:
        """Returns all (latents NL, images uint8 NCHW), in their order. Copies, so a pool that fits into memory."""
        return torch.from_numpy(self._latents_NL.copy()), torch.from_numpy(self._images_NCHW.copy())

    def batches(self, batch_size: int, random: torch.Generator, *, device: torch.device) -> "PoolBatches":
        """Returns (latents BL, images BCHW in [-1, 1]) without end: each epoch a fresh shuffle without repeats."""
        return PoolBatches(self, batch_size, random=random, device=device)

    def read(self, index_B: np.ndarray) -> tuple[Tensor, Tensor]:
        """Returns (latents BL, images uint8 BCHW) at the given places."""
        return torch.from_numpy(self._latents_NL[index_B]), torch.from_numpy(self._images_NCHW[index_B])

    def verify(self) -> None:
        """Raise ArtifactError unless the content has the digest that the file states."""
        found = array_digest(self._latents_NL, self._images_NCHW)
        if found != self.digest:
            raise ArtifactError(
                f"The teacher pool's content has the digest {self.digest}",
                found,
                "The file is damaged: delete it and run the same command again.",
            )


class PoolBatches(Iterator[tuple[Tensor, Tensor]]):
    """PoolBatches yield batches of a pool without end, can say where they stand, and go on from there."""

    def __init__(self, pool: TeacherPool, batch_size: int, *, random: torch.Generator, device: torch.device) -> None:
        self._pool, self._batch_size, self._random, self._device = pool, batch_size, random, device
        self._begin_epoch()

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self._next + self._batch_size > len(self._pool):
            self._begin_epoch()
        # Sorted, so that a batch reads the mapped file from front to back.
        index_B = np.sort(self._order[self._next : self._next + self._batch_size])
        self._next += self._batch_size
        latents_BL, images_BCHW = self._pool.read(index_B)
        return latents_BL.to(self._device), to_unit_range(images_BCHW.to(self._device))

    def state(self) -> dict[str, Tensor]:
        """Returns the place in the epoch, and the random state that its shuffle began with."""
        return {"next": torch.tensor(self._next), "shuffle": self._shuffle}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` returned."""
        self._random.set_state(state["shuffle"])
        self._begin_epoch()
        self._next = int(state["next"])

    def _begin_epoch(self) -> None:
        self._shuffle = self._random.get_state()
        self._order = torch.randperm(len(self._pool), generator=self._random).numpy()
        self._next = 0


def pool_latents(size: int, latents: LatentSpace | int, *, seed: int, shares: Sequence[float] = ()) -> Tensor:
    """Returns the latents NL that students learn at; of a conditional space with classes by their `shares`.

    A number is the size of normal latents.

    >>> pool_latents(256, 8, seed=0).shape
    torch.Size([256, 8])
    """
    return space_of(latents).inputs(size, "pool", seed=seed, shares=shares)


def build_pool(
    teacher: AnyGenerator, teacher_digest: str, *, path: Path, latents_NL: Tensor, batch_size: int = 256
) -> Iterator[int]:
    """Runs `teacher` on `latents_NL` and writes the pool to `path`, all or nothing.

    Yields how many images are done after each batch. The file appears when it is complete.

    >>> latents_NL = pool_latents(300, 8, seed=1)
    >>> list(build_pool(teacher, "its digest", path=folder / "other.arrow", latents_NL=latents_NL))
    [256, 300]
    """
    size = len(latents_NL)
    device = next(teacher.parameters()).device
    config = teacher.config
    images_NCHW = torch.empty((size, config.image_channels, config.image_size, config.image_size), dtype=torch.uint8)
    for start in range(0, size, batch_size):
        part = slice(start, start + batch_size)
        with torch.inference_mode():
            images_NCHW[part] = to_uint8(teacher(latents_NL[part].to(device))).cpu()
        yield min(start + batch_size, size)
    _write(path, latents_NL.numpy(), images_NCHW=images_NCHW.numpy(), teacher_digest=teacher_digest)


def open_pool(path: Path) -> TeacherPool:
    """Maps the pool at `path`; no image is read until a batch asks for it. Raises ArtifactError.

    >>> open_pool(folder / "pool.arrow").teacher_digest
    'its digest'
    """
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        card = json.loads(table.schema.metadata[_METADATA_KEY])
        latents_NL, images_NCHW = (_as_array(table[name]) for name in ("latent", "image"))
        teacher_digest, digest = card["teacher_digest"], card["digest"]
        if not is_whole(card):
            raise ValueError("its card is damaged")
    except (OSError, *DAMAGED, pa.ArrowException) as error:
        raise ArtifactError(
            "A teacher pool is an Arrow IPC file made by ganlimit",
            f"{path} ({error})",
            "Delete it and run the same command again.",
        ) from error
    return TeacherPool(latents_NL, images_NCHW, teacher_digest=teacher_digest, digest=digest)


def _write(path: Path, latents_NL: np.ndarray, *, images_NCHW: np.ndarray, teacher_digest: str) -> None:
    card = {"teacher_digest": teacher_digest, "digest": array_digest(latents_NL, images_NCHW)}
    columns = [pa.FixedShapeTensorArray.from_numpy_ndarray(array) for array in (latents_NL, images_NCHW)]
    table = pa.table(columns, names=["latent", "image"])
    table = table.replace_schema_metadata({_METADATA_KEY: json.dumps(sealed(card))})
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pa.OSFile(str(unfinished), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _as_array(column: pa.ChunkedArray) -> np.ndarray:
    # One record batch was written, so this is a view of the mapping and copies nothing.
    array: np.ndarray = column.chunk(0).to_numpy_ndarray()
    return array
