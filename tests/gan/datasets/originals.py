"""The paper's data sets in their true formats, of few images: what torchvision's own classes read."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RANDOM = np.random.default_rng(0)


def write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.tobytes())


def write_mnist(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's four files, of 20 and 10 images; returns images and classes of both parts."""
    images = RANDOM.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 10
    raw = root / "MNIST" / "raw"
    write_idx(raw / "train-images-idx3-ubyte", images[:20])
    write_idx(raw / "train-labels-idx1-ubyte", labels[:20])
    write_idx(raw / "t10k-images-idx3-ubyte", images[20:])
    write_idx(raw / "t10k-labels-idx1-ubyte", labels[20:])
    return images, labels


def write_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """CIFAR-10's python batches, four images each, with torchvision's checksums set to theirs."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import calculate_md5

    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    images = RANDOM.integers(0, 256, (24, 3, 32, 32), dtype=np.uint8)
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        part = images[4 * number : 4 * number + 4].reshape(4, -1)
        (folder / name).write_bytes(pickle.dumps({"data": part, "labels": [0, 1, 2, 3]}))
        lists["test_list" if name == "test_batch" else "train_list"].append([name, calculate_md5(str(folder / name))])
    meta = folder / "batches.meta"
    meta.write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(CIFAR10, "train_list", lists["train_list"])
    monkeypatch.setattr(CIFAR10, "test_list", lists["test_list"])
    monkeypatch.setattr(
        CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": calculate_md5(str(meta))}
    )
    return images


def write_celeba(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CelebA

    base = root / "celeba"
    (base / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, 13)]
    for number, name in enumerate(names):
        picture = np.full((218, 178, 3), 20 * number, np.uint8)
        Image.fromarray(picture).save(base / "img_align_celeba" / name, quality=95)
    partition = [0] * 6 + [1] * 2 + [2] * 4
    lines = {
        "list_eval_partition.txt": [f"{name} {part}" for name, part in zip(names, partition, strict=True)],
        "identity_CelebA.txt": [f"{name} 1" for name in names],
        "list_attr_celeba.txt": ["12", "Male Smiling"]
        + [f"{name} {1 if n % 2 else -1} {1 if n % 4 > 1 else -1}" for n, name in enumerate(names)],
        "list_bbox_celeba.txt": ["12", "image_id x_1 y_1 width height"] + [f"{name} 0 0 9 9" for name in names],
        "list_landmarks_align_celeba.txt": ["12", "a b"] + [f"{name} 0 0" for name in names],
    }
    for name, rows in lines.items():
        (base / name).write_text("\n".join(rows) + "\n")
    files = [(identifier, None, name) for identifier, _, name in CelebA.file_list]
    monkeypatch.setattr(CelebA, "file_list", files)  # without the checksums of the real lists
