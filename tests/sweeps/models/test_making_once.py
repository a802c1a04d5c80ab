"""A model is made once in a data directory, whoever wants it at the same time, and a killed maker leaves no trace."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from sweeps.ledger.tags import DRIVER
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.waiting import PATIENCE_S, wait_until


def maker(spec: Path, data_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sweeps.cli", "teacher", "train", str(spec), "--data-dir", str(data_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def makings(data_dir: Path) -> list[Run]:
    tracking = Tracking(Workspace.existing(data_dir).store)
    return list(tracking.client.search_runs([tracking.experiments.models]))


def statuses(data_dir: Path) -> Counter[tuple[str, str]]:
    return Counter((run.info.run_name, run.info.status) for run in makings(data_dir))


def at_work(data_dir: Path) -> list[Path]:
    return list((data_dir / "sweeps").glob(".at-work-*"))


def test_who_wants_what_another_makes_waits_for_it(tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
    tiny["teacher"]["training"]["kimg"] = 6000
    spec, data_dir = spec_file(tiny), tmp_path / "data"
    killed = maker(spec, data_dir)
    wait_until(lambda: (data_dir / "mlflow.db").is_file() and ("digits-teacher", "RUNNING") in statuses(data_dir))
    killed.kill()
    killed.communicate()
    tiny["teacher"]["training"]["kimg"] = 6
    tiny["extractor"]["epochs"] = 4
    (left,) = at_work(data_dir)
    os.utime(left, (0, 0))
    makers = [maker(spec_file(tiny), data_dir) for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE_S)[1] for process in makers]
    assert [process.returncode for process in makers] == [0, 0], said
    expected = {
        ("digits-classifier", "FINISHED"): 2,
        ("digits-teacher", "FINISHED"): 1,
        ("digits-teacher", "RUNNING"): 1,
    }
    assert statuses(data_dir) == expected, "a training of another identity is another's"
    assert sum("is made by another process of this data directory: waiting for it" in text for text in said) == 1

    assert not at_work(data_dir), "the folder of the one that was killed is gone as well"

    tiny["teacher"]["training"]["kimg"] = 6000
    tiny["extractor"]["epochs"] = 3
    again = maker(spec_file(tiny), data_dir)
    wait_until(lambda: statuses(data_dir)["digits-teacher", "KILLED"] == 1)
    again.kill()
    again.communicate()
    assert statuses(data_dir)["digits-teacher", "RUNNING"] == 1, "of the one killed last"
    assert all((DRIVER in run.data.tags) == (run.info.status != "FINISHED") for run in makings(data_dir))
