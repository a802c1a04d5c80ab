"""What `sweep stop` says of going on: by the sweep's name alone once a trial has begun."""

from pathlib import Path
from typing import Any

import pytest

import sweeps.ledger.lock
from sweeps.ledger.lock import Driver
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


@pytest.mark.parametrize(
    ("has_begun", "said"),
    [
        (True, "Go on with: ganlimit sweep resume mine\n"),
        (False, "Go on by the same command: no trial had begun\n"),
    ],
)
def test_it_names_the_command_that_goes_on(
    ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_begun: bool, said: str
) -> None:
    tracking = Tracking(Workspace.open(tmp_path).store)
    monkeypatch.setattr(Workspace, "driven", lambda self, name: {name: Driver(1, "here", began="now")})
    monkeypatch.setattr(sweeps.ledger.lock, "stop_driver", lambda folder, name: "process 1")
    if has_begun:
        tracking.open_sweep("mine", {})
    answer = ganlimit("sweep", "stop", "mine", "--data-dir", tmp_path)
    assert answer.code == 0
    assert (answer.stdout + answer.stderr).endswith(said)
