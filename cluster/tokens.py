"""This module keeps the secret that a cluster's nodes, drivers and people share."""

import os
import secrets
import stat
from pathlib import Path

from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # compiled

from cluster.errors import ClusterError

MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
TOKEN_BYTES = 32


def use_token(token_file: Path | None) -> None:
    """Let this process and its children show the token of `token_file` to the clusters that they connect to.

    To be called before Ray connects. Without a file the environment stays as it is (RAY_AUTH_TOKEN or
    RAY_AUTH_TOKEN_PATH and RAY_AUTH_MODE). Raises ClusterError for a file that is missing, empty, or open
    to others than its owner.
    """
    if token_file is None:
        return
    path = token_file.expanduser().absolute()
    read_token(path)
    os.environ |= {MODE: "token", TOKEN_PATH: str(path)}
    os.environ.pop(TOKEN, None)  # which would win
    Config.initialize("")  # Ray read the environment when it was imported
    AuthenticationTokenLoader.instance().reset_cache()


def read_token(token_file: Path) -> str:
    """Returns the token in a file. Raises ClusterError for a file that is missing, empty, or open to others."""
    token = read_secret(token_file, "The token file").strip()
    if not token or any(not "!" <= character <= "~" for character in token):
        raise ClusterError(
            "The token file holds one word of printable ASCII",
            f"{token_file} with {'something else' if token else 'nothing in it'}",
            "Copy it from the machine that the cluster was started on.",
        )
    return token


def read_secret(path: Path, what: str) -> str:
    """Returns the text of a file that its owner alone may read. Raises ClusterError, which calls the file `what`."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ClusterError(
                    f"{what} is its owner's alone", f"{path} with mode {mode:04o}", f"Run: chmod 600 {path}"
                )
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ClusterError(f"{what} can be read", f"{path} ({reason})", "Check the path.") from error


def make_token(path: Path) -> None:
    """Write a fresh random token to `path`, for its owner alone, unless a file is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(TOKEN_BYTES))
