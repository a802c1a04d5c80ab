"""This module keeps a tracking server's names and passwords, in files of MLflow's basic-auth app for its owner."""

import importlib.util
import os
import secrets
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from cluster.errors import ClusterError
from cluster.tokens import read_secret

SECRET_KEY = "MLFLOW_FLASK_SERVER_SECRET_KEY"
ADMIN = "admin"
SHORTEST_PASSWORD = 12  # characters; MLflow takes no shorter one
ENTROPY_BYTES = 24

# Who has an account may write to any experiment and model, as a shared sweep needs, and delete what they made.
# A password that was right is remembered for a minute, since hashing it is slow on purpose. With one worker a
# password changed through the server counts at once.
CONFIGURATION = """\
[mlflow]
default_permission = EDIT
database_uri = sqlite:///{database}
admin_username = {admin}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


@dataclass(frozen=True)
class BasicAuth:
    """BasicAuth has the admin's account, and what the server's environment must hold for it."""

    password_file: Path
    _: KW_ONLY
    was_generated: bool  # by this call
    environment: Mapping[str, str] = field(repr=False)

    @property
    def password(self) -> str:
        """Returns the admin's password."""
        return self.environment["MLFLOW_AUTH_ADMIN_PASSWORD"]

    @property
    def secrets(self) -> list[str]:
        """Returns what no log or message may show."""
        return [self.password, self.environment[SECRET_KEY]]


def basic_auth(folder: Path, password_file: Path | None = None) -> BasicAuth:
    """Returns accounts kept in `folder`, which is made with mode 0700; its files have mode 0600.

    The admin's password is the first line of `password_file`, or of `folder`/admin-password, which is generated
    the first time. Raises ClusterError for a password that others can read, or that MLflow would refuse.
    """
    if importlib.util.find_spec("flask_wtf") is None:
        raise ClusterError("Names and passwords need Flask-WTF", "none", "Run pip install 'ganlimit[team]'.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = password_file or folder / "admin-password"
    was_generated = password_file is None and _keep(place)
    _keep(folder / "secret-key")
    database, configuration = folder / "accounts.db", folder / "basic_auth.ini"
    _write_private(database, None)
    _write_private(configuration, CONFIGURATION.format(database=str(database).replace("%", "%%"), admin=ADMIN))
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": _password_in(place),
        SECRET_KEY: os.environ.get(SECRET_KEY) or _read_private(folder / "secret-key"),
    }
    return BasicAuth(place, was_generated=was_generated, environment=environment)


def _keep(path: Path) -> bool:
    """Put a new secret at `path` unless there is one. Returns whether it was made."""
    if path.exists():
        return False
    _write_private(path, secrets.token_urlsafe(ENTROPY_BYTES) + "\n")
    return True


def _write_private(path: Path, text: str | None) -> None:
    """Replace a file's text, or keep it where `text` is None; nobody else can ever read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        if text is not None:
            file.truncate()
            file.write(text)


def _read_private(path: Path) -> str:
    return read_secret(path, "The admin's password").partition("\n")[0].strip()


def _password_in(path: Path) -> str:
    password = _read_private(path)
    if len(password) < SHORTEST_PASSWORD:
        raise ClusterError(
            f"A password has at least {SHORTEST_PASSWORD} characters",
            f"{len(password)} in {path}",
            "Put a longer one in the file's first line.",
        )
    return password
