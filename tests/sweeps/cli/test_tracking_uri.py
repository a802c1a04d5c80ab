"""Where runs are is said by an option, whatever the environment says, and for the one command alone."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from cluster import tracking_server
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.cluster.servers import free_port
from tests.sweeps.ledger.test_infinity import check_infinities

AWAY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def served(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tracking server that has the finished sweep."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    shutil.copyfile(finished.data_dir / "mlflow.db", folder / "mlflow.db")
    with tracking_server(f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri(), port=port):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("environment", [None, AWAY], ids=["nothing in the environment", "another in the environment"])
def test_commands_that_read_need_the_address_alone(
    environment: str | None, ganlimit: Any, finished: Any, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if environment:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
    place = ("--tracking-uri", served, "--data-dir", tmp_path / "none-yet")

    listed = ganlimit("teacher", "list", "--json", *place)
    assert listed.code == 0, listed.stderr
    assert [row["teacher"] for row in json.loads(listed.stdout)] == ["digits-teacher/1"]
    card = json.loads(ganlimit("teacher", "show", "digits-teacher", *place).stdout)
    assert card["weights_digest"] == json.loads(listed.stdout)[0]["weights_digest"]
    assert json.loads(ganlimit("sweep", "status", "tiny", "--json", *place).stdout)["planned_trials"] == 4
    assert ganlimit("sample", "digits-teacher", "--n", 4, "--out", tmp_path / "grid.png", *place).code == 0
    assert cv2.imread(str(tmp_path / "grid.png")) is not None
    assert os.environ.get("MLFLOW_TRACKING_URI") == environment, "an option is for its command alone"


def test_the_environment_is_the_default(
    ganlimit: Any, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served)
    listed = ganlimit("teacher", "list", "--json", "--data-dir", tmp_path)
    assert [row["teacher"] for row in json.loads(listed.stdout)] == ["digits-teacher/1"]


def test_a_server_gives_infinities_as_they_were_logged(served: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, tracking_uri=served)
    check_infinities(workspace, Tracking(workspace.store), name="at-a-server")


def test_files_go_to_the_server_of_the_store_and_to_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("{}")
    port = free_port()
    with tracking_server(f"sqlite:///{tmp_path / 'mlflow.db'}", (tmp_path / "artifacts").as_uri(), port=port):
        tracking = Tracking(TrackingStore(f"http://127.0.0.1:{port}"))
        with model_run(tracking, "a-teacher", tags={}) as run_id:
            version = tracking.registry.register("a-teacher", run_id, folder=tmp_path / "model", tags={})
        assert (tracking.registry.fetch(version) / "card.json").read_text() == "{}"


def test_a_mistaken_address_is_one_error(ganlimit: Any) -> None:
    answer = ganlimit("teacher", "list", "--tracking-uri", "127.0.0.1:5000")
    assert answer.code == 2
    assert "begins with its scheme" in " ".join(answer.stderr.replace("│", " ").split())
