"""Ctrl-C on a terminal: the sweep ends, no trial waits for its own end, and the same command goes on."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sweeps.ledger.tags import STATE, TRIAL_KEY
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.waiting import PATIENCE_S


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_ctrl_c_waits_for_no_trial_and_the_same_command_goes_on(
    ganlimit: Any, finished: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")  # with its teacher
    tiny["name"], tiny["student"]["kimg"] = "interrupted", 6
    tiny["search"]["trials"], tiny["baseline"]["of"] = 4, "none"
    command = ("sweep", "run", str(spec_file(tiny)), "--data-dir", str(data_dir))
    leader, terminal = pty.openpty()
    # A session of its own on a terminal: Ctrl-C reaches Ray's processes as well, as it does for a person.
    process = subprocess.Popen(
        [sys.executable, "-m", "sweeps.cli", *command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        cwd=Path.cwd(),
    )
    os.close(terminal)
    tracking = wait_for_a_finished_trial(process, leader, data_dir)
    os.killpg(process.pid, signal.SIGINT)
    drain(leader, process, PATIENCE_S)
    assert process.wait(PATIENCE_S) == 130
    parent = tracking.find_sweep("interrupted").info.run_id
    before = {run.data.tags[TRIAL_KEY]: run for run in tracking.each_trial(parent)}
    states = [run.data.tags[STATE] for run in before.values()]
    assert set(states) == {"COMPLETED", "INTERRUPTED"}
    assert all(run.info.status != "RUNNING" for run in before.values())
    assert tracking.find_sweep("interrupted").info.status == "KILLED"

    result = ganlimit(*command, "--quiet", "--workers", 1)
    assert result.code == 0, result.stderr
    after = {run.data.tags[TRIAL_KEY]: run for run in tracking.each_trial(parent)}
    assert len(after) == 4
    assert all(run.data.tags[STATE] == "COMPLETED" for run in after.values())
    for key, run in before.items():
        assert after[key].info.run_id == run.info.run_id
        if run.data.tags[STATE] == "COMPLETED":
            assert after[key].info.end_time == run.info.end_time, "a finished trial ran again"


def wait_for_a_finished_trial(process: subprocess.Popen[bytes], leader: int, data_dir: Path) -> Any:
    """Until one trial is finished and another runs. Reads the terminal, so that its buffer never fills."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        drain(leader, process, 0.5)
        assert process.poll() is None, "the sweep ended by itself"
        if not (data_dir / "mlflow.db").exists():
            continue
        tracking = Tracking(Workspace.existing(data_dir).store)
        parent = tracking.find_sweep("interrupted")
        statuses = {run.info.status for run in tracking.each_trial(parent.info.run_id)} if parent else set()
        if statuses >= {"FINISHED", "RUNNING"}:
            return tracking
    raise AssertionError("no trial finished in time")


def drain(leader: int, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Read what the process prints, until it is silent for good or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        readable, _, _ = select.select([leader], [], [], 0.2)
        try:
            if readable and not os.read(leader, 65536):
                return
        except OSError:  # Linux says so when the other side is closed
            return
        if process.poll() is not None and not readable:
            return
