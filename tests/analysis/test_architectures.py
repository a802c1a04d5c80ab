"""Students that differ in the rank of their first layer or the widths of their stages alone are different students."""

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from analysis import (
    LimitRule,
    Mode,
    Phase,
    Scheme,
    compression_limit,
    final_students,
    findings_of,
    frontier_rows,
    paired_gain,
    paper_cells,
    paper_csv,
    paper_rows,
    read_table,
    student_of,
    with_baselines,
    write_table,
)
from analysis.trials import Trials

WHOLE: dict[str, Any] = {"parameters": 9_000, "fid": 9.0}
FACTORED: dict[str, Any] = {"parameters": 4_000, "fid": 10.0, "first_layer_rank": 16}
OWN_STAGES: dict[str, Any] = {"parameters": 4_000, "fid": 12.0, "stage_widths": "5-4"}
ALL = (WHOLE, FACTORED, OWN_STAGES)


def test_a_table_of_the_fifth_version_has_one_first_layer_and_halved_stages(table: Any, tmp_path: Path) -> None:
    now = table({}, {"block": "separable"})
    since = ["first_layer_rank", "stage_widths", "scheme", "teacher_critic", "bits", "weight_bytes"]
    before = now.drop_columns(since)
    pq.write_table(before.replace_schema_metadata({b"ganlimit.schema_version": b"5"}), tmp_path / "trials.parquet")
    assert read_table(tmp_path / "trials.parquet").equals(now)
    write_table(table(*ALL), tmp_path / "again.parquet")
    again = read_table(tmp_path / "again.parquet")
    assert again["first_layer_rank"].to_pylist() == [None, 16, None]
    assert again["stage_widths"].to_pylist() == [None, None, "5-4"]


@pytest.mark.parametrize("codes", ["student", "size"])
def test_they_are_told_apart(table: Any, codes: str) -> None:
    alike = [{**one, "parameters": 4_000} for one in ALL]
    assert len(set(getattr(Trials(table(*alike)), codes).tolist())) == 3
    assert len({student_of(row) for row in table(*alike).to_pylist()}) == 3


def test_each_has_its_own_twin_from_scratch(table: Any) -> None:
    scratch = [{**one, "mode": Mode.SCRATCH, "phase": Phase.BASELINE, "fid": 10 * one["fid"]} for one in ALL]
    rows = table(*ALL, *scratch)
    found = with_baselines(final_students(rows), rows)
    assert {row["fid"]: row["baseline_fid"] for row in found.to_pylist()} == {9.0: 90.0, 10.0: 100.0, 12.0: 120.0}
    gain = paired_gain(rows, ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    assert (gain.pairs, gain.ratio) == (3, pytest.approx(10.0))
    assert [size.label for size in gain.per_size] == [
        "4,000 parameters (width 5-4, depth 1, dcgan)",
        "4,000 parameters (width 4 r16, depth 1, dcgan)",
        "9,000 parameters (width 4, depth 1, dcgan)",
    ]


def test_the_papers_table_has_a_row_for_each(table: Any) -> None:
    rows = [row for row in paper_rows(table(*ALL)) if row.scheme == Scheme.MSE]
    assert [paper_cells(row)[3] for row in rows] == ["4", "4 r16", "5-4"]
    cells = list(csv.DictReader(io.StringIO(paper_csv(rows))))
    assert [(row["width"], row["first_layer_rank"], row["stage_widths"]) for row in cells] == [
        ("4", "", ""),
        ("4", "16", ""),
        ("4", "", "5-4"),
    ]


def test_frontier_and_limit_say_which_they_are(table: Any) -> None:
    rows, rule = table(*ALL), LimitRule(metric="fid", tolerance=1.0)
    assert [row.size for row in frontier_rows(findings_of(rows, rule))] == ["4x1", "4x1 r16"]
    smallest, largest = compression_limit(rows, rule).curve
    assert (smallest.student["first_layer_rank"], "stage_widths" in smallest.student) == (16, False)
    assert set(largest.student) == {"width", "depth", "block", "gan_weight", "settings"}, "as before there were ranks"
