"""This module starts a node's processes: their commands, their environment, and the wait until they answer."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from cluster.addresses import LOOPBACK
from cluster.client.dashboard import get_json, opener
from cluster.client.session import own_folder
from cluster.errors import ClusterError
from cluster.node import processes
from cluster.node.state import NodeState, clear, read_state, write_state
from cluster.tokens import MODE, TOKEN, TOKEN_PATH, read_token
from cluster.tracking.serving import SETTINGS, serve_command

# A node whose head is gone ends, and its workers with it, after so many seconds; Ray's own default is 60.
HEAD_IS_GONE = {"RAY_gcs_rpc_server_reconnect_timeout_s": "30"}
NODE_PROCESS = Path(__file__).with_name("ray_process.py")
START_TIMEOUT_S = 90.0
PROBE_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S = 2.0
POLL_S = 0.2
JOINED = "Ray runtime started."  # what `ray start` writes once the cluster knows the node
# Asks a head for its dashboard's address, as a node would: in a process of its own, because Ray reads the token once,
# and can end the whole process when what listens there is no Ray.
PROBE = """
import sys
from ray._raylet import GcsClient
print((GcsClient(address=sys.argv[1]).internal_kv_get(b"webui:url", b"dashboard", timeout=8) or b"").decode())
"""


def new_state(
    kind: str,
    host: str,
    *,
    address: str,
    dashboard_url: str = "",
    tracking_url: str | None = None,
    token_file: Path | None,
) -> NodeState:
    """Returns a node of which nothing runs yet, with a temporary folder of its own."""
    token = str(token_file) if token_file else None
    return NodeState(
        kind=kind,
        host=host,
        address=address,
        dashboard_url=dashboard_url,
        tracking_url=tracking_url,
        token_file=token,
        temp_dir=own_folder(),
        mark=secrets.token_hex(8),
    )


@contextmanager
def all_or_nothing(folder: Path, state: NodeState) -> Iterator[None]:
    """Keep the state from now on; when the block fails or is interrupted, end and remove all that it started."""
    write_state(folder, state)
    try:
        yield
    except BaseException:
        clear(folder, read_state(folder) or state)
        raise


def start_head(folder: Path, state: NodeState, *, arguments: list[str], extra: Mapping[str, str]) -> NodeState:
    """Start Ray's head and the tracking server of `state`, and wait for both. Raises ClusterError."""
    environment, url = _environment(state, extra), state.tracking_url
    if url:
        state = _add(
            folder,
            state,
            kind="tracking",
            command=_tracking_command(folder, url),
            environment={**SETTINGS, **environment},
        )
        environment = {**environment, "MLFLOW_TRACKING_URI": url, **extra}
    environment = {"GANLIMIT_DATA_DIR": str(folder.parent), **environment}  # of the drivers that are submitted
    state = _add(folder, state, kind="head", command=_ray_command(state, arguments), environment=environment)
    _wait(folder, state, answers=lambda: _head_answers(state) and (not url or _is_healthy(url)))
    return state


def start_node(folder: Path, state: NodeState, *, arguments: list[str], extra: Mapping[str, str]) -> NodeState:
    """Start a node of the cluster of `state` and wait until that knows it. Raises ClusterError."""
    environment = _environment(state, extra)
    state = replace(state, dashboard_url=_dashboard_of(state, environment))
    state = _add(folder, state, kind="node", command=_ray_command(state, arguments), environment=environment)
    _wait(folder, state, answers=lambda: JOINED in _log(folder, "node").read_text(errors="replace"))
    return state


def _environment(state: NodeState, extra: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment that a node has, and with it all its workers and jobs."""
    kept = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", TOKEN, TOKEN_PATH)}
    # Ray's metrics would be on two more ports that are the same for all heads of a machine.
    inherited = {"DASHBOARD_METRIC_PORT": "0", "AUTOSCALER_METRIC_PORT": "0", **HEAD_IS_GONE, **kept, **extra}
    own: dict[str, str] = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]),
        MODE: "token" if state.token_file else "disabled",
        processes.MARK: state.mark,
        "TMPDIR": state.temp_dir,  # which is removed with all that Ray's processes and jobs left there
    }
    if state.token_file:
        own[TOKEN_PATH] = state.token_file
    if state.host == LOOPBACK:
        own["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # see ray_process
    return inherited | own


def _ray_command(state: NodeState, arguments: list[str]) -> list[str]:
    return [
        sys.executable,
        "-P",  # the modules beside it are not for `import`
        str(NODE_PROCESS),
        f"--node-ip-address={state.host}",
        f"--temp-dir={state.temp_dir}",
        "--dashboard-agent-listen-port=0",
        "--disable-usage-stats",
        *arguments,
    ]


def _tracking_command(folder: Path, url: str) -> list[str]:
    """Returns what serves a store of its own, artifacts too: clients need no path or credential of where those lie."""
    store = folder.parent / "tracking"
    store.mkdir(exist_ok=True)
    host, _, port = url.removeprefix("http://").partition(":")
    command = serve_command(f"sqlite:///{store / 'mlflow.db'}", None, host=host, port=int(port))
    return [*command, "--artifacts-destination", (store / "artifacts").as_uri()]


def _log(folder: Path, kind: str) -> Path:
    return folder / f"{kind}.log"


def _add(folder: Path, state: NodeState, *, kind: str, command: list[str], environment: Mapping[str, str]) -> NodeState:
    state = state.with_process(processes.start(kind, command, environment=environment, log=_log(folder, kind)))
    write_state(folder, state)
    return state


def _wait(folder: Path, state: NodeState, *, answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and not state.lost:
        if answers():
            return
        time.sleep(POLL_S)
    silent = [*state.lost, *(record.kind for record in state.processes)][0]
    raise ClusterError(
        f"A cluster's {silent} answers within {START_TIMEOUT_S:.0f} s",
        "one that ended" if state.lost else "no answer",
        f"Its log ends:\n{processes.tail(_log(folder, silent))}",
    )


def _head_answers(state: NodeState) -> bool:
    token = read_token(Path(state.token_file)) if state.token_file else None
    with suppress(ClusterError):
        nodes = get_json(state.dashboard_url, "/api/v0/nodes", token=token)["data"]["result"]["result"]
        return any(node["state"] == "ALIVE" for node in nodes)
    return False


def _is_healthy(url: str) -> bool:
    with suppress(OSError), opener(url.split("/")[2].partition(":")[0]).open(f"{url}/health", timeout=HEALTH_TIMEOUT_S):
        return True
    return False


def _dashboard_of(state: NodeState, environment: Mapping[str, str]) -> str:
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE, state.address],
            env=environment,
            cwd=state.temp_dir,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        probe = None
    if probe is not None and "InvalidAuthToken" in probe.stderr:
        raise ClusterError(
            "A node shows the token of its cluster",
            f"{'another one' if state.token_file else 'none'} for {state.address}",
            "Copy the token file from the cluster's first machine, and give the copy with --token-file.",
        )
    if probe is None or probe.returncode:
        raise ClusterError(
            "ADDRESS is the head of a Ray cluster", f"{state.address}, which does not answer as one", "Check the port."
        )
    return f"http://{probe.stdout.strip()}"
