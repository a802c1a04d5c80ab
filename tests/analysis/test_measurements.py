"""What a table of measurements must have, and that it is refused, with its remedy, where it has not."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import (
    MEASUREMENT_SCHEMA,
    AnalysisError,
    example_measurements,
    join_measurements,
    measurement_table,
    read_measurements,
    write_measurements,
)


def test_every_column_says_what_it_is() -> None:
    for field in MEASUREMENT_SCHEMA:
        assert field.metadata[b"description"], field.name
        assert field.metadata[b"unit"] or field.name.removesuffix("_digest") not in ("median_ms", "file_bytes")


@pytest.mark.parametrize("name", [field.name for field in MEASUREMENT_SCHEMA if not field.nullable])
def test_a_row_without_a_needed_value_is_refused(name: str) -> None:
    (row,) = example_measurements({}).to_pylist()
    with pytest.raises(AnalysisError, match=f"none for {name}. Measure again"):
        measurement_table([{**row, name: None}])
    with pytest.raises(AnalysisError, match=f"none for {name}. Measure again"):
        join_measurements([example_measurements({}).drop_columns([name])])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"median_ms": 0.0}, "median_ms are above 0 and finite, got 0.0"),
        ({"median_ms": float("nan")}, "median_ms are above 0 and finite, got nan"),
        ({"high_ms": float("inf")}, "high_ms are above 0 and finite, got inf"),
        ({"file_bytes": -1}, "file_bytes are above 0 and finite, got -1"),
        ({"threads": "two"}, "the schema's types"),
    ],
)
def test_a_value_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        example_measurements(changes)


def test_a_file_may_lack_what_may_be_null_and_have_more(tmp_path: Path) -> None:
    table = example_measurements({}).drop_columns(["compressed_bytes", "fid", "rounds"])
    pq.write_table(table.append_column("onnxruntime", pa.array(["1.31"])), tmp_path / "measurements.parquet")
    found = read_measurements(tmp_path / "measurements.parquet")
    assert found.schema.names == MEASUREMENT_SCHEMA.names
    assert found["fid"].to_pylist() == found["rounds"].to_pylist() == [None]
    assert found["median_ms"].to_pylist() == [0.05]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "measurements.parquet"
    write_measurements(example_measurements({}), path)
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(AnalysisError, match="Measurements are a readable, undamaged Parquet file"):
        read_measurements(path)


def test_times_of_two_machines_are_never_joined() -> None:
    tables = [example_measurements({"measurement_digest": name}) for name in ("m", "n")]
    with pytest.raises(AnalysisError, match=r"got 2 measurement digests: m, n\. Measure all of them on one machine"):
        join_measurements(tables)
    assert len(join_measurements([tables[0], tables[0]])) == 2
