"""A PostgreSQL server and an S3 server of a test's own, which end with its `with` block."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import boto3
import psycopg2
import pytest
from botocore.config import Config

from tests.waiting import PATIENCE_S

USER, PASSWORD = "ganlimit", "correct-horse-canary"


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class PostgresServer:
    """A PostgreSQL that can be stopped and started again; it keeps its port and its data."""

    def __init__(self, data: Path, log: Path, host: str, port: int, inside: Sequence[str]) -> None:
        self.data, self.log, self.host, self.port = data, log, host, port
        self._inside = inside
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """The database `postgres` with user and password, as SQLAlchemy and MLflow want it."""
        return self.uri_of("postgres")

    def uri_of(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@{self.host}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """A new empty database, and its URI."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.uri_of(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement, outside a transaction. Only where this process can reach the server."""
        with self._cursor(database) as cursor:
            cursor.execute(statement)

    def rows(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The answer to a query. Only where this process can reach the server."""
        with self._cursor(database) as cursor:
            cursor.execute(query)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    @contextmanager
    def _cursor(self, database: str) -> Iterator[Any]:
        connection = psycopg2.connect(self.uri_of(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                _as_postgres(self._inside, _binary("postgres"), "-D", str(self.data)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ready = _as_postgres(self._inside, _binary("pg_isready"), "-q", "-h", self.host, "-p", str(self.port))
        process = self._process
        _wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, process, self.log.read_text)

    def stop(self) -> None:
        """End it as `pg_ctl stop -m fast` does: open connections are closed, nothing written is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE_S)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def postgres(folder: Path, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> Iterator[PostgresServer]:
    """A new PostgreSQL that listens on `host` and logs to `folder`/postgres.log; the test skips where there is none.

    `inside` is what runs a command elsewhere, such as ("ip", "netns", "exec", NAME). PostgreSQL refuses to run as
    root, so root's data lies in a folder of the user `postgres`, who could not enter one of root's.
    """
    _binary("initdb")
    home = Path(tempfile.mkdtemp(prefix="ganlimit-postgres-"))
    server = PostgresServer(home / "data", folder / "postgres.log", host, 0, inside)
    try:
        password = home / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (home, password):
                shutil.chown(path, "postgres", "postgres")
        _init(server.data, password)
        server.port = free_port() if inside or host == "0.0.0.0" else free_port(host)
        _configure(server, home)
        server.start()
        yield server
    finally:
        with suppress(subprocess.TimeoutExpired):
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _init(data: Path, password: Path) -> None:
    options = ["--no-sync", "--auth=scram-sha-256", f"--pwfile={password}", "--username", USER, "--encoding=UTF8"]
    command = _as_postgres((), _binary("initdb"), "--no-locale", *options, str(data))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr


def _configure(server: PostgresServer, home: Path) -> None:
    settings = {
        "listen_addresses": f"'{server.host}'",
        "port": server.port,
        "unix_socket_directories": f"'{home}'",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "16MB",
        "dynamic_shared_memory_type": "mmap",  # leaves nothing in /dev/shm
    }
    with (server.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in settings.items())
    with (server.data / "pg_hba.conf").open("a") as file:
        file.write("host all all all scram-sha-256\n")


def _binary(name: str) -> str:
    """The newest PostgreSQL's program of that name."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return found


def _as_postgres(inside: Sequence[str], *command: str) -> list[str]:
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return [*inside, *become, *command]


@dataclass(frozen=True)
class S3Server:
    """An S3 interface in memory with one bucket."""

    url: str
    bucket: str
    environment: Mapping[str, str] = field(repr=False)  # what a client needs: the address and credentials

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}"

    def keys(self) -> list[str]:
        """The names of all objects in the bucket."""
        return [entry["Key"] for entry in self.client().list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def client(self) -> Any:
        """A boto3 client, past any proxy."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
            config=Config(proxies={}),
        )


@contextmanager
def s3_server(host: str = "127.0.0.1", inside: Sequence[str] = (), bucket: str = "artifacts") -> Iterator[S3Server]:
    """moto's S3 server as a process on `host`, which this process can reach, with an empty bucket."""
    port = free_port() if inside else free_port(host)
    url = f"http://{host}:{port}"
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "secret-key-canary",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server = S3Server(url, bucket, environment)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*inside, sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(lambda: _answers(f"{url}/moto-api/"), process, lambda: f"no S3 server at {url}")
            server.client().create_bucket(Bucket=bucket)
            yield server
        finally:
            process.kill()  # it keeps nothing
            process.wait()


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2):
            return True
    except OSError:
        return False


def _wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert process.poll() is None, explain()
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)
