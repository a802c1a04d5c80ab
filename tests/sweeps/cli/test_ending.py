"""What a scheduler, `timeout`, Kubernetes and systemd send ends a driver in order, whatever it does at the time."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.store import MODELS_EXPERIMENT
from sweeps.ledger.tags import KIND
from tests.sweeps.sweep_process import Sweep, running
from tests.waiting import PATIENCE_S, wait_until


def ended_by_sigterm(process: subprocess.Popen[str]) -> str:
    """What a driver says on stderr that is told to end as `timeout` and systemd do it: its Ray as well, and twice."""
    for _ in range(2):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        time.sleep(0.2)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143, errors
    return errors


def test_trials_keep_their_last_rung(finished: Any, tiny: dict[str, Any], tmp_path: Path) -> None:
    """From which the same command goes on: tests/sweeps/driver/test_faults.py does so."""
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 12, [4, 8]
    sweep = Sweep(tiny, tmp_path, trials=1).with_models_of(finished)
    process = sweep.start(own_group=True)
    wait_until(lambda: any(record.metrics.get("kimg", 0) >= 4 for record in running(sweep)))
    again = f"so does, once a trial has begun: ganlimit sweep resume {sweep.name}"
    assert ended_by_sigterm(process) == f"Stopped. The same command again goes on from here; {again}\n"
    (folder,) = MountedTrials(sweep.trials).folders()
    checkpoint = folder.checkpoint()
    assert checkpoint is not None
    assert checkpoint.kimg >= 4
    assert sweep.states() == {"INTERRUPTED": 1}
    assert {run.info.status for run in sweep.runs()} == {"KILLED"}
    assert sweep.tracking.find_sweep(sweep.name).info.status == "KILLED"


def test_a_teacher_in_training_before_ray_starts_is_told_of_and_leaves_a_closed_run(
    ganlimit: Any, finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["teacher"]["training"]["kimg"] = 6000
    sweep = Sweep(tiny, tmp_path, trials=1).with_models_of(finished)

    def training() -> list[Any]:
        client = sweep.tracking.client
        experiment = client.get_experiment_by_name(MODELS_EXPERIMENT)
        return list(client.search_runs([experiment.experiment_id], f"tags.`{KIND}` = 'teacher'"))

    before = {run.info.run_id for run in training()}
    process = sweep.start(own_group=True)
    wait_until(lambda: len(training()) > len(before))
    where = ("sweep", "status", sweep.name, "--data-dir", sweep.data_dir)
    told = ganlimit(*where)
    assert told.code == 0, told.stderr
    assert "its models are being made, no trial has begun" in told.stdout
    assert "makes its models" in ganlimit("sweep", "list", "--data-dir", sweep.data_dir).stdout
    as_json = json.loads(ganlimit(*where, "--json").stdout)
    of_tiny = ganlimit("sweep", "status", "tiny", "--json", "--data-dir", finished.data_dir)
    assert as_json.keys() == json.loads(of_tiny.stdout).keys()
    assert (as_json["status"], as_json["trials"]) == ("RUNNING", {})
    assert ended_by_sigterm(process).endswith(f"ganlimit sweep resume {sweep.name}\n")
    (run,) = (run for run in training() if run.info.run_id not in before)
    assert run.info.status == "KILLED"
    assert sweep.tracking.find_sweep(sweep.name) is None
