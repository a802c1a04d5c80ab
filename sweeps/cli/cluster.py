"""This module is `ganlimit cluster`: several machines that share the trials of a sweep."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from sweeps.cli.inputs import folder_of
from sweeps.cli.options import DataDir, Json
from sweeps.cli.output import console, print_json, say

if TYPE_CHECKING:
    from cluster import ClusterOverview, NodeOverview, NodeState

Cpus = Annotated[
    int | None, typer.Option("--num-cpus", min=0, help="Cores it offers. Default: all.", show_default=False)
]
Gpus = Annotated[
    int | None, typer.Option("--num-gpus", min=0, help="GPUs it offers. Default: all.", show_default=False)
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="A word about it; give it several times.", show_default=False),
]
Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource", metavar="NAME=AMOUNT", help="What else it offers; give it several times.", show_default=False
    ),
]
ObjectStore = Annotated[
    int | None,
    typer.Option(
        "--object-store-memory",
        metavar="BYTES",
        help="Memory for what trials share. Default: 30% of it.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="The cluster's secret, a file of mode 0600. Default: cluster/token in the data directory.",
        show_default=False,
    ),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        help="KEY=VALUE lines for all trials and jobs here, a file of mode 0600: the place for credentials.",
        show_default=False,
    ),
]


def cluster_up(
    host: Annotated[
        str, typer.Option("--host", help="This machine's address, at which the others find it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port of Ray's head, for joining.")] = 6379,
    *,
    dashboard_port: Annotated[
        int, typer.Option("--dashboard-port", help="Port of Ray's dashboard, for submitting.")
    ] = 8265,
    tracking_port: Annotated[int, typer.Option("--tracking-port", help="Port of the MLflow server.")] = 5000,
    no_tracking: Annotated[bool, typer.Option("--no-tracking", help="No MLflow server.")] = False,
    num_cpus: Cpus = None,
    num_gpus: Gpus = None,
    label: Labels = None,
    resource: Resources = None,
    object_store_memory: ObjectStore = None,
    token_file: TokenFile = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Let everyone on this machine use it; on 127.0.0.1 alone.")
    ] = False,
    env_file: EnvFile = None,
    data_dir: DataDir = None,
) -> None:
    """Start a cluster's first machine in the background, and a tracking server beside it."""
    from cluster import HeadOptions, NodeOptions, start_head

    options = NodeOptions(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        object_store_memory=object_store_memory,
        labels=tuple(label or ()),
        resources=tuple(resource or ()),
    )
    head = HeadOptions(
        host=host, port=port, dashboard_port=dashboard_port, tracking_port=None if no_tracking else tracking_port
    )
    folder = folder_of(data_dir)
    state = start_head(folder, head, options=options, token_file=token_file, open_to_all=no_token, env_file=env_file)
    _explain(state, data_dir)


def cluster_join(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The head's HOST:PORT.")],
    host: Annotated[
        str | None,
        typer.Option(
            "--host", help="This machine's address. Default: the one on the way to the head.", show_default=False
        ),
    ] = None,
    *,
    token_file: TokenFile = None,
    num_cpus: Cpus = None,
    num_gpus: Gpus = None,
    label: Labels = None,
    resource: Resources = None,
    object_store_memory: ObjectStore = None,
    env_file: EnvFile = None,
    data_dir: DataDir = None,
) -> None:
    """Make this machine a node of a cluster, in the background."""
    from cluster import NodeOptions, join

    options = NodeOptions(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        object_store_memory=object_store_memory,
        labels=tuple(label or ()),
        resources=tuple(resource or ()),
    )
    state = join(address, folder_of(data_dir), options=options, host=host, token_file=token_file, env_file=env_file)
    say(f"{state.host} is a node of the cluster at {state.address}.")
    say(f"To leave it: ganlimit cluster down{_at(data_dir)}")


def cluster_status(
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="The dashboard, http://HOST:8265. Default: this machine's cluster.", show_default=False
        ),
    ] = None,
    token_file: TokenFile = None,
    *,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the machines of a cluster, what is free on them, and what runs."""
    from cluster import ClusterError, cluster_overview, node_folder, read_state

    state = read_state(node_folder(folder_of(data_dir)))
    if state is None and address is None:
        raise ClusterError(
            "A cluster's status needs its address where none was started",
            f"none, and none in {node_folder(folder_of(data_dir))}",
            "Give --address http://HOST:8265, or check --data-dir.",
        )
    if state and address in (None, state.dashboard_url):
        address = state.dashboard_url
        token_file = token_file or (Path(state.token_file) if state.token_file else None)
    overview = cluster_overview(str(address), token_file)
    if as_json:
        print_json(asdict(overview))
    else:
        _print_overview(overview)


def cluster_down(data_dir: DataDir = None) -> None:
    """End what `up` or `join` started on this machine, and nothing else."""
    from cluster import stop_node

    state = stop_node(folder_of(data_dir))
    if state is None:
        say(f"Nothing to end: no node was started in {folder_of(data_dir)}.")
        return
    what = {"head": "Ray's head", "node": "the node", "tracking": "the tracking server"}
    say("Ended " + " and ".join(what[record.kind] for record in reversed(state.processes)) + ".")
    if any(record.kind == "tracking" for record in state.processes):
        say("Runs are kept: ganlimit cluster up serves them again, and jobs go on when they are submitted again.")
    if state.kind == "head":
        say("On each machine that had joined: ganlimit cluster down")


def _at(data_dir: Path | None) -> str:
    return f" --data-dir {data_dir}" if data_dir else ""


def _explain(state: "NodeState", data_dir: Path | None) -> None:
    host = state.host
    token = f" --token-file {_short(state.token_file)}" if state.token_file else ""
    tracking = f" --tracking-uri {state.tracking_url}" if state.tracking_url else ""
    say(f"The cluster is up at {state.address}.\n")
    if host == "127.0.0.1":
        say("It listens on this machine alone; for others: --host with this machine's address.\n")
    else:
        say("On each other machine" + (", with a copy of the token file, of mode 0600:" if token else ":"))
        say(f"  ganlimit cluster join {state.address}{token}\n")
    say("To submit a sweep, here or from any machine that reaches it" + (" and has the token:" if token else ":"))
    say(f"  ganlimit sweep submit digits --address {state.dashboard_url}{token}{tracking}\n")
    say(f"Dashboard: {state.dashboard_url}" + (" (asks for the token)" if state.token_file else ""))
    if state.tracking_url:
        everyone = "" if host == "127.0.0.1" else " (asks nobody: whoever reaches it can change everything)"
        say(f"MLflow:    {state.tracking_url}{everyone}")
    say(f"Status:    ganlimit cluster status{_at(data_dir)}")
    say(f"The end:   ganlimit cluster down{_at(data_dir)}")


def _short(path: str) -> str:
    """Returns a path from here, where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path


def _print_overview(overview: "ClusterOverview") -> None:
    table = Table(title=f"Ray {overview.ray_version} at {overview.address}", title_justify="left", box=None)
    for number, header in enumerate(("node", "state", "cores free", "GPUs free", "object store", "trials", "labels")):
        table.add_column(
            header, justify="right" if number in range(2, 6) else "left", no_wrap=header != "labels", overflow="fold"
        )
    for node in overview.nodes:
        table.add_row(*_cells(node))
    console().print(table)
    for node in overview.nodes:
        if not node.alive:
            say(f"  {node.address} is dead: {node.message}")
    for job in overview.jobs:
        say(f"  job {job.name}: {job.status.lower()}")
    if not overview.jobs:
        say("  no job runs")


def _cells(node: "NodeOverview") -> list[str]:
    labels = [*node.labels.items(), *((name, f"{amount:g}") for name, amount in node.resources.items())]
    return [
        f"{node.address} (head)" if node.is_head else node.address,
        "alive" if node.alive else "dead",
        f"{node.cpus_free:g} of {node.cpus_total:g}",
        f"{node.gpus_free:g} of {node.gpus_total:g}",
        f"{node.object_store_used_bytes / 1e9:.1f} of {node.object_store_total_bytes / 1e9:.1f} GB",
        str(node.trials),
        ", ".join(f"{key}={value}" for key, value in labels),
    ]
