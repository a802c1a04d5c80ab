"""This module asks a cluster over HTTP: its dashboard, which is its jobs server too."""

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from cluster.addresses import is_own_address
from cluster.errors import ClusterError
from cluster.tokens import TOKEN, TOKEN_PATH, read_token

TIMEOUT_S = 10.0
JOB_NAME = "job_name"  # of a job's metadata: what the dashboard calls it
NO_DASHBOARD = (
    "Check the address and that the cluster runs (on its first machine: ganlimit cluster status), or start it with "
    "ganlimit cluster up."
)


def require_reachable(address: str, token_file: Path | None = None) -> None:
    """Check that a cluster's jobs server answers at `address`, http://HOST:PORT, and takes the token.

    Without a `token_file` that is this process's. Raises ClusterError when nothing answers there, what answers is no
    Ray, or it refuses the token.
    """
    ray_version(address, token_in(token_file))


def ray_version(address: str, token: str | None) -> str:
    """Returns the version of the Ray whose dashboard is at `address`. Raises what `require_reachable` does."""
    version = get_json(address, "/api/version", token=token)
    if not isinstance(version, dict) or "ray_version" not in version:
        raise ClusterError("ADDRESS is a Ray cluster's dashboard", address, NO_DASHBOARD)
    return str(version["ray_version"])


def token_in(token_file: Path | None) -> str | None:
    """Returns the token of a file; without one, what Ray would show for this process.

    Raises ClusterError for an unfit file.
    """
    if token_file is not None:
        return read_token(token_file.expanduser())
    if token := os.environ.get(TOKEN):
        return token
    path = os.environ.get(TOKEN_PATH)
    return read_token(Path(path)) if path else None


def get_json(address: str, path: str, *, token: str | None) -> Any:
    """Returns what a cluster's dashboard answers to GET `path` of those who show `token`. Raises ClusterError."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(_checked(address) + path, headers=headers)
    try:
        with opener(urllib.parse.urlsplit(request.full_url).hostname or "").open(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise _refused(address, error.code) from error
        raise ClusterError(
            "ADDRESS is a Ray cluster's dashboard", f"{address} ({error.code} {error.reason})", NO_DASHBOARD
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(error, http.client.HTTPException):
            reason = "no HTTP there; Ray's own port is another than its dashboard's, which is 8265 by default"
        raise ClusterError(
            "ADDRESS is the dashboard of a Ray cluster that can be reached", f"{address} ({reason})", NO_DASHBOARD
        ) from error


def _checked(address: str) -> str:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ClusterError("ADDRESS is that of a dashboard", address, "Write http://HOST:8265.")
    return address.rstrip("/")


def opener(host: str) -> urllib.request.OpenerDirector:
    """Returns what opens URLs of `host`: through the environment's proxy, unless that is this machine itself."""
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_own_address(host) else []))


def _refused(address: str, code: int) -> ClusterError:
    if code == 401:
        return ClusterError(
            "This cluster answers to those who show its token",
            f"none for {address} (401)",
            "Give it with --token-file: a copy of the file that ganlimit cluster up wrote.",
        )
    return ClusterError(
        "This cluster answers to those who show its token",
        f"another one for {address} (403)",
        "Copy the token file of this cluster's first machine, and give the copy with --token-file.",
    )
