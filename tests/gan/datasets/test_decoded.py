"""Data sets that are decoded into the data root: files of the true format, read by the real classes."""

import gzip
import pickle
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from gan import DataRoot, DatasetConfig, GanError, load_dataset
from gan.digests import array_digest

RANDOM = np.random.default_rng(0)


def write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.tobytes())


@pytest.mark.parametrize("name", ["shapes", "faces"])
def test_a_drawn_image_depends_on_its_place_alone(name: str, root: DataRoot) -> None:
    few, many = (load_dataset(DatasetConfig(name=name, num_images=count), root) for count in (20, 40))
    assert torch.equal(few.train_images, many.train_images[:16])
    assert torch.equal(few.held_out_images, many.held_out_images[:4])
    assert torch.equal(few.train_labels, many.train_labels[:16])
    size = 32 if name == "shapes" else 64
    assert many.train_images.shape == (32, 3, size, size)
    assert few.digest != many.digest
    assert len({image.numpy().tobytes() for image in many.train_images}) == 32, "no two are alike"


def test_decoded_images_are_mapped_checked_and_found_again(root: DataRoot) -> None:
    config = DatasetConfig(name="shapes", num_images=30)
    first = load_dataset(config, root)
    (path,) = (root.root / "decoded").glob("*.arrow")
    written = path.stat().st_mtime_ns
    again = load_dataset(config, root)
    assert path.stat().st_mtime_ns == written, "decoded twice"
    assert again.digest == first.digest
    images = torch.cat([again.held_out_images, again.train_images]).numpy()
    labels = torch.cat([again.held_out_labels, again.train_labels]).numpy()
    assert again.digest == array_digest(images, labels, np.array([6]))
    again.verify()
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(GanError, match="damaged"):
        load_dataset(config, root).verify()


def test_mnist_is_read_from_its_files_and_resized(root: DataRoot) -> None:
    images = RANDOM.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 10
    raw = root.root / "MNIST" / "raw"
    write_idx(raw / "train-images-idx3-ubyte", images[:20])
    write_idx(raw / "train-labels-idx1-ubyte", labels[:20])
    write_idx(raw / "t10k-images-idx3-ubyte", images[20:])
    write_idx(raw / "t10k-labels-idx1-ubyte", labels[20:])
    dataset = load_dataset("mnist", root)
    assert dataset.train_images.shape == (20, 1, 32, 32)
    assert dataset.held_out_labels.tolist() == labels[20:].tolist()
    expected = cv2.resize(images[3].astype(np.float32), (32, 32), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(dataset.train_images[3, 0].numpy(), np.clip(np.rint(expected), 0, 255))
    assert load_dataset(DatasetConfig(name="mnist", image_size=64), root).image_size == 64
    as_it_is = load_dataset(DatasetConfig(name="mnist", image_size=28), root)
    assert np.array_equal(as_it_is.train_images[:, 0].numpy(), images[:20])
    write_idx(raw / "train-images-idx3-ubyte", 255 - images[:20])
    assert load_dataset("mnist", root).digest != dataset.digest, "other files, yet the old images"


def test_mnists_gzip_files_are_unpacked_as_downloaded(root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import MNIST, mnist

    plain = root.root / "plain"
    write_idx(plain / "train-images-idx3-ubyte", RANDOM.integers(0, 256, (4, 28, 28), dtype=np.uint8))
    write_idx(plain / "train-labels-idx1-ubyte", np.arange(4, dtype=np.uint8))
    write_idx(plain / "t10k-images-idx3-ubyte", RANDOM.integers(0, 256, (2, 28, 28), dtype=np.uint8))
    write_idx(plain / "t10k-labels-idx1-ubyte", np.arange(2, dtype=np.uint8))

    def fetch(url: str, download_root: str, filename: str, md5: str) -> None:
        packed = gzip.compress((plain / filename.removesuffix(".gz")).read_bytes())
        (Path(download_root) / filename).write_bytes(packed)
        mnist.extract_archive(str(Path(download_root) / filename), download_root)  # type: ignore[attr-defined]

    monkeypatch.setattr(mnist, "download_and_extract_archive", fetch)
    assert len(MNIST.resources) == 4
    assert load_dataset("mnist", DataRoot(root.root, download=True)).train_images.shape == (4, 1, 32, 32)


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


def test_cifar10_is_read_from_its_batches(root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    images = write_cifar10(root.root, monkeypatch)
    dataset = load_dataset("cifar10", root)
    assert np.array_equal(dataset.train_images.numpy(), images[:20])
    assert np.array_equal(dataset.held_out_images.numpy(), images[20:])
    assert dataset.train_labels.tolist() == [0, 1, 2, 3] * 5


def test_a_damaged_batch_of_cifar10_is_refused(root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar10(root.root, monkeypatch)
    (root.root / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"other")
    with pytest.raises(GanError, match=r"data_batch_2.* in .*corrupted"):
        load_dataset("cifar10", root)
    assert not (root.root / "decoded").exists()


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


def test_celeba_is_cropped_resized_and_split_by_its_partition(root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    write_celeba(root.root, monkeypatch)
    dataset = load_dataset("celeba", root)
    assert dataset.train_images.shape == (8, 3, 64, 64)
    assert dataset.held_out_images.shape == (4, 3, 64, 64)
    assert dataset.train_images.float().mean(dim=(1, 2, 3)).tolist() == pytest.approx(
        [20.0 * n for n in range(8)], abs=1
    )
    assert dataset.train_labels.tolist() == [0, 2, 1, 3, 0, 2, 1, 3]


@pytest.mark.parametrize(("name", "file"), [("mnist", "t10k-images"), ("cifar10", "data_batch_1"), ("celeba", "attr")])
def test_missing_files_are_named_with_their_place(name: str, file: str, root: DataRoot) -> None:
    with pytest.raises(GanError, match=rf"{file}.* in {root.root}.*allow downloads"):
        load_dataset(name, root)


def asked_of(kind: Any) -> set[str]:
    """What torchvision's class looks for, by its own lists."""
    if kind is torchvision.datasets.MNIST:
        return {f"MNIST/raw/{name.removesuffix('.gz')}" for name, _ in kind.resources}
    if kind is torchvision.datasets.CIFAR10:
        names = [name for name, _ in (*kind.train_list, *kind.test_list)]
        return {f"{kind.base_folder}/{name}" for name in (*names, kind.meta["filename"])}
    texts = {f"{kind.base_folder}/{name}" for *_, name in kind.file_list if name.endswith(".txt")}
    return texts | {f"{kind.base_folder}/img_align_celeba/*.jpg"}


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("cifar10", "CIFAR10"), ("celeba", "CelebA")])
def test_all_that_torchvision_asks_for_is_named(name: str, kind: str, root: DataRoot) -> None:
    asked = asked_of(getattr(torchvision.datasets, kind))
    with pytest.raises(GanError) as error:
        load_dataset(name, root)
    assert set(error.value.rule.partition(" are ")[2].rpartition(" in ")[0].split(", ")) == asked
    assert set(error.value.value.partition("Not there: ")[2].split(", ")) == asked

    there = sorted(asked)[0]
    (root.root / there).parent.mkdir(parents=True)
    (root.root / there).touch()
    with pytest.raises(GanError) as error:
        load_dataset(name, root)
    assert set(error.value.value.partition("Not there: ")[2].split(", ")) == asked - {there}


def test_the_package_that_fetches_celeba_is_named(root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(GanError, match=r"pip install gdown.*Put the files there, or check the network"):
        load_dataset("celeba", DataRoot(root=root.root, download=True))


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 30), **how: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    Image.fromarray(RANDOM.integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)).save(path, **how)


def folder_config(path: Path, channels: int = 3) -> DatasetConfig:
    return DatasetConfig(name="folder", path=str(path), image_size=16, image_channels=channels)  # type: ignore[arg-type]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(12):
        picture(tmp_path / "in" / ("cats" if number % 2 else "dogs") / "deep" / f"{number}.png")
    return tmp_path / "in"


def test_a_nested_folder_has_the_first_level_as_classes(pictures: Path, root: DataRoot) -> None:
    picture(pictures / "dogs" / "grey.jpg", "L")
    picture(pictures / "dogs" / "clear.png", "RGBA")
    (pictures / ".DS_Store").write_text("no picture")
    dataset = load_dataset(folder_config(pictures), root)
    assert len(dataset.train_images) + len(dataset.held_out_images) == 14
    assert dataset.num_classes == 2
    assert torch.cat([dataset.train_labels, dataset.held_out_labels]).tolist().count(0) == 6
    grey = load_dataset(folder_config(pictures, channels=1), root)
    assert grey.image_channels == 1
    picture(pictures / "cats" / "another.png")
    assert load_dataset(folder_config(pictures), root).digest != dataset.digest


def test_transparency_is_white_and_orientation_is_obeyed(tmp_path: Path, root: DataRoot) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(10):
        Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(folder / f"{number}.png")
    white = load_dataset(folder_config(folder), root)
    assert white.train_images.min() == 255
    sideways = np.zeros((20, 20, 3), np.uint8)
    sideways[:, 10:] = 255  # white on the right; turned by 90 degrees clockwise, white below
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(10):
        (folder / f"{number}.png").unlink()
        Image.fromarray(sideways).save(folder / f"{number}.jpg", exif=exif, quality=95)
    image = load_dataset(folder_config(folder), root).train_images[0].float()
    assert image[:, 12:].mean() > 250
    assert image[:, :4].mean() < 5


def test_every_faulty_file_is_named_and_nothing_is_kept(pictures: Path, root: DataRoot, tmp_path: Path) -> None:
    (pictures / "notes.txt").write_text("no picture")
    whole = (pictures / "dogs" / "deep" / "0.png").read_bytes()
    (pictures / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (9000, 9000)).save(pictures / "bomb.png")
    with pytest.raises(GanError, match="3 faulty") as refused:
        load_dataset(folder_config(pictures), root)
    for name, why in (("notes.txt", "not an image"), ("cut.png", "damaged"), ("bomb.png", "9000x9000 pixels")):
        assert f"{name} ({why}" in str(refused.value)
    assert not list((root.root / "decoded").glob("*.arrow"))


def test_a_link_out_of_the_folder_is_refused(pictures: Path, root: DataRoot, tmp_path: Path) -> None:
    picture(tmp_path / "secret.png")
    (pictures / "inside.png").symlink_to(pictures / "dogs" / "deep" / "0.png")
    assert len(load_dataset(folder_config(pictures), root).train_labels) == 10
    (pictures / "outside.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(GanError, match=r"outside\.png \(a link out of the folder\)"):
        load_dataset(folder_config(pictures), root)


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ({"name": "folder"}, "The data set folder has a path"),
        ({"name": "folder", "path": "x", "num_images": 100}, "got num_images"),
        ({"name": "digits", "path": "x"}, "digits .*has no path, got x"),
        ({"name": "My Cats", "path": "x"}, "Call it my-cats"),
        ({"name": "pets"}, "one of celeba.*'pets'.*or give the path"),
        ({"path": ""}, "at least 1 character"),
        ({"name": "mnist", "num_images": 100}, "got num_images"),
        ({"name": "mnits"}, "one of celeba"),
    ],
)
def test_a_configuration_that_fits_no_data_set_is_refused(mistake: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        DatasetConfig(**mistake)
