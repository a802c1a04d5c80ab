"""`ganlimit export`: sweeps as one table, for any program."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import analysis
import sweeps
from sweeps.ledger.tags import GROUP


@pytest.fixture
def pair(new_sweep: Any) -> list[Any]:
    """Two sweeps on digits under one protocol, with 3 and 2 trials."""
    found = [new_sweep(dataset="digits"), new_sweep(dataset="digits")]
    found[0].finished(3)
    found[1].finished(2)
    return found


def test_several_sweeps_are_one_table(ganlimit: Any, pair: list[Any], tmp_path: Path) -> None:
    one, two = pair
    out = tmp_path / "table.parquet"
    out.write_text("what was here before")
    answer = ganlimit("export", one.name, two.name, one.name, "--out", out, "--data-dir", one.workspace.root)
    assert answer.code == 0, answer.stderr
    assert answer.stdout.strip() == f"{out}: 5 rows of 2 sweeps"
    expected = [sweeps.sweep_table(sweep.tracking, sweep.name) for sweep in pair]
    assert analysis.read_table(out).equals(pa.concat_tables(expected)), "each sweep once"
    assert list(tmp_path.iterdir()) == [out], "nothing else was left there"


def test_what_one_file_began_has_one_name(ganlimit: Any, pair: list[Any], tmp_path: Path) -> None:
    for sweep in pair:
        sweep.tracking.client.set_tag(sweep.parent_run_id, GROUP, f"both-{pair[0].name}")
    arguments = ("--out", tmp_path / "t.csv", "--json", "--data-dir", pair[0].workspace.root)
    answer = ganlimit("export", f"both-{pair[0].name}", *arguments)
    assert json.loads(answer.stdout) == {
        "path": str(tmp_path / "t.csv"),
        "rows": 5,
        "sweeps": [sweep.name for sweep in pair],
    }


def test_csv_says_what_the_table_says(ganlimit: Any, pair: list[Any], tmp_path: Path) -> None:
    sweep, out = pair[0], tmp_path / "table.csv"
    assert ganlimit("export", sweep.name, "--out", out, "--data-dir", sweep.workspace.root).code == 0
    found, table = pd.read_csv(out, float_precision="round_trip"), sweeps.sweep_table(sweep.tracking, sweep.name)
    assert list(found.columns) == table.column_names
    assert found["fid"].tolist() == table["fid"].to_pylist(), "to the last bit"
    assert found["final"].tolist() == table["final"].to_pylist()
    assert found["kid"].isna().all()


def test_rows_of_one_data_set_under_two_protocols_are_refused(
    ganlimit: Any, pair: list[Any], new_sweep: Any, tmp_path: Path
) -> None:
    other, elsewhere = new_sweep(dataset="digits", protocol_digest="y"), new_sweep(dataset="faces", protocol_digest="y")
    other.finished(1)
    elsewhere.finished(1)
    one, two = pair
    out, data_dir = tmp_path / "table.parquet", one.workspace.root
    answer = ganlimit("export", one.name, two.name, other.name, "--out", out, "--data-dir", data_dir)
    assert answer.code == 2
    assert f"x of {one.name}, {two.name}; y of {other.name}" in answer.stderr
    assert not out.exists()
    assert ganlimit("export", one.name, elsewhere.name, "--out", out, "--data-dir", data_dir).code == 0


@pytest.mark.parametrize(
    ("out", "said"),
    [("table.xlsx", ".parquet or .csv"), ("table", ".parquet or .csv"), ("no/folder/t.csv", "writable path")],
)
def test_a_file_that_cannot_be_written_is_one_error(
    ganlimit: Any, pair: list[Any], tmp_path: Path, out: str, said: str
) -> None:
    answer = ganlimit("export", pair[0].name, "--out", tmp_path / out, "--data-dir", pair[0].workspace.root)
    assert (answer.code, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: ")
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_sweep_is_one_error(ganlimit: Any, pair: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    answer = ganlimit("export", pair[0].name, "nope", "--out", out, "--data-dir", pair[0].workspace.root)
    assert answer.code == 2
    assert "'nope' (known: " in answer.stderr
    assert not out.exists()
