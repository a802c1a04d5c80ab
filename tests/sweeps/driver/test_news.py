"""What MLflow shows of a sweep under way: when it comes, when it ends, and that nothing rests on it."""

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, get_native_id
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from rich.console import Console

import sweeps
from cluster import ClusterError
from gan import default_data_root
from sweeps.display import LineDisplay, QuietDisplay
from sweeps.driver import news, runner
from sweeps.driver.open_sweep import OpenSweep
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tags import NOTE, STATE
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.logged_models import log_student
from sweeps.models.run_inputs import state_inputs
from sweeps.site.site import ThisMachine


class Sweep:
    """All that news ask of an OpenSweep."""

    spec = SimpleNamespace(name="s")

    def __init__(self, show: Callable[[Callable[[], bool]], None]) -> None:
        self.show_news = show


@pytest.fixture
def data_dir(finished: Any, tmp_path: Path) -> Path:
    return shutil.copytree(finished.data_dir, tmp_path / "data")


def opened(finished: Any, data_dir: Path) -> OpenSweep:
    workspace = Workspace.existing(data_dir)
    tracking, site = Tracking(workspace.store), ThisMachine(workspace, default_data_root(), num_cpus=1)
    return runner.open_sweep(finished.spec, workspace, tracking=tracking, display=QuietDisplay(), site=site)


def refused(*_: Any, **__: Any) -> None:
    raise MlflowException("Permission denied", PERMISSION_DENIED)


def test_they_come_when_trials_have_ended_whatever_the_store_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(news, "PAUSE_S", 0.02)
    ended, shown, waited = [0], list[int](), Event()
    errors = [MlflowException("away"), ClusterError("the storage answers", "none", "see to it"), RuntimeError("?")]

    def show(is_over: Callable[[], bool]) -> None:
        shown.append(ended[0])
        waited.set()
        if len(shown) <= len(errors):
            raise errors[len(shown) - 1]

    with news.News([Sweep(show)], lambda: ended[0]):  # type: ignore[list-item]
        for ended[0] in (1, 2, 3, 4):
            assert waited.wait(10)
            waited.clear()
    assert shown == [1, 2, 3, 4], "none without a further trial, and one after a failed one"
    assert capsys.readouterr() == ("", ""), "the terminal has a live view"


def test_what_is_under_way_ends_before_a_report_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "PAUSE_S", 0.02)
    monkeypatch.setattr(news, "PATIENCE_S", 0.0)
    ended, begun, shown = [0], Event(), list[str]()

    def show(is_over: Callable[[], bool]) -> None:
        begun.set()
        while not is_over():
            time.sleep(0.01)
        time.sleep(0.1)
        shown.append("first")

    late = Sweep(lambda is_over: shown.append("second"))
    with news.News([Sweep(show), late], lambda: ended[0]):  # type: ignore[list-item]
        ended[0] = 1
        assert begun.wait(10)
    assert shown == ["first"]


def test_one_thread_draws_the_news_of_all_sweeps_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib keeps the fonts of each thread that drew open, about 15 MiB, and a notebook runs many sweeps."""
    monkeypatch.setattr(news, "PAUSE_S", 0.02)
    threads, shown = set[int](), Event()

    def show(is_over: Callable[[], bool]) -> None:
        threads.add(get_native_id())
        shown.set()

    for _ in range(3):
        ended = [0]
        with news.News([Sweep(show)], lambda ended=ended: ended[0]):  # type: ignore[list-item, misc]
            ended[0] = 1
            assert shown.wait(10)
            shown.clear()
    assert len(threads) == 1


def test_what_was_read_too_late_is_not_shown(finished: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = opened(finished, data_dir)
    client = sweep.basis.tracking.client
    with monkeypatch.context() as patch:
        patch.setattr("sweeps.driver.open_sweep.show_answer", lambda *_, **__: pytest.fail("it is over"))
        sweep.show_news(lambda: True)
    client.delete_tag(sweep.parent_run_id, NOTE)
    sweep.show_news(lambda: False)
    assert NOTE in client.get_run(sweep.parent_run_id).data.tags


def test_a_data_set_and_a_student_are_there_where_models_are_refused(
    finished: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MlflowClient, "get_logged_model", refused)
    monkeypatch.setattr(MlflowClient, "create_logged_model", refused)
    sweep = opened(finished, data_dir)
    tracking, client = sweep.basis.tracking, sweep.basis.tracking.client
    run_id = tracking.open_sweep("fresh", {}).info.run_id
    state_inputs(tracking, client.get_run(run_id), spec=sweep.spec, foundation=sweep.basis.foundation)
    inputs = client.get_run(run_id).inputs
    assert ([each.dataset.name for each in inputs.dataset_inputs], inputs.model_inputs) == (["digits"], [])
    row = finished.result.report.frontier.to_pylist()[0]
    version = tracking.registry.find_version("tiny-students", row["trial_key"])
    assert version is not None
    log_student(tracking, version, row=row)


def test_whoever_interrupts_what_is_shown_first_leaves_no_run_open(
    finished: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "state_question", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweeps.run_sweep(finished.spec, data_dir, workers=1)
    run = find_sweep(Tracking(Workspace.existing(data_dir).store), "tiny")
    assert (run.info.status, run.data.tags[STATE]) == ("KILLED", "INTERRUPTED")


def test_a_sweep_goes_on_where_mlflow_refuses_what_is_only_shown(
    finished: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "get_experiment", refused)
        patch.setattr(MlflowClient, "log_inputs", refused)
        result = sweeps.run_sweep(
            finished.spec, data_dir, workers=1, display=LineDisplay(Console(file=said, width=200))
        )
    assert result.table.equals(finished.result.table)
    assert "MLflow's page shows less than it could: Permission denied" in said.getvalue()
    run = find_sweep(Tracking(Workspace.existing(data_dir).store), "tiny")
    assert (run.info.status, run.data.tags[STATE]) == ("FINISHED", "COMPLETED")
