"""Pictures of a user's own: the tests keep them in a folder, and the same ones in other formats."""

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan import DataRoot, DatasetConfig, ImageDataset, load_dataset


@dataclass(frozen=True)
class Kept:
    """Kept has 24 pictures of 20x20 of three classes: their pixels NHWC and, as PNG, their files."""

    pixels: np.ndarray
    names: list[str]
    labels: list[int]

    @cached_property
    def files(self) -> list[bytes]:
        return [encoded(image) for image in self.pixels]


def make_kept() -> Kept:
    pixels = np.random.default_rng(5).integers(0, 256, (24, 20, 20, 3), dtype=np.uint8)
    labels = [0] * 9 + [1] * 8 + [2] * 7
    return Kept(pixels, [f"{'abc'[label]}/{number:04d}.png" for number, label in enumerate(labels)], labels)


def encoded(pixels: np.ndarray, kind: str = "png") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def loaded(path: Path, root: DataRoot, **keys: Any) -> ImageDataset:
    return load_dataset(DatasetConfig(path=str(path), **keys), root)
