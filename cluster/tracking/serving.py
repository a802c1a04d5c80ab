"""This module runs the MLflow server as a process beside us."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO, NoReturn

from cluster.errors import ClusterError
from cluster.tracking.database import passwords_of, with_driver

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0

# The user's own settings win. MLflow's job runner is for its evaluation of language models: without it the
# server is 2 processes instead of 10 (0.5 GB instead of 2.1), and leaves nothing in /dev/shm.
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}

# Whatever the user's own: no model that a client uploaded is ever unpickled in the server's process.
NO_PICKLES = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}

# Of the environment, which other users cannot see, unlike a command.
STORE_URI, ARTIFACTS = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION"


Served = tuple[str, subprocess.Popen[bytes]]  # a server's URL and its process


def serve_command(store_uri: str, artifact_root: str | None, *, host: str, port: int) -> list[str]:
    """Returns the command that serves a tracking store on `host`:`port`.

    A store's address with a password is left out, since every user of the machine can read a command: it is for
    the environment, as STORE_URI. Hosts are allowed by name with the port, which keeps pages of other sites from
    reaching the server through the browser.
    """
    allowed = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", bracketed(host))}
    store = [] if passwords_of(store_uri) else ["--backend-store-uri", store_uri]
    root = ["--default-artifact-root", artifact_root] if artifact_root else []
    return [*server_command(host, port, allowed_hosts=sorted(allowed)), *store, *root]


def server_command(host: str, port: int, *, allowed_hosts: Sequence[str]) -> list[str]:
    """Returns what every MLflow server of ours has. One worker: more of them made MLflow slower, not faster."""
    listening = ["--host", host, "--port", str(port), "--workers", "1", "--allowed-hosts", ",".join(allowed_hosts)]
    return [sys.executable, "-m", "mlflow", "server", *listening]


@contextmanager
def tracking_server(
    store_uri: str, artifact_root: str | None, *, host: str = "127.0.0.1", port: int = 5000
) -> Iterator[str]:
    """Run the server for the length of a `with` block and give its URL once it answers.

    Raises ClusterError when the port is taken, or the server ends or stays silent; then the message
    holds the last lines of its log.
    """
    with _served(store_uri, artifact_root, host=host, port=port) as (url, _):
        yield url


def serve_ui(
    store_uri: str,
    artifact_root: str | None,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    pages: Sequence[tuple[str, str]] = (),
) -> None:
    """Serve the MLflow UI in the foreground until Ctrl-C or SIGTERM, after which it returns.

    It says where, with the addresses of `pages`: what each shows, and its link on the server.
    Raises ClusterError when the port is taken, the server does not start, or it ends by itself.
    """

    def announce(url: str) -> None:
        longest = max((len(what) for what, _ in pages), default=0)
        lines = [f"  {what.ljust(longest)}  {url}/{link}" for what, link in pages]
        print("\n".join([f"MLflow: {url} (Ctrl-C ends it)", *lines]), flush=True)

    until_stopped(lambda: _served(store_uri, artifact_root, host=host, port=port), announce)


def until_stopped(
    served: Callable[[], AbstractContextManager[Served]], announce: Callable[[str], None], *, log: str = ""
) -> None:
    """Keep a server until Ctrl-C or SIGTERM, and `announce` its URL. Raises ClusterError when it ends by itself.

    SIGTERM is what this process's handler makes of it, if it has one, and has to raise KeyboardInterrupt.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        signal.signal(signal.SIGTERM, _interrupt)  # else a plain kill leaves the server behind
    try:
        with served() as (url, process):
            announce(url)
            code = process.wait()
            remedy = "Run the command again." + (f" Its log: {log}" if log else "")
            raise ClusterError("The tracking server runs until Ctrl-C", f"exit code {code}", remedy)
    except KeyboardInterrupt:
        print()
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    host: str,
    port: int,
    log: IO[bytes],
    secrets: Sequence[str] = (),
) -> Iterator[Served]:
    """Yields the URL and the process of a server that `command` starts on `host`:`port`, once it answers.

    Its output goes to `log`. Raises ClusterError as `tracking_server` does, with `secrets` as *** in the message.
    """
    _require_free(host, port)
    begins = log.tell()
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,  # Ctrl-C in the terminal is for us, who then end it in order
    )
    try:
        url = f"http://{bracketed(host)}:{port}"
        if not _becomes_healthy(process, url):
            log.seek(begins)
            tail = log.read()[-2000:].decode(errors="replace")
            for secret in secrets:
                tail = tail.replace(secret, "***")
            raise ClusterError(
                f"The tracking server answers within {START_TIMEOUT_S:.0f} s",
                f"no answer at {url}",
                f"Its log ends:\n{tail}",
            )
        yield url, process
    finally:
        _end(process)


def bracketed(host: str) -> str:
    """Returns the host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


@contextmanager
def _served(store_uri: str, artifact_root: str | None, *, host: str, port: int) -> Iterator[Served]:
    uri = with_driver(store_uri)
    served_before = {ARTIFACTS: artifact_root} if artifact_root else {}  # to other machines, and looked at here
    environment = {**SETTINGS, **served_before, **os.environ, **NO_PICKLES, STORE_URI: uri}
    with tempfile.TemporaryFile() as log:
        command = serve_command(uri, artifact_root, host=host, port=port)
        with running(command, environment, host=host, port=port, log=log, secrets=passwords_of(uri)) as served:
            yield served


def _interrupt(signum: int, frame: object) -> NoReturn:
    signal.signal(signum, signal.SIG_IGN)  # a second one shall not cut short what the first one ends
    raise KeyboardInterrupt


def _require_free(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # A port that a server has just left is free, though the system still holds old connections.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address[0], port, *address[2:]))  # getaddrinfo lets a port wrap around
    except (OSError, OverflowError) as error:
        raise ClusterError(
            "The tracking server listens on a free port of this machine",
            f"{bracketed(host)}:{port} ({getattr(error, 'strerror', None) or error})",
            "Choose another with --port.",
        ) from error


def _becomes_healthy(process: subprocess.Popen[bytes], url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own server is behind no proxy
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(f"{url}/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


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
