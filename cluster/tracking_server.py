"""The MLflow server as a process beside us."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, NoReturn

from cluster.errors import ClusterError

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0

# The user's own settings win. MLflow's job runner is for its evaluation of language models: without it the
# server is 2 processes instead of 10 (0.5 GB instead of 2.1), and leaves nothing in /dev/shm.
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def serve_command(store_uri: str, artifact_root: str | None, host: str, port: int) -> list[str]:
    """The command that serves a tracking store on `host`:`port`.

    One worker: more of them made MLflow slower, not faster. Hosts are allowed by name with the port,
    which keeps pages of other sites from reaching the server through the browser.
    """
    allowed = ",".join(f"{name}:{port}" for name in sorted({"localhost", "127.0.0.1", host}))
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store_uri]
    if artifact_root:
        command += ["--default-artifact-root", artifact_root]
    return [*command, "--host", host, "--port", str(port), "--workers", "1", "--allowed-hosts", allowed]


@contextmanager
def tracking_server(
    store_uri: str, artifact_root: str | None, *, host: str = "127.0.0.1", port: int = 5000
) -> Iterator[str]:
    """Run the server for the length of a `with` block and give its URL once it answers.

    Raises ClusterError when the port is taken, or the server ends or stays silent; then the message
    holds the last lines of its log.
    """
    with _running(store_uri, artifact_root, host, port) as (url, _):
        yield url


def serve_ui(store_uri: str, artifact_root: str | None, *, host: str = "127.0.0.1", port: int = 5000) -> None:
    """Serve the MLflow UI in the foreground until Ctrl-C or SIGTERM, after which it returns.

    Raises ClusterError when the port is taken, the server does not start, or it ends by itself.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)  # else a plain kill leaves the server behind
    try:
        with _running(store_uri, artifact_root, host, port) as (url, process):
            print(f"MLflow: {url} (Ctrl-C ends it)", flush=True)
            code = process.wait()
            raise ClusterError("The tracking server runs until Ctrl-C", f"exit code {code}", "Run the command again.")
    except KeyboardInterrupt:
        print()
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _running(
    store_uri: str, artifact_root: str | None, host: str, port: int
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    _require_free(host, port)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            serve_command(store_uri, artifact_root, host, port),
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**SETTINGS, **os.environ},
            start_new_session=True,  # Ctrl-C in the terminal is for us, who then end it in order
        )
        try:
            url = f"http://{host}:{port}"
            _wait_until_healthy(process, url, log)
            yield url, process
        finally:
            _end(process)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        # A port that a server has just left is free, though the system still holds old connections.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise ClusterError(
                "The tracking server listens on a free port of this machine",
                f"{host}:{port} ({getattr(error, 'strerror', None) or error})",
                "Choose another with --port.",
            ) from error


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: IO[bytes]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own server is behind no proxy
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with direct.open(f"{url}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    log.seek(0)
    tail = log.read()[-2000:].decode(errors="replace")
    raise ClusterError(
        f"The tracking server answers within {START_TIMEOUT_S:.0f} s", f"no answer at {url}", f"Its log ends:\n{tail}"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:  # at once after a second Ctrl-C
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with its children: it leads their group
        process.wait()
