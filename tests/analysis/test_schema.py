from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import (
    AGREEMENT,
    METRICS,
    SHARED_COLUMNS,
    TRIAL_SCHEMA,
    AnalysisError,
    Mode,
    Phase,
    TrialState,
    read_table,
    require_one_protocol,
    settings_of,
    state_counts,
    trial_table,
    write_table,
)

RECORDS = Path(__file__).parents[2] / "docs" / "records"


def test_every_column_states_its_unit_and_meaning() -> None:
    for field in TRIAL_SCHEMA:
        assert field.metadata[b"description"], field.name
        assert b"unit" in field.metadata, field.name


def test_stored_words_are_what_they_were() -> None:
    """A word is only ever added: databases and tables of before have these."""
    assert [*map(str, Phase)] == ["search", "confirm", "baseline"]
    assert [*map(str, Mode)] == ["distilled", "scratch"]
    assert [*map(str, TrialState)][:8] == [
        *("RUNNING", "COMPLETED", "PRUNED", "DIVERGED", "OUT_OF_MEMORY", "LOST", "FAILED", "INTERRUPTED")
    ]


def test_groups_of_columns_are_parts_of_the_schema_in_its_order_and_share_none() -> None:
    names = [*SHARED_COLUMNS, *METRICS, *AGREEMENT]
    assert len(set(names)) == len(names)
    for group in (list(SHARED_COLUMNS), list(METRICS), list(AGREEMENT)):
        assert group == [name for name in TRIAL_SCHEMA.names if name in group]


def test_what_a_trial_measures_is_what_its_run_is_asked_for_in_the_order_of_before() -> None:
    """The cache of a sweep's rows has these columns in its key."""
    assert (
        *("fid", "best_fid", "fid_infinity", "inception_score", "inception_score_std", "sharpness"),
        *("kid", "kid_error", "precision", "recall"),
    ) == METRICS


def test_what_all_rows_of_a_sweep_share_has_the_type_of_its_column() -> None:
    arrow = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    assert all(TRIAL_SCHEMA.field(name).type == arrow[kind] for name, kind in SHARED_COLUMNS.items())
    of_teacher_and_real = {name for name in TRIAL_SCHEMA.names if name.startswith(("teacher_", "real_"))}
    of_protocol = {"protocol_digest", "extractor", "num_samples", "absent", "extractor_faults"}
    assert {*SHARED_COLUMNS} == {"dataset", *of_protocol, *of_teacher_and_real}


def test_a_table_comes_back_from_parquet_with_units(table: Any, tmp_path: Path) -> None:
    before = table({}, {"state": TrialState.FAILED, "final": False, "fid": None, "error": "boom"})
    path = tmp_path / "trials.parquet"
    write_table(before, path)
    after = read_table(path)
    assert after.equals(before)
    assert after.schema.field("mac_g").metadata[b"unit"] == b"1e9 multiply-accumulates"
    assert [p.name for p in tmp_path.iterdir()] == ["trials.parquet"]


def test_one_flipped_byte_is_refused(table: Any, tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    write_table(table(*({"fid": float(n)} for n in range(500))), path)
    content = bytearray(path.read_bytes())
    content[content.find(b"digits-teacher") + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(AnalysisError, match="undamaged Parquet"):
        read_table(path)


def test_a_missing_file_and_another_version_are_refused(table: Any, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"none\.parquet"):
        read_table(tmp_path / "none.parquet")
    other = tmp_path / "other.parquet"
    pq.write_table(table({}).replace_schema_metadata({b"ganlimit.schema_version": b"99"}), other)
    with pytest.raises(AnalysisError, match="schema version of 1 to 7, got 99"):
        read_table(other)


def test_a_table_is_written_whole_or_not_at_all(table: Any, tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    write_table(table({}), path)
    with pytest.raises(AnalysisError, match="none called sweep"):
        write_table(pa.table({"x": [1]}), path)
    assert len(read_table(path)) == 1
    with pytest.raises(AnalysisError, match="writable path"):
        write_table(table({}), tmp_path / "no" / "folder.parquet")


def test_unknown_and_missing_columns_are_refused(row: Any) -> None:
    with pytest.raises(AnalysisError, match="unknown fidd"):
        trial_table([{**row(), "fidd": 3.0}])
    with pytest.raises(AnalysisError, match="none for protocol_digest"):
        trial_table([{name: value for name, value in row().items() if name != "protocol_digest"}])


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        ({"width": "four"}, "schema's types"),
        ({"state": "DONE"}, "A state is one of RUNNING, .*got DONE"),
        ({"phase": "warmup"}, "A phase is one of"),
        ({"mode": "copied"}, "A mode is one of"),
    ],
)
def test_a_value_outside_the_schema_is_refused(row: Any, mistake: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AnalysisError, match=complaint):
        trial_table([row(**mistake)])


def test_a_file_with_an_unknown_state_is_refused(table: Any, tmp_path: Path) -> None:
    good = table({})
    at = good.schema.get_field_index("state")
    path = tmp_path / "trials.parquet"
    pq.write_table(good.set_column(at, good.schema.field(at), pa.array(["DONE"])), path)
    with pytest.raises(AnalysisError, match="got DONE"):
        read_table(path)


def test_two_protocols_share_no_axis(table: Any) -> None:
    require_one_protocol(table({}, {}))
    require_one_protocol(table())
    with pytest.raises(AnalysisError, match=r"2: a, b"):
        require_one_protocol(table({"protocol_digest": "b"}, {"protocol_digest": "a"}))


def test_states_are_counted(table: Any) -> None:
    assert state_counts(table({}, {}, {"state": TrialState.LOST})) == {"COMPLETED": 2, "LOST": 1}


@pytest.mark.parametrize("record", ["digits", "digits-seeds", "digits-1500-steps", "digits-wide"])
def test_a_table_of_the_first_version_is_read_with_what_was_not_measured_as_null(record: str, tmp_path: Path) -> None:
    table = read_table(RECORDS / record / "trials.parquet")
    assert table["block"].unique().to_pylist() == ["dcgan"]
    assert table["latent_mse"].null_count == len(table)
    write_table(table, tmp_path / "again.parquet")
    assert read_table(tmp_path / "again.parquet").equals(table)


def test_a_table_of_the_second_version_is_read_with_nothing_more_searched() -> None:
    table = read_table(RECORDS / "shapes" / "trials.parquet")
    assert table["settings"].null_count == len(table) > 0


def test_settings_are_what_was_searched_beyond_the_columns(row: Any) -> None:
    assert settings_of(row(settings=None)) == {}
    assert settings_of(row(settings='{"optimiser.learning_rate": 0.01}')) == {"optimiser.learning_rate": 0.01}
