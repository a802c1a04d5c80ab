import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cluster import ClusterError, serve_command, tracking_server

CLOSED_PROXY = "http://127.0.0.1:1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return str(answer.read().decode())


def test_the_server_shows_what_was_written_to_the_store_and_ends_with_the_block(tmp_path: Path) -> None:
    uri, root = f"sqlite:///{tmp_path / 'mlflow.db'}", (tmp_path / "artifacts").as_uri()
    client = MlflowClient(uri, uri)
    experiment = client.create_experiment("e", f"{root}/e")
    run_id = client.create_run(experiment).info.run_id
    (tmp_path / "note.txt").write_text("kept")
    client.log_artifact(run_id, str(tmp_path / "note.txt"))
    served = client.create_experiment("served", "mlflow-artifacts:/served")  # by a team's server, as its clients see it
    served_run = client.create_run(served).info.run_id
    (tmp_path / f"artifacts/served/{served_run}/artifacts").mkdir(parents=True)
    (tmp_path / f"artifacts/served/{served_run}/artifacts/note.txt").write_text("shared")
    port = free_port()
    with tracking_server(uri, root, port=port) as url:
        assert get(f"{url}/get-artifact?path=note.txt&run_uuid={served_run}") == "shared"
        assert get(f"{url}/health") == "OK"
        assert "<html" in get(url)
        listed = json.loads(get(f"{url}/api/2.0/mlflow/artifacts/list?run_id={run_id}"))
        assert [file["path"] for file in listed["files"]] == ["note.txt"]
        assert get(f"{url}/get-artifact?path=note.txt&run_uuid={run_id}") == "kept"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(f"{url}/api/2.0/mlflow/experiments/search?max_results=1", Host="evil.example")
        with pytest.raises(ClusterError, match=rf"free port .*127\.0\.0\.1:{port} .*Choose another with --port"):
            tracking_server(uri, root, port=port).__enter__()
    with pytest.raises(urllib.error.URLError):
        get(f"{url}/health")


def test_a_server_that_cannot_start_shows_the_end_of_its_log() -> None:
    with pytest.raises(ClusterError, match="Its log ends"):
        tracking_server("no-such-store://", None, port=free_port()).__enter__()


@pytest.mark.parametrize("port", [-1, 70_000])
def test_an_impossible_port_is_a_clear_error(port: int) -> None:
    with pytest.raises(ClusterError, match="Choose another with --port"):
        tracking_server("sqlite://", None, port=port).__enter__()


def test_the_command_has_one_worker_and_allows_named_hosts_only() -> None:
    command = serve_command("sqlite:////s/mlflow.db", "file:///s/artifacts", host="10.0.0.5", port=5001)
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert command[:4] == [sys.executable, "-m", "mlflow", "server"]
    assert options["--workers"] == "1"
    assert options["--allowed-hosts"].split(",") == ["10.0.0.5:5001", "127.0.0.1:5001", "localhost:5001"]


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "whole_group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_the_ui_ends_without_a_trace_and_takes_its_server_along(
    tmp_path: Path, ending: signal.Signals, whole_group: bool
) -> None:
    code = "import sys, cluster; cluster.serve_ui(sys.argv[1], None, port=int(sys.argv[2]))"
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'mlflow.db'}", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "http_proxy": CLOSED_PROXY},  # the health check must not go through it
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)\n"
        os.killpg(process.pid, ending) if whole_group else process.send_signal(ending)
        assert process.stdout.read().strip() == ""
    assert process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        get(f"http://127.0.0.1:{port}/health")


@pytest.mark.slow
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_follow_the_first_leave_the_ui_its_orderly_end(tmp_path: Path, first: signal.Signals) -> None:
    port = free_port()
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    process = subprocess.Popen(
        [sys.executable, "-m", "sweeps.cli", "ui", "--tracking-uri", store, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "GANLIMIT_DATA_DIR": str(tmp_path)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)\n"
        process.send_signal(first)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.002)
        assert process.stdout.read().strip() == ""
    assert process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        get(f"http://127.0.0.1:{port}/health")
