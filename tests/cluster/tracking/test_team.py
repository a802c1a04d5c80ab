"""What is looked at before a team's server starts: its database, its bucket, its accounts, its names."""

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cluster import ClusterError, TeamServer, basic_auth, passwords_of, serve_team, team_server
from cluster.tracking.database import require_database, with_driver, without_password
from cluster.tracking.object_store import require_object_store
from sweeps import SweepError
from sweeps.cli.tracking import without_options
from sweeps.ledger.data_dir import local_store
from sweeps.ledger.store import MODELS_EXPERIMENT, SWEEPS_EXPERIMENT
from sweeps.ledger.tracking import Tracking
from tests.cluster.servers import free_port, s3_server

PROXIED = (SWEEPS_EXPERIMENT, MODELS_EXPERIMENT)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A data directory's database as this MLflow makes it, with our experiments behind a server."""
    path = tmp_path_factory.mktemp("made") / "mlflow.db"
    client = MlflowClient(f"sqlite:///{path}", f"sqlite:///{path}")
    for name in PROXIED:
        client.create_experiment(name, f"mlflow-artifacts:/{name}")
    return path.read_bytes()


@pytest.fixture
def store(made: bytes, tmp_path: Path) -> Path:
    (tmp_path / "mlflow.db").write_bytes(made)
    return tmp_path / "mlflow.db"


def change(store: Path, statement: str) -> bytes:
    connection = sqlite3.connect(store)
    with connection:
        connection.execute(statement)
    connection.close()
    return store.read_bytes()


def server(folder: Path, **options: object) -> TeamServer:
    given = {"store_uri": f"sqlite:///{folder / 'mlflow.db'}", "artifacts_destination": folder.as_uri()}
    return TeamServer(**{**given, "log": folder / "log", "port": free_port(), **options})  # type: ignore[arg-type]


def test_a_new_and_a_current_database_may_be_served(store: Path) -> None:
    require_database(f"sqlite:///{store}", PROXIED)
    require_database(f"sqlite:///{store.with_name('new.db')}", PROXIED)
    assert not store.with_name("new.db").exists()
    store.with_name("empty.db").touch()
    require_database(f"sqlite:///{store.with_name('empty.db')}", PROXIED)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE alembic_version SET version_num = '451aebb31d03'",
            r"older 451aebb31d03.*backup.*mlflow db upgrade 'sqlite",
        ),
        ("UPDATE alembic_version SET version_num = 'ffffffffffff'", r"newer, ffffffffffff.*Install the MLflow"),
        ("DELETE FROM alembic_version", r"tables without a version.*Give a database of its own"),
    ],
)
def test_a_database_of_another_version_is_not_touched(store: Path, statement: str, said: str) -> None:
    before = change(store, statement)
    with pytest.raises(ClusterError, match=said):
        team_server(server(store.parent)).__enter__()
    assert store.read_bytes() == before


def test_a_store_that_one_machine_made_for_itself_is_not_served_to_others(tmp_path: Path) -> None:
    own = local_store(tmp_path)
    Tracking(own)
    with pytest.raises(
        ClusterError, match=rf"'ganlimit-models'.*{tmp_path.as_uri()}/artifacts/ganlimit-models.*--data-dir NEW"
    ):
        team_server(server(tmp_path, proxied=PROXIED)).__enter__()
    require_database(own.uri, ["another"])


def test_a_served_store_is_not_used_without_its_server(store: Path) -> None:
    with pytest.raises(SweepError, match=r"through the server.*ganlimit tracking serve.*MLFLOW_TRACKING_URI"):
        Tracking(local_store(store.parent))


@pytest.mark.parametrize(
    "uri", ["./mlruns", "file:///mlruns", "http://host:5000", "mongo://u:canary@h/d", "", "u:canary@h"]
)
def test_what_is_no_database_is_not_served_and_not_repeated(uri: str) -> None:
    with pytest.raises(ClusterError, match=r"database's address.*Give sqlite:") as caught:
        require_database(uri)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("uri", ["postgres://u:p%40ss:w@h:1/d", "postgresql://u@h:1/d?password=p%40ss:w"])
def test_a_password_is_found_and_hidden_wherever_it_is(uri: str) -> None:
    assert "p@ss:w" in passwords_of(uri)
    assert set(passwords_of(uri)) <= {"p@ss:w", "p%40ss:w"}
    shown = without_password(with_driver(uri))
    assert shown.startswith("postgresql+psycopg2://u")
    assert "ss:w" not in shown
    assert "ss:w" not in " ".join(
        TeamServer(store_uri=uri, artifacts_destination="", log=Path("log")).command()
    ) + repr(TeamServer(store_uri=uri, artifacts_destination="", log=Path("log")))


def test_an_address_without_a_password_has_none() -> None:
    assert passwords_of("sqlite:////a@b:c/d.db") == passwords_of("postgresql://u@h/d") == passwords_of("mlruns") == []


@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("psycopg2", lambda _: require_database("postgresql+psycopg2://u@127.0.0.1:1/d")),
        ("boto3", lambda _: require_object_store("s3://bucket")),
        ("flask_wtf", basic_auth),
    ],
)
def test_a_missing_library_is_named_with_what_installs_it(
    module: str, use: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ClusterError, match=r"pip install 'ganlimit\[team\]'"):
        use(tmp_path)


def test_a_bucket_is_tried_before_anyone_uploads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        require_object_store(f"{s3.uri}/prefix")
        with pytest.raises(ClusterError, match=r"s3://missing .*NoSuchBucket.*AWS_ENDPOINT_URL"):
            require_object_store("s3://missing")
    with pytest.raises(ClusterError, match=r"can be listed.*Could not connect"):
        require_object_store(s3.uri)


def test_generated_secrets_are_kept_and_given_ones_must_be_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flask_wtf", type(sys)("flask_wtf"))
    monkeypatch.setattr(sys.modules["flask_wtf"], "__spec__", sys.__spec__, raising=False)
    first, again = basic_auth(tmp_path / "accounts"), basic_auth(tmp_path / "accounts")
    assert (first.was_generated, again.was_generated) == (True, False)
    assert first.environment == again.environment
    assert first.password != basic_auth(tmp_path / "others").password
    assert all(secret not in repr(first) for secret in first.secrets)
    assert (tmp_path / "accounts").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "accounts").iterdir()} == {0o600}
    given = tmp_path / "given"
    with pytest.raises(ClusterError, match="No such file"):
        basic_auth(tmp_path / "accounts", given)
    given.write_text("a-long-enough-password\n")
    given.chmod(0o640)
    with pytest.raises(ClusterError, match=rf"mode 0640.*chmod 600 {given}"):
        basic_auth(tmp_path / "accounts", given)
    given.chmod(0o600)
    assert basic_auth(tmp_path / "accounts", given).password == "a-long-enough-password"
    given.write_text("short\n")
    with pytest.raises(ClusterError, match="at least 12 characters, got 5"):
        basic_auth(tmp_path / "accounts", given)


def test_names_are_allowed_with_their_ports(tmp_path: Path) -> None:
    hosts = server(
        tmp_path, host="10.0.0.5", port=5001, allowed_hosts=("a.example", "*.b.example:443", "[::1]:80")
    ).hosts()
    assert hosts[4:] == ["10.0.0.5:5001", "a.example", "a.example:5001", "*.b.example:443", "[::1]:80"]
    assert server(tmp_path, host="::1", port=5001).hosts()[4:] == ["[::1]:5001"]


@pytest.mark.parametrize(
    "name", ["*", "*:5000", "a.example,*", "", "http://a.example", "a.example:port", "a example", "*.com*"]
)
def test_what_would_allow_any_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="NAME or NAME:PORT"):
        server(tmp_path, allowed_hosts=(name,)).hosts()


@pytest.mark.parametrize(
    ("host", "is_open"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("10.1.2.3", True)],
)
def test_a_server_beyond_this_machine_is_open_without_accounts(host: str, is_open: bool, tmp_path: Path) -> None:
    assert server(tmp_path, host=host).is_open == is_open


def test_models_are_not_unpickled_and_a_clients_settings_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    environment = server(tmp_path).environment()
    assert environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert "MLFLOW_TRACKING_URI" not in environment


def test_a_taken_port_is_said_before_the_store_is_made(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="Choose another with --port"):
        serve_team(server(tmp_path, port=70_000))
    assert not (tmp_path / "mlflow.db").exists()


def test_options_are_taken_out_of_a_command_with_their_values() -> None:
    words = ["tracking", "serve", "--store", "X", "--port", "1", "--store=Y", "--", "--stores", "Z"]
    assert without_options(words, ["--store"]) == ["tracking", "serve", "--port", "1", "--", "--stores", "Z"]
