"""`ganlimit compare`: which sweeps a name stands for, and that they are read as every other command reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis import example_measurements, write_measurements
from sweeps.ledger.tags import GROUP
from sweeps.results.reading import read_trials
from sweeps.results.run_cache import CACHE_FILE
from sweeps.results.versus import versus_of


@pytest.fixture
def pair(new_sweep: Any) -> list[Any]:
    """Two sweeps that one file began, each with a finished student."""
    found = [new_sweep(dataset="digits"), new_sweep(dataset="digits")]
    for number, sweep in enumerate(found):
        folder = sweep.begin(deliver=False)
        sweep.report(folder, 4.0, 10.0 + number, deliver=False)
        sweep.end(folder)
        sweep.tracking.client.set_tag(sweep.parent_run_id, GROUP, f"file-of-{found[0].name}")
    return found


def test_a_file_that_began_several_sweeps_is_no_side_of_a_comparison(ganlimit: Any, pair: list[Any]) -> None:
    one, two = pair
    answer = ganlimit("compare", one.name, f"file-of-{one.name}", "--data-dir", one.workspace.root)
    assert answer.code == 2
    assert f"'file-of-{one.name}', which began {one.name}, {two.name}" in " ".join(answer.stderr.split())


def test_a_file_that_began_one_sweep_stands_for_it(ganlimit: Any, pair: list[Any]) -> None:
    one, two = pair
    two.tracking.client.set_tag(two.parent_run_id, GROUP, f"alone-{two.name}")
    by_file = ganlimit("compare", one.name, f"alone-{two.name}", "--json", "--data-dir", one.workspace.root)
    by_name = ganlimit("compare", one.name, two.name, "--json", "--data-dir", one.workspace.root)
    assert by_file.code == 0, by_file.stderr
    assert json.loads(by_file.stdout) == json.loads(by_name.stdout)
    assert json.loads(by_name.stdout)["b"]["name"] == two.name


def test_settled_trials_are_kept_for_the_next_reading(pair: list[Any]) -> None:
    one, two = pair
    versus_of(one.tracking, one.workspace, a=one.name, b=two.name, objectives=("parameters", "fid"))
    assert all((sweep.workspace.sweep(sweep.name) / CACHE_FILE).is_file() for sweep in pair)


def costs_of(sweep: Any, machine: str, path: Path) -> Path:
    """A file of what the sweep's only student costs."""
    (row,) = read_trials(sweep.tracking, sweep.workspace, name=sweep.name).table.to_pylist()
    known = {"trial_key": row["trial_key"], "parameters": row["parameters"], "measurement_digest": machine}
    write_measurements(example_measurements({**known, "file_bytes": 20_000}), path)
    return path


def test_sweeps_are_compared_in_bytes_by_what_was_measured(ganlimit: Any, pair: list[Any], tmp_path: Path) -> None:
    one, two = pair
    ours, theirs, elsewhere = (
        costs_of(sweep, machine, tmp_path / f"{machine}-{sweep.name}.parquet")
        for sweep, machine in ((one, "m"), (two, "m"), (two, "n"))
    )

    def compared(*files: Path) -> Any:
        options = [word for file in files for word in ("--measurements", file)]
        place = ("--json", "--data-dir", one.workspace.root)
        return ganlimit("compare", one.name, two.name, "--cost", "file_bytes", *options, *place)

    found = json.loads(compared(ours, theirs).stdout)
    assert [side["front"] for side in (found["a"], found["b"])] == [[[20_000.0, 10.0]], [[20_000.0, 11.0]]]
    for files, said in [
        ((), "A cost on an axis is a column of the table, got none called file_bytes"),
        ((ours,), f"got none of {two.name}"),
        ((ours, elsewhere), "got 2 measurement digests: m, n"),
        ((tmp_path / "none.parquet",), "Measurements are a readable, undamaged Parquet file"),
    ]:
        answer = compared(*files)
        assert answer.code == 2
        error = json.loads(answer.stdout)["error"]
        assert said in f"{error['rule']}, got {error['value']}"
