"""Pictures in one file, a zip or an .npz: the same data set as in a folder, and the same refusals."""

import io
import json
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan import DataRoot, GanError, found_shape
from gan.datasets.own.pictures import MAX_BYTES
from tests.gan.datasets.kept import Kept, encoded, loaded


def write_zip(path: Path, members: dict[str, bytes], packed: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def stylegan_zip(path: Path, kept: Kept, labels: list[Any] | None) -> Path:
    """A dataset.zip as dataset_tool.py of stylegan2-ada and stylegan3 writes it."""
    names = [f"{place // 10:05d}/img{place:08d}.png" for place in range(len(kept.files))]
    pairs = None if labels is None else list(map(list, zip(names, labels, strict=True)))
    members = dict(zip(names, kept.files, strict=True))
    return write_zip(path, {**members, "dataset.json": json.dumps({"labels": pairs}).encode()})


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_zip_of_a_folder_is_that_folder(
    packed: int, folder: Path, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    members = dict(reversed(list(zip(kept.names, kept.files, strict=True))))
    aside = {"__MACOSX/._0000.png": b"x", "a/.DS_Store": b"x", "Thumbs.db": b"x", "metadata.jsonl": b"{}", "d/": b""}
    dataset = loaded(write_zip(tmp_path / "pets.zip", {**members, **aside}, packed), root)
    expected = loaded(folder, root)
    assert (dataset.digest, dataset.num_classes) == (expected.digest, 3)
    assert dataset.name == "pets"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets", "pets.zip", "root"], "nothing is extracted"


def test_stylegans_dataset_has_its_labels(folder: Path, kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    labelled = stylegan_zip(tmp_path / "dataset.zip", kept, kept.labels)
    assert loaded(labelled, root).digest == loaded(folder, root).digest
    assert found_shape(labelled) == (3, 20)
    with zipfile.ZipFile(labelled) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert loaded(tmp_path / "unpacked", root).digest == loaded(folder, root).digest
    unlabelled = loaded(stylegan_zip(tmp_path / "dataset2.zip", kept, None), root)
    assert unlabelled.num_classes == 1
    assert unlabelled.train_images.equal(loaded(folder, root).train_images)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[", "Expecting value"),
        (b"[" * 100_000, "dataset.json holds"),
        (b"[1]", "TypeError"),
        (b'{"images": []}', "KeyError: 'labels'"),
        (b'{"labels": [["0000.png", 1]]}', "only one of label and picture for 0000.png, a/0000.png"),
    ],
)
def test_labels_that_are_not_of_these_pictures_are_refused(
    text: bytes, expected: str, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    members = dict(zip(kept.names, kept.files, strict=True))
    with pytest.raises(GanError, match=rf"{expected}.*in odd\.zip"):
        loaded(write_zip(tmp_path / "odd.zip", {**members, "dataset.json": text}), root)


@pytest.mark.parametrize("label", [-1, 0.5, True, "cat", 24, [0.1, 0.2]])
def test_classes_count_from_zero(label: Any, kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    with pytest.raises(GanError, match=r"whole numbers, counted from 0.*in d\.zip, which has 24"):
        loaded(stylegan_zip(tmp_path / "d.zip", kept, [*kept.labels[:-1], label]), root)


def as_link(member: zipfile.ZipInfo) -> None:
    member.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("../x.png", None, "its name leads out"),
        ("a/../../x.png", None, "its name leads out"),
        ("/etc/x.png", None, "its name leads out"),
        ("a\\..\\x.png", None, "its name leads out"),
        ("c:x.png", None, "its name leads out"),
        ("a/0000.png", None, "there 2 times"),
        ("link.png", as_link, "a link"),
        ("notes.txt", None, "not an image"),
    ],
)
def test_a_member_that_is_no_picture_of_the_archive_is_named(
    name: str,
    change: Callable[[zipfile.ZipInfo], None] | None,
    expected: str,
    kept: Kept,
    root: DataRoot,
    tmp_path: Path,
) -> None:
    path = write_zip(tmp_path / "pets.zip", dict(zip(kept.names, kept.files, strict=True)))
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        member = zipfile.ZipInfo(name)
        (change or (lambda _: None))(member)
        archive.writestr(member, b"words")
    with pytest.raises(GanError, match=rf"faulty: .*\({expected}") as refused:
        loaded(path, root, image_size=16, image_channels=3)
    assert name in str(refused.value)
    assert "pets.zip" in str(refused.value)
    assert not list(root.root.rglob("*.arrow"))


def test_bombs_and_damage_in_a_zip_are_named_with_it(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    members = dict(zip(kept.names, kept.files, strict=True))
    members["wide.png"] = encoded(np.zeros((9000, 9000), np.uint8))
    members["cut.png"] = kept.files[0][:300]
    path = write_zip(tmp_path / "pets.zip", members)
    content = bytearray(path.read_bytes())
    content[content.index(kept.files[3]) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(GanError, match="3 faulty") as refused:
        loaded(path, root, image_size=16, image_channels=3)
    for name, why in (("a/0003.png", "damaged: Bad CRC"), ("wide.png", "9000x9000 pix"), ("cut.png", "damaged: ")):
        assert f"{name} in pets.zip ({why}" in str(refused.value)
    assert not list(root.root.rglob("*.arrow"))


def test_a_member_of_a_declared_size_beyond_all_pictures_is_not_unpacked(
    kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    path = tmp_path / "pets.zip"
    write_zip(path, dict(zip(kept.names, kept.files, strict=True)))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.png", "w") as file:
        for _ in range(MAX_BYTES // 2**20 + 1):
            file.write(bytes(2**20))
    assert path.stat().st_size < 10**6
    with pytest.raises(GanError, match=r"bomb\.png \([\d,]+ bytes, more than"):
        loaded(path, root)


def test_an_encrypted_or_a_broken_zip_is_refused(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", dict(zip(kept.names, kept.files, strict=True)))
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(content)
    with pytest.raises(GanError, match=r"a/0000\.png \(encrypted\)"):
        loaded(tmp_path / "locked.zip", root)
    (tmp_path / "half.zip").write_bytes(path.read_bytes()[: len(content) // 2])
    with pytest.raises(GanError, match=r"half\.zip"):
        loaded(tmp_path / "half.zip", root)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_samples_of_guided_diffusion_are_the_pictures(
    save: Callable[..., None], folder: Path, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    path = tmp_path / "samples_24x20x20x3.npz"
    save(path, kept.pixels, np.array(kept.labels))
    assert loaded(path, root).digest == loaded(folder, root).digest
    save(path, kept.pixels)
    assert loaded(path, root).num_classes == 1
    save(path, kept.pixels[..., :1])
    assert found_shape(path) == (1, 20)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"mu": np.zeros(4), "sigma": np.eye(4)}, "Give such statistics as evaluation.reference"),
        ({"images": np.zeros((12, 20, 20, 3), np.uint8)}, "got images in"),
        ({"arr_0": np.zeros((12, 20, 20, 3), np.float32)}, "got float32"),
        ({"arr_0": np.zeros((12, 3, 20, 20), np.uint8)}, r"got uint8\(12, 3, 20, 20\)"),
        ({"arr_0": np.asfortranarray(np.zeros((12, 20, 20, 3), np.uint8))}, "Fortran"),
        ({"arr_0": np.zeros((12, 20, 20, 3), np.uint8), "arr_1": np.zeros(11, int)}, "no label for each image"),
        ({"arr_0": np.array([{}] * 12, object)}, r"got object\(12,\)"),
        (
            {"arr_0": np.zeros((12, 20, 20, 3), np.uint8), "arr_1": np.array([{}] * 12, object)},
            r"object\(12,\) in",
        ),
        ({"arr_0": np.zeros((12, 20, 3, 3), np.uint8)}, r"got uint8\(12, 20, 3, 3\)"),
    ],
)
def test_other_arrays_are_refused(arrays: dict[str, Any], expected: str, root: DataRoot, tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(GanError, match=expected):
        loaded(tmp_path / "odd.npz", root)
    assert not root.root.exists()


def npy_promising(shape: tuple[int, ...], dtype: str, size: int) -> bytes:
    """An .npy file that holds `size` bytes, and says that it holds what it likes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(size)


def test_an_npz_that_promises_more_than_it_holds_or_than_anything_has_is_refused(
    root: DataRoot, tmp_path: Path
) -> None:
    images = npy_promising((12, 20, 20, 3), "|u1", 12 * 1200)
    long_header = b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little")
    for members, expected in (
        ({"arr_0.npy": npy_promising((200_000_000, 4, 4, 1), "|u1", 0)}, "at most 20,000,000 images, got 200,000,000"),
        ({"arr_0.npy": images, "arr_1.npy": npy_promising((10**13,), "<i8", 96)}, "int64.10000000000000,. in "),
        ({"arr_0.npy": images, "arr_1.npy": long_header}, "a header of 2,147,483,648 bytes"),
    ):
        path = write_zip(tmp_path / "samples.npz", members)
        with pytest.raises(GanError, match=expected):
            loaded(path, root)
    assert not root.root.exists()


def test_a_damaged_or_cut_npz_is_refused_and_leaves_nothing(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", kept.pixels)
    content = bytearray((tmp_path / "samples.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "samples.npz").write_bytes(content)
    with pytest.raises(GanError, match=r"samples\.npz \(damaged: Bad CRC"):
        loaded(tmp_path / "samples.npz", root, image_size=16, image_channels=3)
    assert not list(root.root.rglob("*.arrow"))
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(GanError, match=r"cut\.npz"):
        loaded(tmp_path / "cut.npz", root)
