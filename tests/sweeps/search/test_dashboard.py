"""Optuna's own dashboard opens the study of a sweep."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_S


@pytest.fixture
def dashboard(finished: Any) -> Iterator[str]:
    """The address of a dashboard on the tiny sweep's study, as docs/sweeps.md starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    study = finished.data_dir / "sweeps" / "tiny" / "study.journal"
    command = [Path(sys.executable).with_name("optuna-dashboard"), study, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def fetch(address: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "the dashboard does not answer"
            time.sleep(0.2)


def test_it_shows_the_study_with_its_trials_objectives_and_parameters(finished: Any, dashboard: str) -> None:
    (summary,) = fetch(f"{dashboard}/api/studies")["study_summaries"]
    assert summary["study_name"] == "tiny"
    assert summary["directions"] == ["minimize", "minimize"]
    study = fetch(f"{dashboard}/api/studies/{summary['study_id']}")
    assert study["objective_names"] == ["parameters", "fid"]
    searched = [row for row in finished.result.table.to_pylist() if row["phase"] == "search"]
    completed = [trial for trial in study["trials"] if trial["state"] == "Complete"]
    assert {tuple(trial["values"]) for trial in completed} == {(row["parameters"], row["fid"]) for row in searched}
    assert {parameter["name"] for parameter in completed[0]["params"]} == {"width", "depth", "gan_weight"}
    assert study["user_attrs"] == [
        {"key": "data set", "value": "digits"},
        {"key": "sampler", "value": "nsgaii"},
        {"key": "seed", "value": "0"},
    ]
    numbers = {
        tuple(trial["values"]): int(attribute["value"]) for trial in completed for attribute in trial["user_attrs"]
    }
    assert numbers == {(row["parameters"], row["fid"]): row["trial"] for row in searched}
