"""A cluster's HTTP side: its dashboard, which is its jobs server too."""

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from cluster.tokens import TOKEN, TOKEN_PATH, read_token

TIMEOUT_S = 10.0
NO_DASHBOARD = (
    "Check the address and that the cluster runs (on its first machine: ganlimit cluster status), or start it with "
    "ganlimit cluster up."
)


def require_reachable(address: str) -> None:
    """Check that a cluster's jobs server answers at `address`, http://HOST:PORT, and takes this process's token.

    The token is that of use_token. Raises ClusterError when nothing answers there, what answers is no Ray, or it
    refuses the token.
    """
    version = get_json(address, "/api/version")
    if not isinstance(version, dict) or "ray_version" not in version:
        raise ClusterError("ADDRESS is a Ray cluster's dashboard", address, NO_DASHBOARD)


def get_json(address: str, path: str) -> Any:
    """What a cluster's dashboard answers to GET `path`, with this process's token. Raises ClusterError."""
    request = urllib.request.Request(_checked(address) + path, headers=_authorization())
    try:
        with _opener(request.host).open(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise _refused(address, error.code) from error
        raise ClusterError(
            "ADDRESS is a Ray cluster's dashboard", f"{address} ({error.code} {error.reason})", NO_DASHBOARD
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ClusterError(
            "ADDRESS is the dashboard of a Ray cluster that can be reached", f"{address} ({reason})", NO_DASHBOARD
        ) from error


def _checked(address: str) -> str:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ClusterError("ADDRESS is that of a dashboard", address, "Write http://HOST:8265.")
    return address.rstrip("/")


def _authorization() -> dict[str, str]:
    # The variables in the order in which Ray looks at them.
    if token := os.environ.get(TOKEN):
        return {"Authorization": f"Bearer {token}"}
    if path := os.environ.get(TOKEN_PATH):
        return {"Authorization": f"Bearer {read_token(Path(path))}"}
    return {}


def _opener(host: str) -> urllib.request.OpenerDirector:
    # No proxy stands between this machine and itself.
    is_loopback = host.startswith(("127.", "localhost", "[::1]"))
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_loopback else []))


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
