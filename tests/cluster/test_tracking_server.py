import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cluster import ClusterError, tracking_server


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
    port = free_port()
    with tracking_server(uri, root, port=port) as url:
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
