"""Data sets that are decoded into the data root: files of the true format, read by the real classes."""

import gzip
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
from tests.gan.datasets.originals import RANDOM, write_celeba, write_cifar10, write_idx, write_mnist


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
    images, labels = write_mnist(root.root)
    raw = root.root / "MNIST" / "raw"
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


@pytest.mark.parametrize(
    ("file", "values", "expected"),
    [
        ("train-labels-idx1", np.arange(19) % 10, r"\(20, 28, 28\), and \(19,\) classes"),
        ("train-labels-idx1", np.arange(20) % 11, "classes 0 to 10"),
        ("t10k-images-idx3", np.zeros((10, 14, 56)), r"uint8\(10, 14, 56\)"),
        ("t10k-images-idx3", np.zeros((0, 28, 28)), "The files of mnist are"),
        ("t10k-images-idx3", np.zeros((10, 784)), "3 dimension"),
    ],
)
def test_files_of_mnist_that_do_not_fit_each_other_are_refused(
    file: str, values: np.ndarray, expected: str, root: DataRoot
) -> None:
    write_mnist(root.root)
    write_idx(root.root / "MNIST" / "raw" / f"{file}-ubyte", values.astype(np.uint8))
    with pytest.raises(GanError, match=expected):
        load_dataset("mnist", root)
    assert not list(root.root.glob("decoded/*.arrow"))


@pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"\0\0\x08\x03\xff\xff\xff\xff", b"words"])
def test_a_file_of_mnist_that_is_none_is_refused(content: bytes, root: DataRoot) -> None:
    write_mnist(root.root)
    (root.root / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(GanError, match="The files of mnist are"):
        load_dataset("mnist", root)


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


def test_celeba_is_cropped_resized_and_split_by_its_partition(root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    write_celeba(root.root, monkeypatch)
    dataset = load_dataset("celeba", root)
    assert dataset.train_images.shape == (8, 3, 64, 64)
    assert dataset.held_out_images.shape == (4, 3, 64, 64)
    assert dataset.train_images.float().mean(dim=(1, 2, 3)).tolist() == pytest.approx(
        [20.0 * n for n in range(8)], abs=1
    )
    assert dataset.train_labels.tolist() == [0, 2, 1, 3, 0, 2, 1, 3]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("list_eval_partition", "000012.jpg 2\n", "", "The files of celeba are"),
        ("list_eval_partition", "000012.jpg 2\n", "\n", "The files of celeba are"),
        ("list_attr_celeba", "Smiling", "Grinning", "got no Smiling"),
        ("list_attr_celeba", "000001.jpg -1", "000001.jpg 7", "another one in 1 places"),
        ("list_eval_partition", " 2\n", " 0\n", "no image of the part test"),
        ("list_eval_partition", "000001.jpg 0", "0.jpg\0 0", "1 faulty: .*null byte"),
        ("list_eval_partition", "000001.jpg 0", "000013.jpg 0", "1 faulty: .*000013.jpg .*No such file"),
    ],
)
def test_lists_of_celeba_that_do_not_fit_each_other_are_refused(
    file: str, old: str, new: str, expected: str, root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_celeba(root.root, monkeypatch)
    path = root.root / "celeba" / f"{file}.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(GanError, match=expected):
        load_dataset("celeba", root)
    assert not list(root.root.glob("decoded/*.arrow"))


def test_a_picture_of_celeba_that_promises_too_many_pixels_is_named(
    root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_celeba(root.root, monkeypatch)
    path = root.root / "celeba" / "img_align_celeba" / "000003.jpg"
    content = bytearray(path.read_bytes())
    place = content.index(b"\xff\xc0") + 5  # the frame's header: height and width
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(GanError, match=r"1 faulty: .*000003\.jpg \(.*64,000,000"):
        load_dataset("celeba", root)


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
