"""A sweep for the limit in bytes as a person runs it, from the specification to what fresh seeds confirm."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import sweeps
from analysis import Phase
from tests.sweeps.sweep_process import Sweep
from tests.waiting import wait_until

IN_BYTES = {
    "sampler": "limit",
    "trials": 10,
    "objectives": ["weight_bytes", "fid"],
    "space": {
        "width": {"type": "int", "low": 1, "high": 4},
        "depth": 1,
        "gan_weight": 0.0,
        "student": {"bits": {"type": "choice", "values": [32, 4]}},
    },
}
CONFIRMED: dict[str, Any] = {
    "name": "in-bytes",
    "phases": ["search", "confirm"],
    "confirm": {"seeds": 2, "around": 1, "precision": 1.2, "most_seeds": 3},
    "limit": {"metric": "fid", "tolerance": 3.0},
}


@pytest.fixture
def spec_of_bytes(tiny: dict[str, Any]) -> dict[str, Any]:
    tiny |= CONFIRMED
    tiny["search"] = IN_BYTES
    return tiny


def rows_of(sweep: Sweep) -> dict[str, dict[str, Any]]:
    table = sweeps.sweep_table(sweep.tracking, sweep.name)
    circumstances = ["sweep", "run_id", "wall_s", "latency_ms"]
    return {row["trial_key"]: row for row in table.drop_columns(circumstances).to_pylist()}


def test_from_the_specification_to_the_confirmed_limit(
    finished: Any, spec_of_bytes: dict[str, Any], spec_file: Any, tmp_path: Path, ganlimit: Any
) -> None:
    data_dir, path = Path(shutil.copytree(finished.data_dir, tmp_path / "data")), spec_file(spec_of_bytes)
    planned = ganlimit("sweep", "plan", path, "--data-dir", data_dir)
    assert planned.code == 0, planned.stderr
    assert "bytes" in planned.stdout
    ran = ganlimit("sweep", "run", path, "--data-dir", data_dir, "--workers", "1")
    assert ran.code == 0, ran.stderr
    assert "limit of the space in bytes" in ran.stderr, "while it runs"
    assert "confirm: " in ran.stderr
    assert "the interval in bytes is" in ran.stderr or "beyond the sizes that were tried" in ran.stderr
    assert ran.stdout.index("On digits the smallest store of weights") == ran.stdout.index("On digits"), (
        "it comes first"
    )
    report = json.loads(ganlimit("report", "in-bytes", "--data-dir", data_dir, "--json").stdout)
    assert report["bytes_limit"]["confirmed"]
    assert report["bytes_limit"]["interval"] is not None
    assert report["space_limit"]["cost"] == "weight_bytes"
    status = json.loads(ganlimit("sweep", "status", "in-bytes", "--data-dir", data_dir, "--json").stdout)
    assert status["space_limit"] == report["space_limit"] | {
        "expected_trainings": status["space_limit"]["expected_trainings"]
    }
    assert status["frontier"][0].keys() == {"weight_bytes", "fid"}
    shown = ganlimit("sweep", "status", "in-bytes", "--data-dir", data_dir).stdout
    assert "bytes" in shown
    assert "limit of the space in bytes" in shown


@pytest.mark.soak
def test_one_that_is_killed_in_search_and_in_confirmation_has_the_same_rows(
    finished: Any, spec_of_bytes: dict[str, Any], tmp_path: Path
) -> None:
    undisturbed, killed = (_sweep_in(tmp_path / name, finished, spec_of_bytes) for name in ("undisturbed", "killed"))
    undisturbed.go_on()
    whole = rows_of(undisturbed)
    searched = sum(row["phase"] == Phase.SEARCH for row in whole.values())
    for ended in (5, searched + 2):
        process = killed.start("--workers", "1")
        wait_until(lambda process=process, ended=ended: _has_ended(killed, ended) or process.poll() is not None)
        time.sleep(0.2)
        process.kill()
        process.communicate()
    killed.go_on()
    assert rows_of(killed) == whole


def _sweep_in(folder: Path, finished: Any, spec: dict[str, Any]) -> Sweep:
    folder.mkdir()
    sweep = Sweep(dict(spec), folder).with_models_of(finished)
    sweep.spec_path.write_text(yaml.safe_dump(spec | {"name": sweep.name}))
    return sweep


def _has_ended(sweep: Sweep, trials: int) -> bool:
    return sweep.states()["COMPLETED"] >= trials
