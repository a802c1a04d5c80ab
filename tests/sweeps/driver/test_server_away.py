"""The tracking server goes away while trials run."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import tracking_server
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.tags import KIND, PARENT, STATE
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.sweeps.sweep_process import GRID, Sweep, running, worker_of
from tests.waiting import PATIENCE_S, wait_until


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sweep(tiny: dict[str, Any], tmp_path: Path, port: int) -> Sweep:
    tiny["extractor"]["epochs"], tiny["teacher"]["training"]["kimg"] = 1, 1  # models of any quality
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 40, [5, 10, 15, 20, 25, 30, 35]
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=GRID | {"gan_weight": 0.0, "depth": 1}, trials=4)
    sweep.environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port}"
    return sweep


def server(sweep: Sweep, port: int) -> Any:
    folder = sweep.spec_path.parent
    store = f"sqlite:///{folder / 'server.db'}"
    return tracking_server(store, (folder / "served").as_uri(), port=port)


@contextmanager
def paused(sweep: Sweep) -> Iterator[None]:
    """No trial goes on, so that none ends while a server starts or stops."""
    workers = [worker_of(record) for record in running(sweep)]
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def reported(sweep: Sweep) -> int:
    """How many measurements the trials have made."""
    return sum(len(folder.reported()) for folder in MountedTrials(sweep.trials).folders())


def stored(sweep: Sweep, port: int) -> int:
    """How many of them the server has."""
    tracking = Tracking(Workspace(sweep.data_dir, f"http://127.0.0.1:{port}").store)
    parent = tracking.find_sweep(sweep.name)
    assert parent is not None
    runs = [run.info.run_id for run in tracking.each_trial(parent.info.run_id)]
    return sum(len(tracking.client.get_metric_history(run_id, "kimg")) for run_id in runs)


def check_the_store(sweep: Sweep, port: int) -> None:
    tracking = Tracking(Workspace(sweep.data_dir, f"http://127.0.0.1:{port}").store)
    parent = tracking.find_sweep(sweep.name)
    assert parent is not None
    runs = list(tracking.each_trial(parent.info.run_id))
    assert len(runs) == 4
    for run in runs:
        assert run.data.tags[STATE] == "COMPLETED"
        assert run.data.tags[PARENT] == parent.info.run_id
        assert run.data.tags[KIND] == "trial"
        history = tracking.client.get_metric_history(run.info.run_id, "kimg")
        assert [round(metric.value / 5) for metric in history] == [1, 2, 3, 4, 5, 6, 7, 8], "once each, in order"
        assert tracking.registry.model_folder(run.info.run_id) is not None, "its student is there as well"


@pytest.mark.usefixtures("without_figures")
def test_what_it_missed_is_brought_when_it_is_back_and_by_sync_where_it_stays_away(
    ganlimit: Any, sweep: Sweep, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as up:
        up.enter_context(server(sweep, port))
        process = sweep.start("--workers", "1")
        wait_until(lambda: any(record.metrics.get("kimg", 0) >= 5 for record in running(sweep)))
        with paused(sweep):
            up.close()
    before = reported(sweep)
    wait_until(lambda: reported(sweep) > before + 2)
    with ExitStack() as back:
        with paused(sweep):
            back.enter_context(server(sweep, port))
            missed = reported(sweep)
        wait_until(lambda: stored(sweep, port) >= missed, every_s=0.5)

    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3, errors
    assert f"ganlimit sweep sync {sweep.name}" in errors
    assert "Traceback" not in errors
    said = re.search(r"no answer for (\d+) trials?,", " ".join(errors.split()))
    assert said, errors
    lacking = int(said[1])
    assert lacking > 1, "a trial may have ended while the server was back, others went on without it"
    assert sweep.states() == {"COMPLETED": 4}, "the work is done"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sweep.environment["MLFLOW_TRACKING_URI"])
    sync = ("sweep", "sync", sweep.name, "--data-dir", sweep.data_dir)
    away = ganlimit(*sync)
    assert away.code == 2
    assert "reachable" in away.stderr
    with server(sweep, port):
        for count in (lacking, 0):
            mended = ganlimit(*sync)
            assert mended.code == 0, mended.stderr
            assert f"of {count} trial" in mended.stdout
        check_the_store(sweep, port)
        tracking = Tracking(Workspace(sweep.data_dir, f"http://127.0.0.1:{port}").store)
        parent = tracking.find_sweep(sweep.name)
        assert parent is not None
        assert parent.info.status == "FINISHED"
        assert tracking.registry.champion(f"{sweep.name}-students"), "its students are registered as well"
