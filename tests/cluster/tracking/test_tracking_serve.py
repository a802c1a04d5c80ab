"""`ganlimit tracking serve`, as a team has it: PostgreSQL, artifacts in S3, clients that know the address alone."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow import MlflowClient

from tests.cluster.servers import PASSWORD, PostgresServer, S3Server, free_port, postgres, s3_server
from tests.waiting import PATIENCE_S

ADMIN_PASSWORD = "a-long-enough-canary"
SEARCH, CREATE = "/api/2.0/mlflow/experiments/search?max_results=9", "/api/2.0/mlflow/experiments/create"
UPLOAD = "/api/2.0/mlflow-artifacts/artifacts/0/planted"


class Team(NamedTuple):
    """A server in the background, and what it has been seen to say."""

    port: int
    said: str
    log: Path
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def status(self, method: str, path: str, body: str | None = None, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status


def tracking_serve(*options: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sweeps.cli", "tracking", "serve", *map(str, options)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_"))}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, text=True, env={**kept, **environment}, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]


def refusal(*options: object, **environment: str) -> str:
    """What is said where the server must not start: one message, no trace."""
    process = tracking_serve(*options, **environment)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, said
    assert "Traceback" not in said
    return " ".join(said.split())


@contextmanager
def team(data_dir: Path, *options: object, **environment: str) -> Iterator[Team]:
    port = free_port()
    process = tracking_serve("--data-dir", data_dir, "--port", port, *options, **environment)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Clients:"):
                break
        else:
            pytest.fail("".join(lines))
        yield Team(port, "".join(lines), data_dir / "tracking-server.log", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert subprocess.run(["pgrep", "-f", f"port {port} "], check=False).returncode == 1, "no process is left behind"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def shared(database: PostgresServer, bucket: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    store = ["--backend-store-uri", database.create_database("shared"), "--artifacts-destination", f"{bucket.uri}/runs"]
    names = ["--allowed-host", "mlflow.example.org", "--allowed-host", "proxy.example.org:8443"]
    with team(tmp_path_factory.mktemp("shared"), *store, *names, **bucket.environment) as server:
        yield server


def round_trip(client: MlflowClient, folder: Path) -> str:
    """A run with a metric and an artifact, read again. Returns where the run says its artifacts are."""
    run = client.create_run(client.create_experiment(folder.name)).info
    client.log_metric(run.run_id, "fid", 7.5, step=3)
    (folder / "weights.bin").write_bytes(b"\0kept\xff")
    client.log_artifact(run.run_id, str(folder / "weights.bin"), "model")
    (folder / "down").mkdir()
    loaded = Path(client.download_artifacts(run.run_id, "model/weights.bin", str(folder / "down")))
    assert loaded.read_bytes() == b"\0kept\xff"
    assert [(m.value, m.step) for m in client.get_metric_history(run.run_id, "fid")] == [(7.5, 3)]
    return str(run.artifact_uri)


def test_a_client_with_the_address_alone_stores_artifacts_in_the_bucket(
    shared: Team, bucket: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in bucket.environment:
        monkeypatch.delenv(name, raising=False)
    assert round_trip(MlflowClient(shared.url, shared.url), tmp_path).startswith("mlflow-artifacts:/")
    assert [key.split("/")[0] for key in bucket.keys()] == ["runs"]  # noqa: SIM118 (not a dict)


def test_no_password_is_in_a_process_list_the_output_or_the_log(shared: Team, bucket: S3Server) -> None:
    processes = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert f"--port {shared.port} --workers 1" in processes
    for secret in (PASSWORD, bucket.environment["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in processes
        assert secret not in shared.said + shared.log.read_text()
    assert "ganlimit:***@127.0.0.1" in shared.said
    assert shared.log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "mlflow.example.org:1", "proxy.example.org", ""]
)
def test_a_foreign_host_is_refused(shared: Team, host: str) -> None:
    host = host.format(port=shared.port)
    assert shared.status("GET", "/", Host=host) == 403
    assert shared.status("GET", SEARCH, Host=host) == 403
    assert shared.status("PUT", UPLOAD, "x", Host=host) == 403


def test_this_machine_a_tunnel_to_it_and_the_named_hosts_are_answered(shared: Team) -> None:
    given = ["mlflow.example.org", f"mlflow.example.org:{shared.port}", "proxy.example.org:8443"]
    for host in [f"127.0.0.1:{shared.port}", "localhost:8080", "localhost", *given]:
        assert shared.status("GET", SEARCH, Host=host) == 200, host


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
def test_pages_of_other_sites_change_nothing(shared: Team, origin: str, bucket: S3Server) -> None:
    new = json.dumps({"name": f"from {origin}"})
    for kind in ("application/json", "text/plain"):  # a browser asks before the first, and sends the second at once
        assert shared.status("POST", CREATE, new, Origin=origin, Content_Type=kind) == 403
        assert shared.status("POST", CREATE.replace("/api", "/ajax-api"), new, Origin=origin, Content_Type=kind) == 403
    assert shared.status("PUT", UPLOAD, "x", Origin=origin) == 403
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    assert shared.status("OPTIONS", CREATE, Origin=origin, **asked) == 400
    assert not any("planted" in key for key in bucket.keys())  # noqa: SIM118 (not a dict)
    own = {"Origin": f"http://localhost:{shared.port}", "Content_Type": "application/json"}
    assert shared.status("POST", CREATE, json.dumps({"name": f"own {origin}"}), **own) == 200


def test_a_client_loses_nothing_when_the_database_restarts(shared: Team, database: PostgresServer) -> None:
    client = MlflowClient(shared.url, shared.url)
    run_id = client.create_run("0").info.run_id
    halfway, steps = threading.Event(), range(60)

    def restart() -> None:
        halfway.wait()
        database.stop()
        statuses.append(shared.status("GET", SEARCH))
        database.start()

    statuses: list[int] = []
    restarting = threading.Thread(target=restart)
    restarting.start()
    for step in steps:
        client.log_metric(run_id, "fid", step / 2, step=step)
        if step == 20:
            halfway.set()
    restarting.join()
    assert statuses == [503], "which is what clients try again"
    assert sorted((m.step, m.value) for m in client.get_metric_history(run_id, "fid")) == [(s, s / 2) for s in steps]


@pytest.mark.slow
def test_accounts_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flask_wtf")
    secret = tmp_path / "secret"
    secret.write_text(ADMIN_PASSWORD + "\n")
    secret.chmod(0o600)
    options = ["--basic-auth", "--admin-password-file", secret]
    with team(tmp_path / "data", *options, MLFLOW_TRACKING_URI="http://127.0.0.1:9") as server:
        assert server.status("GET", SEARCH) == 401
        assert server.status("GET", "/") == 401
        assert server.status("PUT", UPLOAD, "x") == 401
        for password in ("password1234", "password", ADMIN_PASSWORD + "x"):
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
            with pytest.raises(Exception, match="401"):
                MlflowClient(server.url, server.url).search_experiments()
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
        assert round_trip(MlflowClient(server.url, server.url), tmp_path).startswith("mlflow-artifacts:/")
        assert list((tmp_path / "data/artifacts").rglob("weights.bin"))
        processes = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        assert ADMIN_PASSWORD not in processes + server.said + server.log.read_text()
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "data/accounts").iterdir()}
    assert modes == dict.fromkeys(["accounts.db", "basic_auth.ini", "secret-key"], 0o600)
    secret.write_text("another-password\n")
    said = refusal("--data-dir", tmp_path / "data", "--port", free_port(), *options)
    assert "the one that the account has" in said
    assert "another-password" not in said


def test_an_older_database_is_left_as_it_is(database: PostgresServer, tmp_path: Path) -> None:
    uri = database.create_database("older")
    database.execute("CREATE TABLE experiments (name text, artifact_location text)", "older")
    database.execute("CREATE TABLE alembic_version (version_num text)", "older")
    database.execute("INSERT INTO alembic_version VALUES ('451aebb31d03')", "older")  # MLflow 0.9
    said = refusal("--data-dir", tmp_path, "--port", free_port(), MLFLOW_BACKEND_STORE_URI=uri)
    shown = uri.replace(PASSWORD, "***").replace("postgresql:", "postgresql+psycopg2:")
    assert f"mlflow db upgrade '{shown}'" in said
    assert "backup" in said
    assert PASSWORD not in said
    assert database.rows("SELECT version_num FROM alembic_version", "older") == [("451aebb31d03",)]
    found = database.rows("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'", "older")
    assert found == [(2,)]


def test_a_database_that_is_away_or_refuses_is_named_without_its_password(
    database: PostgresServer, tmp_path: Path
) -> None:
    wrong = database.uri.replace(PASSWORD, "wrong-canary")
    for uri, reason in [
        (wrong, "password authentication failed"),
        ("postgresql://u:wrong-canary@127.0.0.1:1/d", "refused"),
    ]:
        said = refusal("--data-dir", tmp_path, "--port", free_port(), "--backend-store-uri", uri)
        assert reason in said
        assert "Start it, or check its address, user and password" in said
        assert "wrong-canary" not in said
