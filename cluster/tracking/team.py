"""This module runs a team's tracking server: clients elsewhere, artifacts through the server, names and passwords."""

import ipaddress
import os
import re
import socket
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.errors import ClusterError
from cluster.tracking.accounts import ADMIN, BasicAuth
from cluster.tracking.database import passwords_of, require_database, with_driver, without_password
from cluster.tracking.object_store import require_object_store
from cluster.tracking.serving import (
    ARTIFACTS,
    NO_PICKLES,
    SETTINGS,
    STORE_URI,
    Served,
    bracketed,
    running,
    server_command,
    until_stopped,
)

ANYWHERE = ("0.0.0.0", "::")
HOST_PATTERN = r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
PORT_PATTERN = r":(\d{1,5}|\*)"


@dataclass(frozen=True, kw_only=True)
class TeamServer:
    """A TeamServer says what is served where.

    `store_uri` is a database's address, which may hold a password: nothing that this class shows has it.
    `artifacts_destination` is where the server keeps what clients upload: a folder's or a bucket's URI.
    `allowed_hosts` are further names, NAME or NAME:PORT, by which clients reach the server, such as a proxy's.
    `proxied` are the experiments whose artifacts must come through the server; see `require_database`.
    """

    store_uri: str = field(repr=False)
    artifacts_destination: str = field(repr=False)
    log: Path
    host: str = "127.0.0.1"
    port: int = 5000
    allowed_hosts: Sequence[str] = ()
    auth: BasicAuth | None = None
    proxied: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        """Returns whether anybody on the network can read and write everything."""
        return self.auth is None and not _is_loopback(self.host)

    def hosts(self) -> list[str]:
        """Returns the Host headers that are answered: this machine's by the port, a tunnel's by any."""
        here = [socket.gethostname(), socket.getfqdn(), *_addresses()] if self.host in ANYWHERE else []
        named = [f"{bracketed(name)}:{self.port}" for name in [self.host, *here]]
        given = [form for name in self.allowed_hosts for form in _host_forms(name, self.port)]
        return list(dict.fromkeys(["localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*", *named, *given]))

    def command(self) -> list[str]:
        """Returns the server's command: all of the machine can read it, so addresses are in the environment."""
        auth = ["--app-name", "basic-auth"] if self.auth else []
        places = ["--serve-artifacts", "--default-artifact-root", "mlflow-artifacts:/"]
        return [
            *server_command(self.host, self.port, allowed_hosts=self.hosts()),
            *places,
            "--uvicorn-opts",
            "--no-access-log",
            *auth,
        ]

    def environment(self) -> dict[str, str]:
        """Returns its environment, with the passwords."""
        own = {STORE_URI: with_driver(self.store_uri), ARTIFACTS: self.artifacts_destination}
        inherited = {name: value for name, value in os.environ.items() if name not in CLIENTS_OWN}
        return {**SETTINGS, **inherited, **NO_PICKLES, **own, **(self.auth.environment if self.auth else {})}

    def secrets(self) -> list[str]:
        """Returns what no log or message may show."""
        uris = passwords_of(self.store_uri) + passwords_of(self.artifacts_destination)
        return [*uris, *(self.auth.secrets if self.auth else [])]


# A client's settings in the same shell say where its server is; they would send this one to another.
CLIENTS_OWN = frozenset(
    {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_REGISTRY_STORE_URI", "MLFLOW_TRACKING_PASSWORD"}
)


@contextmanager
def team_server(server: TeamServer) -> Iterator[Served]:
    """Run the server for the length of a `with` block, and give its URL and process once it answers.

    Raises ClusterError where the database, its schema or the bucket is not as it must be, before anything is
    started or changed; and for what `running` and a wrong admin's password raise it.
    """
    require_database(with_driver(server.store_uri), server.proxied)
    require_object_store(server.artifacts_destination)
    descriptor = os.open(server.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab+") as log:
        command, environment = server.command(), server.environment()
        with running(
            command, environment, host=server.host, port=server.port, log=log, secrets=server.secrets()
        ) as served:
            if server.auth:
                _require_admin(served[0], server.auth)
            yield served


def serve_team(server: TeamServer) -> None:
    """Serve in the foreground until Ctrl-C or SIGTERM. Says where, and warns of a server that is open to all."""

    def announce(url: str) -> None:
        name = socket.gethostname() if server.host in ANYWHERE else bracketed(server.host)
        print(f"MLflow: http://{name}:{server.port} (Ctrl-C ends it)")
        print(f"  store      {without_password(server.store_uri)}")
        print(f"  artifacts  {_shown(server.artifacts_destination)}, through the server")
        print(f"  hosts      {', '.join(server.hosts())}")
        if server.auth:
            made = "generated now" if server.auth.was_generated else "as it was given"
            print(f"  accounts   user {ADMIN}, password in {server.auth.password_file} ({made})")
        print(f"  log        {server.log}")
        if server.is_open:
            print(
                "warning: whoever reaches this address can read, write and delete everything. Add --basic-auth.",
                file=sys.stderr,
            )
        print(f"Clients: export MLFLOW_TRACKING_URI=http://{name}:{server.port}", flush=True)

    until_stopped(lambda: team_server(server), announce, log=str(server.log))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _addresses() -> list[str]:
    """Returns this machine's addresses, as its name is looked up."""
    try:
        return list({str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)})
    except OSError:
        return []


def _host_forms(name: str, port: int) -> list[str]:
    found = re.fullmatch(f"({HOST_PATTERN})({PORT_PATTERN})?", name)
    if found is None:
        raise ClusterError(
            "An allowed host is NAME or NAME:PORT", repr(name), "Give mlflow.example.org, *.example.org or [::1]:5000."
        )
    return [name] if re.search(f"{PORT_PATTERN}$", name) and not name.endswith("]") else [name, f"{name}:{port}"]


def _shown(destination: str) -> str:
    return without_password(destination) if passwords_of(destination) else destination


def _require_admin(url: str, auth: BasicAuth) -> None:
    """Raise ClusterError for another password than the account's: MLflow takes it once, and later ignores any other."""
    request = urllib.request.Request(f"{url}/api/2.0/mlflow/users/get?username={ADMIN}")
    request.add_header("Authorization", "Basic " + b64encode(f"{ADMIN}:{auth.password}".encode()).decode())
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=30):
            return
    except OSError as error:
        if not isinstance(error, urllib.error.HTTPError) or error.code != 401:
            raise ClusterError(
                "The tracking server answers to its admin", f"{url} ({error})", "See its log."
            ) from error
    raise ClusterError(
        "The admin's password is the one that the account has",
        f"another in {auth.password_file}",
        "Give that one; mlflow.server.get_app_client('basic-auth', URL).update_user_password changes it.",
    )
