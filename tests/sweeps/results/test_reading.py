"""Reading runs again gives what reading all of them anew gives, whatever happened to them in between."""

import json
import random
import sqlite3
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sweeps.ledger.records import stored_records
from sweeps.ledger.tags import COMMON, common_columns, common_tags
from sweeps.results import run_cache
from sweeps.results.reading import StoredTrials, read_trials
from sweeps.results.run_cache import CACHE_FILE, RunCache
from sweeps.results.table import sweep_table
from tests.sweeps.trial_histories import Life, as_text, purge


@pytest.fixture
def sweep(new_sweep: Any) -> Any:
    return new_sweep()


def read(sweep: Any, slack_s: float = 0.0) -> StoredTrials:
    return read_trials(sweep.tracking, sweep.workspace, name=sweep.name, slack_s=slack_s)


def check(sweep: Any, slack_s: float = 0.0) -> StoredTrials:
    """Read, and compare with what reading all anew gives."""
    found, anew = read(sweep, slack_s), sweep_table(sweep.tracking, sweep.name)
    assert repr(found.table.to_pylist()) == repr(anew.to_pylist())  # in which NaN is itself
    assert found.table.schema.equals(anew.schema, check_metadata=True)
    records = stored_records(sweep.tracking, sweep.parent_run_id)
    running = {key: record for key, record in records.items() if record.state == "RUNNING"}
    assert as_text(found.running) == as_text(running)
    return found


def cache_of(sweep: Any) -> Any:
    return sweep.workspace.sweep(sweep.name) / CACHE_FILE


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_a_reading_gives_what_reading_all_anew_gives(sweep: Any, new_sweep: Any, seed: int) -> None:
    rng = random.Random(seed)
    life = Life(sweep, new_sweep(), rng)
    sweep.finished(6)
    check(sweep)
    assert pq.read_metadata(cache_of(sweep)).num_rows >= 4, "from now on something comes from the cache"
    for _ in range(12):
        for _ in range(rng.choice([1, 2, 5])):
            life.happen()
        check(sweep, slack_s=rng.choice([0.0, 0.0, 0.5]))


def test_a_trial_taken_from_another_sweep_that_runs_again_there(sweep: Any, new_sweep: Any) -> None:
    other = new_sweep()
    (run_id,) = other.finished(1)
    sweep.tracking.share(run_id, sweep.parent_run_id, trial="7", phase="search")
    assert check(sweep).table["state"].to_pylist() == ["COMPLETED"]
    other.open(other.folders[0], 1)
    found = check(sweep)
    assert [record.run_id for record in found.running.values()] == [run_id]
    assert found.table["state"].to_pylist() == ["RUNNING"]


def test_the_cache_keeps_no_password() -> None:
    def source(uri: str) -> str:
        return run_cache.source_of(uri, "p" * 32, shared={})

    assert "secret" not in source("postgresql://ada:secret@store/mlflow")
    assert source("postgresql://ada:secret@store/mlflow") != source("postgresql://ada:other@store/mlflow")


class TestWhatIsFetched:
    """Only the runs that may have changed since the last reading."""

    def test_settled_runs_are_fetched_once(self, sweep: Any, fetched: list[str]) -> None:
        ids = sweep.finished(7)
        table = read(sweep).table
        assert sorted(fetched) == sorted(ids)
        fetched.clear()
        assert read(sweep).table.equals(table)
        failed, lost, newest = ids[4:]
        assert sorted(fetched) == sorted([failed, lost, newest])

    def test_what_ran_and_what_is_new(self, sweep: Any, fetched: list[str]) -> None:
        begun = [sweep.begin(), sweep.begin()]
        sweep.finished(4)
        read(sweep)
        sweep.end(begun[0])
        (new,) = sweep.finished(1)
        fetched.clear()
        check(sweep)
        assert {new, *(folder.delivered()[1] for folder in begun)} <= set(fetched)
        fetched.clear()
        read(sweep)
        assert set(fetched) == {new, begun[1].delivered()[1]}

    def test_runs_of_the_last_minutes_where_clocks_may_differ(self, sweep: Any, fetched: list[str]) -> None:
        ids = sweep.finished(3)
        read(sweep)
        fetched.clear()
        read(sweep, slack_s=600.0)
        read(sweep, slack_s=600.0)
        assert set(fetched) == set(ids)

    def test_a_settled_run_that_began_again_and_ended_in_between(self, sweep: Any) -> None:
        ids = sweep.finished(4)
        for again in (0, 3, 0):
            read(sweep)
            sweep.open(sweep.folders[again], again + 1)
            sweep.report(sweep.folders[again], 4.0, 2.5)
            sweep.end(sweep.folders[again])
            row = check(sweep).table.slice(again, 1).to_pylist()[0]
            assert (row["run_id"], row["fid"], row["state"]) == (ids[again], 2.5, "COMPLETED")

    def test_a_deleted_run_goes_and_the_others_are_not_fetched_for_it(self, sweep: Any, fetched: list[str]) -> None:
        ids = sweep.finished(4)
        read(sweep)
        sweep.tracking.client.delete_run(ids[1])
        fetched.clear()
        found = read(sweep)
        assert set(fetched) == {ids[1], ids[3]}
        assert found.table["run_id"].to_pylist() == [ids[0], *ids[2:]]
        sweep.tracking.client.restore_run(ids[1])
        assert check(sweep).table["run_id"].to_pylist() == ids


class TestWhatLeavesNoTrace:
    """Seen by the number of runs alone."""

    def test_a_run_removed_for_good(self, sweep: Any) -> None:
        ids = sweep.finished(4)
        read(sweep)
        sweep.tracking.client.delete_run(ids[1])
        purge(sweep, ids[1])
        assert check(sweep).table["run_id"].to_pylist() == [ids[0], *ids[2:]]

    def test_a_node_whose_clock_is_an_hour_slow(self, sweep: Any) -> None:
        sweep.finished(3)
        read(sweep)
        (late,) = sweep.finished(1)
        with sqlite3.connect(sweep.workspace.root / "mlflow.db") as connection:
            connection.execute("UPDATE runs SET start_time = start_time - 3600000 WHERE run_uuid = ?", (late,))
        connection.close()
        assert late in check(sweep).table["run_id"].to_pylist()


def load(sweep: Any) -> tuple[RunCache, str]:
    """The cache of a sweep, and the source it is of."""
    source: str = json.loads(pq.read_metadata(cache_of(sweep)).metadata[b"ganlimit.cache"])["source"]
    return RunCache.load(cache_of(sweep).parent, source), source


class TestCacheFile:
    @pytest.fixture
    def forged(self, sweep: Any) -> Any:
        """A sweep whose cache, sound in itself, says of all trials that they took no time."""
        sweep.finished(5)
        read(sweep)
        cache, source = load(sweep)
        table = cache.table
        field, zeros = table.schema.field("wall_s"), pa.array([0.0] * len(table))
        table = table.set_column(table.column_names.index("wall_s"), field, zeros)
        replace(cache, table=table).save(cache_of(sweep).parent, source)
        assert len(table) >= 3
        return sweep

    def test_is_believed(self, forged: Any) -> None:
        assert pc.sum(pc.equal(read(forged).table["wall_s"], 0.0)).as_py() >= 3

    def test_of_another_version_is_not(self, forged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_cache, "CACHE_VERSION", run_cache.CACHE_VERSION + 1)
        check(forged)

    def test_of_a_sweep_whose_rows_share_something_else_is_not(self, forged: Any) -> None:
        stated = common_columns(forged.tracking.find_sweep(forged.name).data.tags)
        (text,) = common_tags({**stated, "teacher_fid": 2.5}).values()
        forged.tracking.client.set_tag(forged.parent_run_id, COMMON, text)
        assert set(check(forged).table["teacher_fid"].to_pylist()) == {2.5}

    def test_of_a_sweep_that_was_deleted_and_begun_anew_is_not(self, forged: Any) -> None:
        tags = forged.tracking.find_sweep(forged.name).data.tags
        forged.tracking.client.delete_run(forged.parent_run_id)
        forged.parent_run_id = forged.tracking.open_sweep(forged.name, tags).info.run_id
        assert len(check(forged).table) == 0

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"a table\n" * 1000])
    def test_that_is_none_is_replaced(self, sweep: Any, content: bytes) -> None:
        sweep.finished(4)
        cache_of(sweep).write_bytes(content)
        check(sweep)
        assert pq.read_metadata(cache_of(sweep)).num_rows == 3

    def test_that_cannot_be_written_costs_time_alone(self, sweep: Any) -> None:
        sweep.finished(4)
        cache_of(sweep).mkdir()
        check(sweep)
        check(sweep)

    def test_with_a_wrong_byte_is_refused_wherever_that_is(self, sweep: Any) -> None:
        sweep.finished(6)
        read(sweep)
        folder, sound = cache_of(sweep).parent, cache_of(sweep).read_bytes()
        whole, source = load(sweep)
        assert len(whole.table) >= 4
        rng = random.Random(0)
        for place in rng.sample(range(len(sound)), 300):
            damaged = bytearray(sound)
            damaged[place] ^= 1 << rng.randrange(8)
            cache_of(sweep).write_bytes(damaged)
            found = RunCache.load(folder, source)
            assert not len(found.table) or (found.equals(whole) and found.table.equals(whole.table)), place
