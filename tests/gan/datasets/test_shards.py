"""Pictures in Parquet, in tars and in an LMDB: the same data set as in a folder, and the same refusals."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from gan import DataRoot, GanError, found_shape
from gan.datasets.own import lightning, parquet, pictures
from gan.datasets.own.opening import pictures_at
from gan.datasets.own.shards import split_shards
from tests.gan.datasets.kept import Kept, encoded, loaded

HUGGING_FACE = {  # as `datasets` writes it into the schema of push_to_hub and to_parquet
    "info": {
        "features": {
            "image": {"_type": "Image"},
            "label": {"names": ["ant", "bee", "cat"], "_type": "ClassLabel"},
        }
    }
}


def table(kept: Kept, rows: slice = slice(None), **columns: Any) -> pa.Table:
    """The layout of Hugging Face's images: a struct of bytes and path, and the features in the metadata."""
    images = [{"bytes": content, "path": name} for content, name in zip(kept.files, kept.names, strict=True)]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    made = pa.table({"image": pa.array(images[rows], kind), "label": kept.labels[rows], **columns})
    return made.replace_schema_metadata({"huggingface": json.dumps(HUGGING_FACE)})


@pytest.mark.parametrize("rows_in_a_group", [5, 100])
def test_parquet_of_hugging_face_is_the_folder(
    rows_in_a_group: int, folder: Path, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    pq.write_table(table(kept, row=list(range(24))), tmp_path / "pets.parquet", row_group_size=rows_in_a_group)
    expected = loaded(folder, root)
    assert loaded(tmp_path / "pets.parquet", root).digest == expected.digest
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for number, rows in enumerate((slice(10), slice(10, None))):
        pq.write_table(table(kept, rows), tmp_path / "hub" / "data" / f"train-{number:05d}-of-00002.parquet")
    (tmp_path / "hub" / "README.md").write_text("a card")
    (tmp_path / "hub" / ".gitattributes").write_text("")
    assert loaded(tmp_path / "hub", root).digest == expected.digest
    assert found_shape(tmp_path / "hub") == (3, 20)


def test_a_test_split_is_held_out_and_validation_beside_it_is_left_out(
    kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    data = tmp_path / "hub" / "data"
    data.mkdir(parents=True)
    for part, rows in (("train", slice(14)), ("validation", slice(14, 20)), ("test", slice(20, 24))):
        pq.write_table(table(kept, rows), data / f"{part}-00000-of-00001.parquet")
    dataset = loaded(tmp_path / "hub", root)
    pixels = kept.pixels.transpose(0, 3, 1, 2)
    assert dataset.held_out_images.numpy().tolist() == pixels[20:].tolist()
    assert dataset.train_images.numpy().tolist() == pixels[:14].tolist()
    assert dataset.num_classes == 3
    (data / "test-00000-of-00001.parquet").unlink()
    assert loaded(tmp_path / "hub", root).held_out_images.numpy().tolist() == pixels[14:20].tolist()
    (data / "train-00000-of-00001.parquet").rename(data / "val-00001-of-00002.parquet")
    assert len(loaded(tmp_path / "hub", root).held_out_images) == 4, "a fixed fifth, where all is of one part"


@pytest.mark.parametrize(
    ("names", "read", "held_out"),
    [
        (("shard-test-bench-001", "shard-test-bench-002", "pets-003"), 3, ()),
        (("train-00000-of-00001", "test-00000-of-00001", "validation-00000-of-00001"), 2, (1,)),
        (("imagenet-train-000000", "imagenet-val-000000"), 2, (1,)),
        (("train/0000", "test/0000", "valid/0000"), 2, (1,)),
        (("a/train/test-bench-0", "a/test/bench-0"), 2, (0, 1)),
        (("test-0", "val-0"), 2, ()),
    ],
)
def test_a_shards_part_is_told_by_its_name(names: tuple[str, ...], read: int, held_out: tuple[int, ...]) -> None:
    shards = [(f"{name}.tar", Path(f"/data/{name}.tar")) for name in names]
    kept, parts = split_shards(shards)
    assert kept == shards[:read]
    assert parts == ({shards[place][0] for place in held_out} if len(held_out) < read else set())


def test_parquet_that_unpacks_to_more_than_pictures_do_is_refused_by_its_footer(
    root: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MAX_BYTES", 2**20)
    large = pa.table({"image": [bytes(2**21), *[b"x"] * 10]})
    for compression, expected in (("zstd", "row group 0 of .*large"), ("none", r"row 0 of large\.parquet \(more than")):
        pq.write_table(large, tmp_path / "large.parquet", compression=compression, use_dictionary=False)
        with pytest.raises(GanError, match=expected):
            loaded(tmp_path / "large.parquet", root, image_size=16, image_channels=3)
    monkeypatch.setattr(pictures, "MAX_PICTURES", 1000)
    pq.write_table(pa.table({"image": pa.nulls(1001, pa.binary())}), tmp_path / "empty.parquet")
    with pytest.raises(GanError, match=r"at most 1,000 images, got 1,001 in empty\.parquet"):
        loaded(tmp_path / "empty.parquet", root)


def test_rows_without_pictures_cost_no_memory_and_are_counted_to_an_end(root: DataRoot, tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.nulls(50_000, pa.binary())}), tmp_path / "empty.parquet")
    names = pictures_at(tmp_path / "empty.parquet").names
    assert (names[0], names[-1:]) == ("row 0 of empty.parquet", ["row 49999 of empty.parquet"])
    with pytest.raises(GanError, match=r"10000 faulty: row 0 of empty\.parquet \(no image in it\)"):
        loaded(tmp_path / "empty.parquet", root, image_size=16, image_channels=3)


def test_binary_columns_and_columns_without_labels_are_read(
    folder: Path, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    plain = pa.table({"id": range(24), "jpg": pa.array(kept.files, pa.large_binary()), "text": ["words"] * 24})
    pq.write_table(plain, tmp_path / "plain.parquet")
    dataset = loaded(tmp_path / "plain.parquet", root)
    assert dataset.num_classes == 1
    assert dataset.train_images.equal(loaded(folder, root).train_images)


def test_the_schemas_classes_are_there_though_no_picture_is_of_the_last(
    kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    pq.write_table(table(kept, slice(12)), tmp_path / "pets.parquet")
    assert set(kept.labels[:12]) == {0, 1}
    assert loaded(tmp_path / "pets.parquet", root).num_classes == 3


def test_other_parquet_is_refused(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    for columns, expected in (
        ({"text": ["words"] * 24}, "got none among text"),
        ({"a": kept.files, "b": kept.files}, "got a, b among a, b"),
        ({"image": kept.files, "label": [-1] * 24}, r"counted from 0, got -1 in the column label of odd\.parquet"),
        ({"image": kept.files, "label": [*kept.labels[1:], None]}, "got None in the column label"),
    ):
        pq.write_table(pa.table(columns), path)
        with pytest.raises(GanError, match=expected):
            loaded(path, root)
    for labels in (["cat", "dog"] * 12, [0.5] * 24):
        pq.write_table(table(kept).set_column(1, "label", pa.array(labels)).replace_schema_metadata(), path)
        with pytest.raises(GanError, match=r"whole numbers, counted from 0, got (string|double) in label"):
            loaded(path, root)
    pq.write_table(table(kept).set_column(1, "label", pa.array([3] * 24)), path)
    with pytest.raises(GanError, match=r"label has 3 classes, got class 3"):
        loaded(path, root)


def test_rows_without_a_picture_and_damage_are_named_with_their_file(
    kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    path = tmp_path / "pets.parquet"
    images = [None, b"words", kept.files[0][:200], *kept.files]
    pq.write_table(pa.table({"image": images}), path, compression="none", write_page_checksum=True)
    with pytest.raises(GanError, match="3 faulty") as refused:
        loaded(path, root, image_size=16, image_channels=3)
    for row, why in enumerate(("no image in it", "not an image", "damaged: ")):
        assert f"row {row} of pets.parquet ({why}" in str(refused.value)
    content = bytearray(path.read_bytes())
    content[content.index(kept.files[9]) + 60] ^= 1
    path.write_bytes(content)
    with pytest.raises(GanError, match=r"pets\.parquet \(damaged: .*CRC"):
        loaded(path, root, image_size=16, image_channels=3)
    path.write_bytes(content[:-20])
    with pytest.raises(GanError, match=r"pets\.parquet \(damaged: "):
        loaded(path, root)
    assert not list(root.root.rglob("*.arrow"))


def write_shards(folder: Path, kept: Kept, sizes: tuple[int, ...], **fields: list[Any]) -> Path:
    """Shards by WebDataset's own writer."""
    folder.mkdir(exist_ok=True)
    place = 0
    for number, size in enumerate(sizes):
        with webdataset.TarWriter(str(folder / f"pets-{number:06d}.tar")) as writer:
            for _ in range(size):
                sample = {"__key__": f"{place:06d}", "png": kept.files[place]}
                writer.write(sample | {name: values[place] for name, values in fields.items()})
                place += 1
    return folder


def test_shards_of_webdatasets_own_writer_are_the_folder(
    folder: Path, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    expected = loaded(folder, root)
    shards = write_shards(tmp_path / "wds", kept, (9, 15), cls=kept.labels, txt=["words"] * 24)
    assert loaded(shards, root).digest == expected.digest
    assert loaded(shards / "pets-{000000..000001}.tar", root).digest == expected.digest
    assert found_shape(shards / "pets-000001.tar") == (3, 20)
    told = [{"label": label, "caption": "words"} for label in kept.labels]
    assert loaded(write_shards(tmp_path / "json", kept, (24,), json=told), root).digest == expected.digest
    (tmp_path / "json" / "pets-000000.parquet").write_bytes(b"PAR1, as img2dataset puts beside each tar")
    (tmp_path / "json" / "pets-000000_stats.json").write_text("{}")
    assert loaded(tmp_path / "json", root).digest == expected.digest
    unlabelled = loaded(write_shards(tmp_path / "bare", kept, (24,), txt=["words"] * 24), root)
    assert unlabelled.num_classes == 1
    assert unlabelled.train_images.equal(expected.train_images)


def test_a_tar_of_a_folder_is_that_folder(folder: Path, root: DataRoot, tmp_path: Path) -> None:
    (folder / ".DS_Store").write_text("no picture")
    with tarfile.open(tmp_path / "pets.tar", "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.add(path, f"./{path.relative_to(folder)}", recursive=False)
    assert loaded(tmp_path / "pets.tar", root).digest == loaded(folder, root).digest


def member(name: str, content: bytes = b"words", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, io.BytesIO]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, "000001.png"
    made.size = len(content) if kind == tarfile.REGTYPE else 0
    return made, io.BytesIO(content)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("../x.png", tarfile.REGTYPE, "its name leads out"),
        ("/etc/x.png", tarfile.REGTYPE, "its name leads out"),
        ("link.png", tarfile.SYMTYPE, "a link"),
        ("link.png", tarfile.LNKTYPE, "a link"),
        ("pipe.png", tarfile.FIFOTYPE, "no file"),
        ("000001.png", tarfile.REGTYPE, "there twice"),
        ("./000001.png", tarfile.REGTYPE, "there twice"),
        ("000001.jpg", tarfile.REGTYPE, "2 images of one name"),
        ("LICENSE", tarfile.REGTYPE, "no images of one name"),
    ],
)
def test_a_member_that_is_no_sample_of_its_tar_is_named(
    name: str, kind: bytes, expected: str, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    path = write_shards(tmp_path, kept, (24,)) / "pets-000000.tar"
    with tarfile.open(path, "a") as archive:
        archive.addfile(*member(name, kind=kind))
    with pytest.raises(GanError, match=rf"pets-000000\.tar is .*1 faulty: .*\({expected}"):
        loaded(path, root)
    assert not root.root.exists()


def test_damage_in_a_tar_is_found_where_pythons_reader_is_silent(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    path = write_shards(tmp_path, kept, (24,), cls=kept.labels) / "pets-000000.tar"
    content = path.read_bytes()
    with tarfile.open(path) as archive:
        middle = archive.getmembers()[20]
    for damaged, why in (
        (content[: middle.offset], "no member and no end"),
        (content[: middle.offset] + b"x" * 512 + content[middle.offset + 512 :], "no member and no end"),
        (content[: middle.offset_data + 100], "unexpected end"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(GanError, match=rf"pets-000000\.tar \(damaged: {why}"):
            loaded(path, root)
    broken = content.replace(kept.files[4], b"\0" * len(kept.files[4]))
    path.write_bytes(broken)
    with pytest.raises(GanError, match=r"000004\.png in pets-000000\.tar \(not an image\)"):
        loaded(path, root, image_size=16, image_channels=3)
    assert not list(root.root.rglob("*.arrow"))


def test_a_sample_without_a_class_among_others_is_named(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    path = write_shards(tmp_path, kept, (24,), cls=kept.labels) / "pets-000000.tar"
    with tarfile.open(path, "a") as archive:
        archive.addfile(*member("x.png", kept.files[0]))
    with pytest.raises(GanError, match=r"x\.png in pets-000000\.tar, without one"):
        loaded(path, root)
    write_shards(tmp_path, kept, (24,), cls=[b"cat"] * 24)
    with pytest.raises(GanError, match=r"counted from 0, got 'cat' in pets-000000\.tar"):
        loaded(path, root)


def test_folders_of_shards_hold_nothing_else(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "wds", kept, (12, 12))
    (shards / "one.png").write_bytes(kept.files[0])
    with pytest.raises(GanError, match=r"holds \.tar files alone, got one\.png"):
        loaded(shards, root)
    (shards / "one.png").unlink()
    (shards / "pets-000002.tar").symlink_to("/etc/passwd")
    with pytest.raises(GanError, match=r"pets-000002\.tar, a link out of it"):
        loaded(shards, root)
    with pytest.raises(GanError, match=r"pets-000003\.tar \(No such file"):
        loaded(shards / "pets-{000000..000003}.tar", root)


def write_lmdb(path: Path, entries: dict[bytes, bytes], **how: Any) -> Path:
    with lmdb.open(str(path), map_size=2**24, **how) as environment, environment.begin(write=True) as transaction:
        for key, value in entries.items():
            transaction.put(key, value)
    return path


def test_stylegans_lmdb_has_its_largest_images(folder: Path, kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    """As prepare_data.py of rosinality's StyleGAN writes it: each image at several sizes."""
    small = encoded(np.zeros((8, 8, 3), np.uint8))
    sized = {f"{size}-{place:05d}": size for size in (8, 20) for place in range(24)}
    entries = {key.encode(): small if size == 8 else kept.files[int(key[-5:])] for key, size in sized.items()}
    path = write_lmdb(tmp_path / "lmdb", {**entries, b"length": b"24"})
    before = sorted(file.name for file in path.iterdir())
    dataset = loaded(path, root)
    assert dataset.train_images.equal(loaded(folder, root).train_images)
    assert dataset.num_classes == 1
    assert sorted(file.name for file in path.iterdir()) == before, "nothing is written beside it"
    write_lmdb(path, {b"length": b"25"})
    with pytest.raises(GanError, match=r"numbered from 0, got length 25 and 24 of size 20"):
        loaded(path, root)


@pytest.mark.parametrize("subdir", [True, False])
def test_lsuns_lmdb_is_in_the_order_of_its_keys(
    subdir: bool, folder: Path, kept: Kept, root: DataRoot, tmp_path: Path
) -> None:
    entries = {f"{place:040x}".encode(): content for place, content in reversed(list(enumerate(kept.files)))}
    path = write_lmdb(tmp_path / "church_lmdb", entries, subdir=subdir)
    assert loaded(path, root).train_images.equal(loaded(folder, root).train_images)
    write_lmdb(path, {b"\xff": b"\x80\x04K\x01."}, subdir=subdir)
    with pytest.raises(GanError, match=r"\\xff in church_lmdb \(a pickle, which is not loaded\)"):
        loaded(path, root)


def test_a_cut_lmdb_is_refused_and_ends_no_process(kept: Kept, root: DataRoot, tmp_path: Path) -> None:
    path = write_lmdb(tmp_path / "lmdb", dict(zip(map(str.encode, kept.names), kept.files, strict=True)))
    content = (path / "data.mdb").read_bytes()
    for cut in (len(content) // 2, 3000, 0):
        (path / "data.mdb").write_bytes(content[:cut])
        with pytest.raises(GanError, match=r"lmdb \(damaged: "):
            loaded(path, root)


@pytest.mark.parametrize(("line", "what"), [("if not key:", "its keys"), ("else:", r"the value of a/0000\.png")])
def test_an_lmdb_that_ends_its_reader_by_a_signal_is_named(
    line: str, what: str, kept: Kept, root: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a page that points beyond the file does by SIGBUS; here the reader is made to end itself."""
    path = write_lmdb(tmp_path / "lmdb", dict(zip(map(str.encode, kept.names), kept.files, strict=True)))
    program = lightning._READER.read_text()
    assert program.count(f"        {line}\n") == 1
    ending = tmp_path / "reader.py"
    ending.write_text(
        program.replace(f"        {line}\n", f"        {line}\n            import os; os.kill(os.getpid(), 15)\n")
    )
    monkeypatch.setattr(lightning, "_READER", ending)
    with pytest.raises(GanError, match=rf"lmdb \(damaged: {what} ended its reader by SIGTERM\)"):
        loaded(path, root, image_size=16, image_channels=3)
