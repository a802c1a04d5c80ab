"""This module reads Parquet files with a column of images: Hugging Face's layout, or any with encoded images in it.

The column is a struct with the field `bytes`, or binary. Classes are a column of whole numbers: what Hugging Face's
schema calls a ClassLabel, or one called label. A file is read some rows at a time, never a column at once.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from gan.datasets.cache import FaultyImageError
from gan.datasets.own.pictures import (
    MAX_BYTES,
    Classes,
    Content,
    Numbered,
    Pictures,
    Reading,
    counted,
    one_class,
    require_few_enough,
)
from gan.datasets.own.shards import split_shards
from gan.errors import GanError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_ROWS_AT_ONCE = 16
_BYTES_AT_ONCE = 2**30
_MOST_UNPACKED = 100  # times
_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels", "class", "cls", "target")


@dataclass(frozen=True, kw_only=True)
class _Columns:
    image: str  # the path of its leaf
    label: str | None
    num_classes: int | None  # as the schema says


def parquet_pictures(shards: Sequence[tuple[str, Path]]) -> Pictures:
    """Returns the images of Parquet files, in the order of files and rows; a test or validation split is held out.

    Raises GanError for files that are damaged, or without one column of images, the same in all.
    """
    parts: list[tuple[str, int]] = []
    labels: list[object] = []
    columns: set[_Columns] = set()
    held_out: list[int] = []
    shards, held_out_files = split_shards(shards)
    for name, path in shards:
        with _opened(path) as file:
            columns.add(found := _columns(file.schema_arrow, path))
            _require_no_bomb(file, found.image, path=path)
            before, rows = sum(count for _, count in parts), file.metadata.num_rows
            require_few_enough(before + rows, path.name)
            held_out += range(before, before + rows) if name in held_out_files else ()
            parts.append((name or path.name, rows))
            labels += _labels(file, found.label) if found.label else ()
    if len(columns) > 1:
        found_here = ", ".join(sorted(str(found) for found in columns))
        raise GanError("All Parquet files of a data set have the same columns", found_here, "Write them alike.")
    names = Numbered("row", parts)
    return Pictures(
        format="parquet",
        files=shards,
        names=names,
        classes=_classes(found, labels, num_pictures=len(names), where=shards[0][1].name),
        held_out=held_out or None,
        read=lambda: _read(shards, found.image),
    )


def _require_no_bomb(file: "ParquetFile", column: str, *, path: Path) -> None:
    """Raise GanError where images would unpack to more than images do: they are packed already, as PNG or JPEG."""
    for group, (packed, unpacked) in enumerate(_sizes(file, column)):
        if unpacked > MAX_BYTES and unpacked > _MOST_UNPACKED * packed:
            raise GanError(
                f"Images of a row group unpack to {MAX_BYTES:,} bytes, or {_MOST_UNPACKED} times what they take",
                f"{packed:,} bytes that unpack to {unpacked:,} in row group {group} of {path}",
                "Write encoded images, as PNG or JPEG, or smaller row groups.",
            )


def _sizes(file: "ParquetFile", column: str) -> list[tuple[int, int]]:
    """Returns how many bytes a column takes in each row group, packed and unpacked, by the footer."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    found = [
        chunk
        for group in groups
        for chunk in map(group.column, range(group.num_columns))
        if chunk.path_in_schema == column
    ]
    return [(chunk.total_compressed_size, chunk.total_uncompressed_size) for chunk in found]


def _read(shards: Sequence[tuple[str, Path]], column: str) -> Reading:
    place = 0
    for _, path in shards:
        with _opened(path) as file:
            for group, (_, unpacked) in enumerate(_sizes(file, column)):
                # A value that is there once, in the dictionary, may stand in all rows: each may be as large as all.
                rows = min(_ROWS_AT_ONCE, max(1, _BYTES_AT_ONCE // max(1, unpacked)))
                for batch in file.iter_batches(rows, row_groups=[group], columns=[column], use_threads=False):
                    values = batch.column(0)
                    for content in _contents(values.field(0) if pa.types.is_struct(values.type) else values):
                        yield place, content
                        place += 1


def _contents(values: pa.Array) -> Iterator[Content | FaultyImageError]:
    for value, length in zip(values, pc.binary_length(values).to_pylist(), strict=True):
        if length is None:
            yield FaultyImageError("no image in it")
        else:  # a value that is too large is not copied
            yield value.as_py() if length <= MAX_BYTES else FaultyImageError(f"more than {MAX_BYTES:,} bytes")


@contextmanager
def _opened(path: Path) -> Iterator["ParquetFile"]:
    """Opens a file so that a column's pages are read one by one. Raises GanError where it is damaged."""
    from pyarrow.parquet import ParquetFile  # a tenth of a second to import, and only this format needs it

    try:
        with ParquetFile(path, pre_buffer=False, buffer_size=2**20, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise GanError("A Parquet file is whole", f"{path} (damaged: {reason})", "Make or copy it again.") from error


def _columns(schema: pa.Schema, path: Path) -> _Columns:
    features = _features(schema)
    images = [field.name for field in schema if features.get(field.name) == "Image"] or [
        field.name for field in schema if _holds_images(field.type)
    ]
    named = [name for name in images if name in _IMAGE_NAMES] or images
    if len(named) != 1 or not _holds_images(schema.field(named[0]).type):
        raise GanError(
            "A Parquet file has one column of images: binary, or a struct with the field bytes",
            f"{', '.join(images) or 'none'} among {', '.join(schema.names)} in {path}",
            "Call the column of images image.",
        )
    (image,) = named
    classes = {name: kind for name, kind in features.items() if isinstance(kind, int)}
    whole = [field.name for field in schema if pa.types.is_integer(field.type)]
    label = next((name for name in _LABEL_NAMES if name in whole), next(iter(classes), None))
    others = [name for name in _LABEL_NAMES if name in schema.names and name not in whole]
    if label is None and others:
        raise GanError(
            "A column of classes holds whole numbers, counted from 0",
            f"{schema.field(others[0]).type} in {others[0]} of {path}",
            "Number the classes, or call the column something else to leave it out.",
        )
    leaf = f"{image}.bytes" if pa.types.is_struct(schema.field(image).type) else image
    return _Columns(image=leaf, label=label, num_classes=classes.get(label) if label else None)


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        at = kind.get_field_index("bytes")
        return at >= 0 and _holds_images(kind.field(at).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _features(schema: pa.Schema) -> dict[str, str | int]:
    """Returns what Hugging Face's metadata says of columns: Image, or how many classes there are."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        kinds = {name: feature.get("_type") for name, feature in features.items() if isinstance(feature, dict)}
        return {
            name: len(features[name]["names"]) if kind == "ClassLabel" else kind
            for name, kind in kinds.items()
            if kind in ("Image", "ClassLabel") and name in schema.names
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}  # the columns are told by their types


def _labels(file: "ParquetFile", label: str) -> list[object]:
    batches = file.iter_batches(columns=[label], use_threads=False)
    return [value for batch in batches for value in batch.column(0).to_pylist()]


def _classes(columns: _Columns, labels: list[object], *, num_pictures: int, where: str) -> Classes:
    if columns.label is None:
        return one_class(num_pictures)
    classes = counted(labels, f"the column {columns.label} of {where}")
    if columns.num_classes is None:
        return classes
    if classes.number > columns.num_classes:
        raise GanError(
            f"The column {columns.label} has {columns.num_classes} classes",
            f"class {classes.number - 1} in {where}",
            "Correct the labels or the names of the classes.",
        )
    return Classes(labels=classes.labels, number=columns.num_classes)
