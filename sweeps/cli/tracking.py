"""This module is `ganlimit tracking`: the MLflow server of a team."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.inputs import folder_of
from sweeps.cli.options import DataDir

STORE, STORE_ENV = "--backend-store-uri", "MLFLOW_BACKEND_STORE_URI"
ARTIFACTS, ARTIFACTS_ENV = "--artifacts-destination", "MLFLOW_ARTIFACTS_DESTINATION"

Host = Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for all.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]
StoreUri = Annotated[
    str | None,
    typer.Option(
        STORE,
        envvar=STORE_ENV,
        help="The database, such as postgresql://user@host/name; one with a password better in the variable. "
        "Default: in the data directory.",
        show_default=False,
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        ARTIFACTS,
        envvar=ARTIFACTS_ENV,
        help="Where the server keeps artifacts, such as s3://bucket/prefix. Default: in the data directory.",
        show_default=False,
    ),
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME[:PORT]",
        help="A further name by which clients reach the server; give it several times.",
        show_default=False,
    ),
]
WithAccounts = Annotated[
    bool, typer.Option("--basic-auth", help="Ask for name and password; the user admin makes accounts.")
]
AdminPasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--admin-password-file",
        help="The admin's first password, mode 0600. Default: generated in the data directory.",
        show_default=False,
    ),
]


def tracking_serve(
    host: Host = "127.0.0.1",
    port: Port = 5000,
    *,
    store_uri: StoreUri = None,
    artifacts: Artifacts = None,
    allowed_hosts: AllowedHosts = None,
    with_accounts: WithAccounts = False,
    admin_password_file: AdminPasswordFile = None,
    data_dir: DataDir = None,
) -> None:
    """Serve runs, models and artifacts to clients on other machines until Ctrl-C.

    Artifacts go through the server, so clients need its address alone: MLFLOW_TRACKING_URI.
    """
    _hide_passwords({STORE: (STORE_ENV, store_uri), ARTIFACTS: (ARTIFACTS_ENV, artifacts)})  # before all else

    from cluster import ClusterError, TeamServer, basic_auth, serve_team
    from sweeps.ledger.data_dir import opened_store, writable
    from sweeps.ledger.store import MODELS_EXPERIMENT, SWEEPS_EXPERIMENT

    if admin_password_file and not with_accounts:
        raise ClusterError("An admin's password is for --basic-auth", "none", "Add --basic-auth.")
    root = writable(folder_of(data_dir))
    own = opened_store(root)
    password_file = admin_password_file.expanduser() if admin_password_file else None
    server = TeamServer(
        store_uri=store_uri or own.uri,
        artifacts_destination=artifacts or own.artifact_root or "",
        log=root / "tracking-server.log",
        host=host,
        port=port,
        allowed_hosts=tuple(allowed_hosts or ()),
        auth=basic_auth(root / "accounts", password_file) if with_accounts else None,
        proxied=(SWEEPS_EXPERIMENT, MODELS_EXPERIMENT),
    )
    serve_team(server)


def _hide_passwords(given: dict[str, tuple[str, str | None]]) -> None:
    """Become the same command with the addresses that hold a password in the environment instead.

    Every user of the machine can read a process's command for as long as it runs, and nobody else its environment.
    `given` has by option the variable of the environment that means the same, and the value.
    """
    from cluster import passwords_of

    words = sys.argv[1:]
    secret = {option: place for option, place in given.items() if place[1] and passwords_of(place[1])}
    rest = without_options(words, list(secret))
    if rest == words or sys.orig_argv[-len(words) :] != words:
        return  # they are in the environment already, or the process is somebody else's
    os.environ.update({name: value for name, value in secret.values() if value})
    os.execv(sys.executable, [*sys.orig_argv[: -len(words)], *rest])


def without_options(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """Returns a command's words without these options and their values."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in options:
            next(rest, None)
        elif word.partition("=")[0] not in options:
            kept.append(word)
    return kept
