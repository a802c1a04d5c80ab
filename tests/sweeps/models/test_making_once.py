"""A model is made once in a data directory, whoever wants it at the same time, and a killed maker leaves no trace."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from sweeps.ledger.lock import at_work as work
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.tags import DRIVER, KIND
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.waiting import PATIENCE_S, wait_until


@contextmanager
def maker(spec: Path, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that makes a teacher, which is killed at the end of the block where it has not ended."""
    command = [sys.executable, "-m", "sweeps.cli", "teacher", "train", str(spec), "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def makings(data_dir: Path) -> list[Run]:
    tracking = Tracking(Workspace.existing(data_dir).store)
    return list(tracking.client.search_runs([tracking.experiments.models]))


def statuses(data_dir: Path) -> Counter[tuple[str, str]]:
    return Counter((run.info.run_name, run.info.status) for run in makings(data_dir))


def at_work(data_dir: Path) -> list[Path]:
    return list((data_dir / "sweeps").glob(".at-work-*"))


def trained_for(kimg: int, tiny: dict[str, Any], spec_file: Any) -> Path:
    tiny["teacher"]["training"]["kimg"] = kimg
    written: Path = spec_file(tiny)
    return written


def test_who_wants_what_another_makes_waits_for_it(tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with maker(trained_for(6000, tiny, spec_file), data_dir):
        wait_until(lambda: (data_dir / "mlflow.db").is_file() and ("digits-teacher", "RUNNING") in statuses(data_dir))
    (left,) = at_work(data_dir)
    os.utime(left, (0, 0))

    tiny["extractor"]["epochs"] = 4
    spec = trained_for(6, tiny, spec_file)
    with maker(spec, data_dir) as one, maker(spec, data_dir) as other:
        said = [process.communicate(timeout=PATIENCE_S)[1] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), said
    expected = {
        ("digits-classifier", "FINISHED"): 2,
        ("digits-teacher", "FINISHED"): 1,
        ("digits-teacher", "RUNNING"): 1,
    }
    assert statuses(data_dir) == expected, "a training of another identity is another's"
    assert any("is made by another process of this data directory: waiting for it" in text for text in said)
    assert not at_work(data_dir), "the folder of the one that was killed is gone as well"

    tiny["extractor"]["epochs"] = 3
    with maker(trained_for(6000, tiny, spec_file), data_dir):
        wait_until(lambda: statuses(data_dir)["digits-teacher", "KILLED"] == 1)
        wait_until(lambda: statuses(data_dir)["digits-teacher", "RUNNING"] == 1)
    assert all((DRIVER in run.data.tags) == (run.info.status == "RUNNING") for run in makings(data_dir))


def test_the_folder_of_one_at_work_stays_however_old_it_is(tmp_path: Path) -> None:
    with work(tmp_path):
        (mine,) = at_work(tmp_path)
        os.utime(mine, (0, 0))
        with work(tmp_path):
            assert mine in at_work(tmp_path)
    assert not at_work(tmp_path)


def test_the_run_of_a_maker_that_lives_goes_on(tmp_path: Path) -> None:
    tracking, tags = Tracking(Workspace.open(tmp_path).store), {KIND: "teacher"}
    with model_run(tracking, "a-teacher", tags=tags) as first, model_run(tracking, "a-teacher", tags=tags):
        assert tracking.client.get_run(first).info.status == "RUNNING"
