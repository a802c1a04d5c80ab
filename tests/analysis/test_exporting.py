"""Tables of several sweeps as one, and as CSV."""

import math
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv

from analysis import TRIAL_SCHEMA, AnalysisError, join_tables, write_csv


def test_tables_are_joined_one_below_the_other(table: Any) -> None:
    one, two = table({"sweep": "a"}, {"sweep": "a"}), table({"sweep": "b", "dataset": "faces", "protocol_digest": "q"})
    joined = join_tables([one, two])
    assert joined.to_pylist() == one.to_pylist() + two.to_pylist()
    assert joined.schema.equals(TRIAL_SCHEMA, check_metadata=True)
    assert len(join_tables([])) == 0


def test_two_protocols_within_one_data_set_are_refused_by_name(table: Any) -> None:
    tables = [table({"sweep": "a"}), table({"sweep": "b", "protocol_digest": "q"}), table({"sweep": "c"})]
    with pytest.raises(AnalysisError, match=f"digits .* 2: {'p' * 64} of a, c; q of b"):
        join_tables(tables)


def test_csv_comes_back_as_it_was(table: Any, tmp_path: Path) -> None:
    text = 'it said "no",\nand went'
    rows = table({"fid": 1 / 3, "error": text}, {"fid": math.nan, "kid": None, "settings": '{"a": 1}'})
    write_csv(rows, tmp_path / "t.csv")
    types = csv.ConvertOptions(column_types=TRIAL_SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False)
    found = csv.read_csv(
        tmp_path / "t.csv", parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=types
    )
    expected = rows.to_pylist()
    expected[1]["fid"] = None
    assert found.to_pylist() == expected
    assert "nan" not in (tmp_path / "t.csv").read_text()


def test_what_cannot_be_written_is_one_error_and_leaves_what_was_there(table: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here first")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "t.csv", tmp_path / "none" / "t.csv", tmp_path / "folder"):
        with pytest.raises(AnalysisError, match="writable path"):
            write_csv(table({}), path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "here first"
