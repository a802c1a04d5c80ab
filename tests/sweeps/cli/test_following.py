"""`sweep status --follow` writes for a file or a pipe when something has changed, and for a terminal what fits it."""

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweeps.cli import standing
from sweeps.cli.status_view import StatusView
from sweeps.display import Fitted
from sweeps.ledger.lock import Driver, sole_driver
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.status import Running, SweepStatus, sweep_status

DRIVER = Driver(1, "here", began="2026-01-31T12:00:00")
STUDENT = {"width": 2, "depth": 1, "first_layer_rank": None, "stage_widths": None, "parameters": 1234}


@pytest.fixture
def status(finished: Any) -> SweepStatus:
    return sweep_status(finished.tracking, Workspace.existing(finished.data_dir), name="tiny")


@pytest.fixture
def follow(status: SweepStatus, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Follows a sweep that is looked at six times, and has changed at the fourth; the sixth time it has ended."""
    monkeypatch.setattr(standing, "FOLLOW_EVERY_S", 0.0)
    begun = replace(status, driver=DRIVER, counts={"search": {"COMPLETED": 2}})
    looks = [begun] * 3 + [replace(status, driver=DRIVER)] * 2 + [status]

    def run(**options: Any) -> None:
        each: Iterator[SweepStatus] = iter(looks)
        standing._follow(lambda: [StatusView(next(each))], **options)
        assert next(each, None) is None

    return run


def test_a_pipe_gets_a_line_when_something_has_changed(follow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    follow(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", baseline")[0].replace(str(DRIVER), "D") for line in lines] == [
        "tiny (running, D): search 2 of 4 trials",
        "tiny (running, D): search 4 of 4 trials",
        "tiny (finished): search 4 of 4 trials",
    ]


def test_a_script_gets_json_when_something_has_changed(follow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    follow(as_json=True)
    text, found, decoder = capsys.readouterr().out.strip(), [], json.JSONDecoder()
    while text:
        value, end = decoder.raw_decode(text)
        found.append((value["trials"]["search"], value["driver"]))
        text = text[end:].strip()
    assert found == [({"COMPLETED": 2}, str(DRIVER)), ({"COMPLETED": 4}, str(DRIVER)), ({"COMPLETED": 4}, None)]


def test_a_terminal_is_drawn_over(follow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    monkeypatch.setattr(standing, "console", lambda: console)
    follow(as_json=False)
    assert "tiny: finished" in console.file.getvalue()
    assert "\x1b[1A" in console.file.getvalue()


def test_a_sweep_with_many_workers_and_students_fits(status: SweepStatus) -> None:
    running = [
        Running(trial=number, phase="search", kimg=1.0, budget_kimg=4.0, fid=None, **STUDENT) for number in range(64)
    ]
    front = [(100.0 * number, 500.0 / number) for number in range(1, 40)]
    view = StatusView(replace(status, driver=DRIVER, running=running, front=front))
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24, color_system=None)
    console.print(Fitted(view.blocks()))
    lines = file.getvalue().splitlines()
    assert len(lines) <= 23
    assert sum("more" in line for line in lines) == 2
    console.print(view.render())
    assert len(file.getvalue().splitlines()) - len(lines) > 100, "a person who asks once is shown all"


def test_sweeps_of_one_file_are_known_by_its_name_while_their_models_are_made(
    ganlimit: Any, finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = Path(shutil.copytree(finished.data_dir, tmp_path / "data"))
    workspace, names = Workspace.existing(data_dir), ("both-digits", "both-shapes")
    with ExitStack() as drivers:
        for name in names:
            drivers.enter_context(sole_driver(workspace.sweep(name), name, group="both"))
        told = ganlimit("sweep", "status", "both", "--data-dir", data_dir)
        assert told.code == 0, told.stderr
        assert all(name in told.stdout for name in names)
        listed = json.loads(ganlimit("sweep", "status", "both", "--json", "--data-dir", data_dir).stdout)
        assert [each["sweep"] for each in listed] == [*names]
        assert "tiny" in ganlimit("sweep", "status", "tiny", "--data-dir", data_dir).stdout
        uri = f"sqlite:///{tmp_path}/other.db"
        assert ganlimit("sweep", "status", "both", "--data-dir", data_dir, "--tracking-uri", uri).code == 2, "not there"
        stopped: list[str] = []
        monkeypatch.setattr("sweeps.ledger.lock.stop_driver", lambda folder, name: stopped.append(folder.name))
        assert ganlimit("sweep", "stop", "both", "--data-dir", data_dir).code == 0
        assert stopped == ["both-digits"]
    ended = ganlimit("sweep", "status", names[0], "--data-dir", data_dir)
    assert ended.code == 2
    assert "or run the sweep again" in " ".join(ended.stderr.split())


def test_a_deleted_run_is_no_preparation(ganlimit: Any, finished: Any, tmp_path: Path) -> None:
    data_dir = Path(shutil.copytree(finished.data_dir, tmp_path / "data"))
    workspace = Workspace.existing(data_dir)
    tracking = Tracking(workspace.store)
    parent = tracking.find_sweep("tiny")
    assert parent is not None
    tracking.client.delete_run(parent.info.run_id)
    for driven in (False, True):
        with sole_driver(workspace.sweep("tiny"), "tiny") if driven else nullcontext():
            told = ganlimit("sweep", "status", "tiny", "--data-dir", data_dir)
        assert told.code == 2
        assert "Restore it on MLflow's page" in " ".join(told.stderr.split())
