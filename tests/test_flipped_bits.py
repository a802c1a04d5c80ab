"""One flipped bit in a file of ours is refused, or changes nothing of what is read: in no file is it a wrong number.

Of models it is tested beside them, and of what is kept of a sweep's runs in sweeps/results/test_reading.py.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import analysis
from analysis.examples import example_trials
from gan import ArtifactError, Checkpoint, DataRoot, RealReference, load_checkpoint, open_pool, save_checkpoint
from gan.datasets.cache import Source, by_row, cached
from gan.datasets.images import ImageDataset
from gan.measuring.metrics import FeatureStatistics
from gan.training.teacher_pool import _write as write_pool

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (12, 1, 4, 4), dtype=np.uint8)
TABLE = example_trials(*({"trial": number, "width": number, "fid": 1 / number} for number in range(1, 9)))
FLIPS = 400  # of each file, at places that are always the same

Read = Callable[[Path], Any]


def table(path: Path) -> Read:
    analysis.write_table(TABLE, path)
    return lambda changed: rows_of(analysis.read_table(changed))


def measurements(path: Path) -> Read:
    forms = ({"form": "onnx"}, {"form": "onnx-int8", "rounds": True, "fid": 10.2, "file_bytes": 11_000})
    analysis.write_measurements(analysis.example_measurements(*forms), path)
    return lambda changed: rows_of(analysis.read_measurements(changed))


def rows_of(found: pa.Table) -> str:
    return repr(found.to_pylist())  # NaN included


def pool(path: Path) -> Read:
    write_pool(path, IMAGES[:, 0, 0].astype(np.float32), images_NCHW=IMAGES, teacher_digest="its digest")

    def read(changed: Path) -> Any:
        found = open_pool(changed)
        found.verify()
        return found.teacher_digest, found.digest, *map(as_bytes, found.read(np.arange(len(IMAGES))))

    return read


def as_bytes(tensor: torch.Tensor) -> bytes:
    found: bytes = tensor.numpy().tobytes()
    return found


def decoded(path: Path) -> Read:
    labels_N = np.arange(len(IMAGES))

    def load(root: Path) -> ImageDataset:
        return cached(
            "mine",
            {},
            data_root=DataRoot(root=root),
            build=lambda: Source(
                labels_N=labels_N,
                held_out=3,
                num_classes=12,
                image_shape=(1, 4, 4),
                decoded=by_row(len(IMAGES), lambda row: IMAGES[row]),
            ),
        )

    load(path.parent)
    (kept,) = (path.parent / "decoded").glob("*.arrow")
    kept.rename(path)

    def read(changed: Path) -> Any:
        changed.rename(kept)
        found = load(path.parent)
        found.verify()
        parts = (found.train_images, found.train_labels, found.held_out_images, found.held_out_labels)
        return found.name, found.num_classes, found.digest, *map(as_bytes, parts)

    return read


def reference(path: Path) -> Read:
    features_NF = RANDOM.standard_normal((40, 4)).astype(np.float32)
    of_class = {3: FeatureStatistics.of(features_NF[:20])}
    RealReference(FeatureStatistics.of(features_NF), features_NF, classes=of_class).save(path)

    def read(changed: Path) -> Any:
        found = RealReference.load(changed)
        parts = [(part.count, part.mean.tobytes(), part.covariance.tobytes()) for part in found.classes.values()]
        whole = found.statistics
        return whole.count, whole.mean.tobytes(), whole.covariance.tobytes(), found.samples.tobytes(), parts

    return read


def checkpoint(path: Path) -> Read:
    state = {"weight": torch.from_numpy(RANDOM.standard_normal(24))}
    save_checkpoint(path, Checkpoint(64_000, state, notes={"best": 1.5}), identity="mine")

    def read(changed: Path) -> Any:
        found = load_checkpoint(changed, "mine")
        assert found is not None
        return found.images_seen, found.notes, as_bytes(found.state["weight"])

    return read


@pytest.mark.parametrize("kind", [table, measurements, pool, decoded, reference, checkpoint])
def test_a_flipped_bit_is_never_another_value(kind: Callable[[Path], Read], tmp_path: Path) -> None:
    path, changed = tmp_path / "whole", tmp_path / "changed"
    read = kind(path)
    whole = path.read_bytes()
    changed.write_bytes(whole)
    expected, refused = read(changed), 0
    for bit in random.Random(1).sample(range(8 * len(whole)), FLIPS):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        changed.write_bytes(flipped)
        try:
            assert read(changed) == expected, f"bit {bit}"
        except (ArtifactError, analysis.AnalysisError):
            refused += 1
    assert refused > FLIPS / 4
