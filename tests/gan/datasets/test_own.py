"""A data set of the user's own: its name, and the shape that is found in its files."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gan import DataRoot, DatasetConfig, GanError, filled, found_shape, load_dataset
from gan.digests import file_digest, value_digest
from tests.gan.datasets.kept import Kept, encoded, loaded


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/My Cats & Dogs.tar.gz", "my-cats-dogs"),
        ("a/MNIST", "own-mnist"),
        ("shards/train-{000000..000003}.tar", "train--000000"),
        ("/", "own"),
        ("a/" + "x" * 200, "x" * 63),
    ],
)
def test_a_path_gives_a_name_that_fits(path: str, name: str) -> None:
    assert DatasetConfig(path=path).name == name
    assert DatasetConfig.model_validate_json(DatasetConfig(path=path).model_dump_json()).name == name


def test_name_and_shape_are_filled_in_once(folder: Path, root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    config = DatasetConfig(path="pets")
    with pytest.raises(GanError, match=r"given, or found .*neither for pets"):
        _ = config.image_shape
    whole = filled(config)
    assert whole.model_dump(exclude_none=True) == {
        **{"name": "pets", "path": str(folder)},
        **{"image_size": 20, "image_channels": 3},
    }
    assert filled(whole) == whole
    assert load_dataset(config, root).digest == load_dataset(whole, root).digest
    assert len(list((root.root / "decoded").glob("*.arrow"))) == 1
    assert filled(DatasetConfig(name="digits")) == DatasetConfig(name="digits")


def test_what_is_given_is_not_looked_for(folder: Path) -> None:
    Image.new("L", (100, 50)).save(folder / "a" / "other.png")
    assert filled(DatasetConfig(path=str(folder), image_size=16)).image_shape == (3, 16)
    with pytest.raises(GanError, match=r"squares of one of 16, 20.*24 of 20x20, 1 of 50x50.*image_size: 20"):
        filled(DatasetConfig(path=str(folder), image_channels=1))
    assert filled(DatasetConfig(path="nowhere", image_size=16, image_channels=1)).image_shape == (1, 16)


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("I;16", 1), ("P", 3), ("RGBA", 3), ("RGB", 3)]
)
def test_channels_and_size_are_found(mode: str, channels: int, tmp_path: Path) -> None:
    for number in range(12):
        Image.new(mode, (40, 28)).save(tmp_path / f"{number}.png")
    assert found_shape(tmp_path) == (channels, 28)


def test_a_size_that_no_generator_has_is_to_be_chosen(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("L", (178, 218)).save(tmp_path / f"{number}.png")
    with pytest.raises(GanError, match=r"12 of 178x178.*Give image_size: 192"):
        found_shape(tmp_path)


def test_a_faulty_picture_is_named_before_a_shape_is_stated(folder: Path) -> None:
    (folder / "b" / "broken.png").write_bytes(b"no image")
    with pytest.raises(GanError, match=r"b/broken\.png \(not an image\)"):
        found_shape(folder)


def test_a_folder_within_the_folder_makes_no_difference(kept: Kept, tmp_path: Path, root: DataRoot) -> None:
    for where in ("flat", "one/cats", "two/cats/deep"):
        (tmp_path / where).mkdir(parents=True)
        for number, content in enumerate(kept.files):
            (tmp_path / where / f"{number:04d}.png").write_bytes(content)
    sets = [loaded(tmp_path / name, root) for name in ("flat", "one", "two")]
    assert [dataset.num_classes for dataset in sets] == [1, 1, 1]
    assert len({dataset.digest for dataset in sets}) == 1


def test_a_plain_folder_keeps_the_place_of_its_decoded_images(folder: Path, root: DataRoot) -> None:
    config = DatasetConfig(name="folder", path=str(folder), image_size=16, image_channels=3)
    load_dataset(config, root)
    files = sorted(folder.rglob("*.png"))
    content = value_digest([[file.relative_to(folder).as_posix(), file_digest(file)] for file in files])
    digest = value_digest(["folder", {"content": content, "image_channels": 3, "image_size": 16}])
    assert [file.name for file in (root.root / "decoded").glob("*.arrow")] == [f"folder-{digest[:24]}.arrow"]


def test_an_array_that_promises_more_than_it_holds_is_refused(folder: Path, root: DataRoot) -> None:
    small = np.lib.format.header_data_from_array_1_0(np.zeros((20, 20, 3), np.uint8))
    header: dict[str, Any] = {**small, "shape": (60000, 60000, 3)}
    with (folder / "a" / "bomb.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(1200))
    np.save(folder / "a" / "latent.npy", np.zeros((8, 4, 4), np.float32))
    np.save(folder / "a" / "objects.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(GanError, match=r"3 faulty.*bomb\.npy \(damaged: .*latent\.npy \(pixels are.*objects\.npy \("):
        loaded(folder, root)


def test_pixels_as_an_array_are_the_picture(folder: Path, kept: Kept, root: DataRoot) -> None:
    before = loaded(folder, root).digest
    for name, pixels in zip(kept.names, kept.pixels, strict=True):
        (folder / name).unlink()
        np.save((folder / name).with_suffix(".npy"), pixels.transpose(2, 0, 1))  # CHW, as edm2 keeps them
    assert loaded(folder, root).digest == before


def test_pipes_and_pictures_of_nothing_are_named_and_not_waited_for(folder: Path, root: DataRoot) -> None:
    pipe = folder / "a" / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(GanError, match=r"a/pipe\.png \(a pipe, a socket or a device\)"):
        found_shape(folder)
    shards = folder.parent / "shards"
    shards.mkdir()
    os.mkfifo(shards / "pets-0.tar")
    for place in (pipe, shards, shards / "pets-{0..0}.tar"):
        with pytest.raises(GanError, match=r"A file of images is .*(pipe\.png|pets-0\.tar)"):
            found_shape(place)
    pipe.unlink()
    (folder / "a" / "dot.png").write_bytes(encoded(np.zeros((1, 9, 3), np.uint8)))
    with pytest.raises(GanError, match=r"a/dot\.png \(9x1 pixels, less than 4x4\)"):
        loaded(folder, root)


def test_a_file_that_is_in_none_of_the_formats_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encoded(np.zeros((20, 20), np.uint8)))
    with pytest.raises(GanError, match=r"A file of images is .*one\.png"):
        found_shape(tmp_path / "one.png")
    with pytest.raises(GanError, match=r"folder of images or a file.*nowhere"):
        found_shape(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("pixels", "suffix", "fault"),
    [
        (np.linspace(0, 1, 400, dtype=np.float32), "tiff", "real numbers, whose range nobody knows"),
        (np.arange(400, dtype=np.int32) * 1000, "tiff", "whole numbers from 0 to 399000, and not of 16 bits"),
    ],
)
def test_pixels_of_an_unknown_range_are_not_guessed(
    pixels: np.ndarray, suffix: str, fault: str, folder: Path, root: DataRoot
) -> None:
    Image.fromarray(pixels.reshape(20, 20)).save(folder / f"strange.{suffix}")
    with pytest.raises(GanError, match=rf"strange\.{suffix} \(.*{fault}"):
        load_dataset(DatasetConfig(path=str(folder), image_size=20, image_channels=1), root)


@pytest.mark.parametrize(
    ("beginning", "said"),
    [(b"PK\x03\x04", "damaged: a zip or an .npz without its end"), (b"\x1f\x8b\x08\x00", r"compressed.*Unpack it")],
)
def test_a_cut_zip_and_a_compressed_archive_are_called_that(beginning: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(beginning + bytes(1000))
    with pytest.raises(GanError, match=said):
        found_shape(tmp_path / "images")
