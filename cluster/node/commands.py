"""This module starts Ray's head and nodes on machines of one's own, in the background, and ends them again."""

from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import LOOPBACK, node_address, own_address_towards, require_ports, split_address
from cluster.errors import ClusterError
from cluster.node import launch
from cluster.node.options import NodeOptions, read_environment
from cluster.node.state import NodeState, clear, node_folder, one_at_a_time, read_state
from cluster.tokens import make_token, read_token

TOKEN_FILE = "token"


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """HeadOptions say where a cluster's first machine listens. `tracking_port` None: no tracking server beside it."""

    host: str = LOOPBACK
    port: int = 6379
    dashboard_port: int = 8265
    tracking_port: int | None = 5000


def start_head(
    data_dir: Path,
    head: HeadOptions | None = None,
    *,
    options: NodeOptions | None = None,
    token_file: Path | None = None,
    open_to_all: bool = False,
    env_file: Path | None = None,
) -> NodeState:
    """Start a cluster's first machine in the background, with a tracking server, and wait until both answer.

    Only those who have the token can use Ray: that of `token_file`, by default a random one that is kept in the
    data directory. `open_to_all` leaves the token out, on loopback alone. The variables of `env_file` are those of
    all workers and jobs here. Raises ClusterError when something runs already, a port is taken, or the start
    fails; then nothing is left running.
    """
    head, options, folder = head or HeadOptions(), options or NodeOptions(), node_folder(data_dir)
    host = node_address(head.host)
    if open_to_all and host != LOOPBACK:
        raise ClusterError("Ray without a token listens on 127.0.0.1 alone", f"--host {host}", "Leave --no-token out.")
    extra = read_environment(env_file)
    ports = {"--port": head.port, "--dashboard-port": head.dashboard_port, "--tracking-port": head.tracking_port}
    with one_at_a_time(folder):
        _require_none(folder)
        require_ports(host, ports)
        token_path = None if open_to_all else _token_of_head(folder, token_file)
        tracking_url = f"http://{host}:{head.tracking_port}" if head.tracking_port else None
        state = launch.new_state(
            "head",
            host,
            address=f"{host}:{head.port}",
            dashboard_url=f"http://{host}:{head.dashboard_port}",
            tracking_url=tracking_url,
            token_file=token_path,
        )
        arguments = [*_head_arguments(head, host), *options.arguments]
        with launch.all_or_nothing(folder, state):
            return launch.start_head(folder, state, arguments=arguments, extra=extra)


def join(
    address: str,
    data_dir: Path,
    *,
    options: NodeOptions | None = None,
    host: str | None = None,
    token_file: Path | None = None,
    env_file: Path | None = None,
) -> NodeState:
    """Make this machine a node of the cluster whose head is at `address`, HOST:PORT, in the background.

    `host` is this machine's own address, by default the one from which it reaches the head. The token is that of
    `token_file`, by default the one in the data directory, and none where neither is there. Raises ClusterError when
    something runs already, the head cannot be reached or refuses the token, or the start fails; then nothing is
    left running.
    """
    options, folder, (head_host, port) = options or NodeOptions(), node_folder(data_dir), split_address(address)
    extra = read_environment(env_file)
    own = own_address_towards(head_host, port)
    host = node_address(host) if host else own
    if (host == LOOPBACK) != (own == LOOPBACK):
        raise ClusterError(
            "A node and its head reach each other", f"--host {host} for a head at {head_host}", "Leave --host out."
        )
    kept = folder / TOKEN_FILE
    token_path = token_file.expanduser().resolve() if token_file else kept if kept.is_file() else None
    if token_path:
        read_token(token_path)
    with one_at_a_time(folder):
        _require_none(folder)
        state = launch.new_state("node", host, address=f"{head_host}:{port}", token_file=token_path)
        arguments = [f"--address={state.address}", *options.arguments]
        with launch.all_or_nothing(folder, state):
            return launch.start_node(folder, state, arguments=arguments, extra=extra)


def stop_node(data_dir: Path) -> NodeState | None:
    """End what start_head or join started from this data directory, and nothing else. Returns what it was, or None.

    Its logs, its token and what was tracked stay. Raises ClusterError while another command is at work.
    """
    folder = node_folder(data_dir)
    if read_state(folder) is None:
        return None
    with one_at_a_time(folder):
        state = read_state(folder)
        if state:
            clear(folder, state)
        return state


def _head_arguments(head: HeadOptions, host: str) -> list[str]:
    return [
        "--head",
        f"--port={head.port}",
        f"--dashboard-host={host}",
        f"--dashboard-port={head.dashboard_port}",
        "--include-dashboard=true",
    ]


def _require_none(folder: Path) -> None:
    state = read_state(folder)
    if state is None:
        return
    if state.is_running:
        raise ClusterError(
            "A data directory holds one node at a time",
            f"one whose {state.kind} is at {state.host} in {folder.parent}",
            "End it with ganlimit cluster down, or choose another --data-dir.",
        )
    clear(folder, state)  # what a restart of the machine left


def _token_of_head(folder: Path, token_file: Path | None) -> Path:
    path = token_file.expanduser().resolve() if token_file else folder / TOKEN_FILE
    if not token_file:
        make_token(path)
    read_token(path)
    return path
