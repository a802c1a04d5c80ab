"""This module says what a cluster has, and whether a trial can ever run on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from cluster.errors import ClusterError


@dataclass(frozen=True, kw_only=True)
class Node:
    """A Node is one machine of a cluster. `resources` are Ray's in all, CPU and GPU among them; memory is in bytes."""

    id: str
    address: str
    resources: Mapping[str, float]
    labels: Mapping[str, str]
    is_head: bool = False

    @property
    def cpus(self) -> float:
        return self.resources.get("CPU", 0.0)

    @property
    def gpus(self) -> float:
        return self.resources.get("GPU", 0.0)


@dataclass(frozen=True, kw_only=True)
class TrialNeed:
    """A TrialNeed is what one trial occupies, and the labels of the nodes on which it may run."""

    cpus: float
    gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def amounts(self) -> dict[str, float]:
        """Returns all of it by Ray's names, without what it needs none of."""
        every = {"CPU": self.cpus, "GPU": self.gpus, **self.resources}
        return {name: amount for name, amount in every.items() if amount}

    def __str__(self) -> str:
        amounts = [f"{amount:g} {name}" for name, amount in self.amounts.items()]
        return ", ".join(amounts) + "".join(f", on a node with {name}={value}" for name, value in self.labels.items())

    def fits(self, node: Node) -> bool:
        """Returns whether the node, were it empty, has room for a trial."""
        labelled = all(node.labels.get(name) == value for name, value in self.labels.items())
        return labelled and all(node.resources.get(name, 0.0) >= amount for name, amount in self.amounts.items())

    def on(self, node: Node) -> "TrialNeed":
        """Returns the same need, on that node alone."""
        return replace(self, resources={**self.resources, f"node:{node.address}": 0.001})

    def places(self, nodes: Sequence[Node]) -> int:
        """Returns how many trials run at once on the nodes, were they empty."""
        fitting = [node for node in nodes if self.fits(node)]
        return sum(
            min(_times(node.resources[name], amount, name=name) for name, amount in self.amounts.items())
            for node in fitting
        )


def _times(available: float, amount: float, *, name: str) -> int:
    if name == "GPU" and amount < 1:  # a part is of one GPU
        return int(available) * int(1 / amount + 1e-9)
    return int(available / amount + 1e-9)


def alive_nodes() -> list[Node]:
    """Returns the nodes of the cluster to which this process is connected, the head first."""
    found = [
        Node(
            id=node["NodeID"],
            address=node["NodeManagerAddress"],
            resources=dict(node["Resources"]),
            labels=dict(node.get("Labels") or {}),
            is_head="node:__internal_head__" in node["Resources"],
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    return sorted(found, key=lambda node: (not node.is_head, node.address))


def require_schedulable(nodes: Sequence[Node], need: TrialNeed, *, autoscaled: Mapping[str, Any] | None = None) -> None:
    """Raise ClusterError where no node can ever run a trial, which Ray would wait for without end.

    `autoscaled` is what the cluster may grow to in all, by Ray's names, where it grows by itself.
    """
    if any(need.fits(node) for node in nodes):
        return
    if autoscaled and all(autoscaled.get(name, 0.0) >= amount for name, amount in need.amounts.items()):
        return
    have = "; ".join(f"{node.address} has {_describe(node)}" for node in nodes) or "no node at all"
    raise ClusterError(
        f"A trial occupies {need}, and some node has room for that",
        have,
        "Lower resources.cpus_per_trial or gpus_per_trial, change cluster.labels or cluster.resources, add a node, or, "
        "where nodes come by themselves, set cluster.grows: true.",
    )


def autoscaled_resources() -> Mapping[str, Any] | None:
    """Returns what the autoscaling cluster of this process may grow to; None where it does not grow."""
    from ray._private.state import state

    return state.get_max_resources_from_cluster_config()


def _describe(node: Node) -> str:
    rays_own = ("memory", "object_store_memory", "node:")
    amounts = [f"{amount:g} {name}" for name, amount in node.resources.items() if not name.startswith(rays_own)]
    labels = [f"{name}={value}" for name, value in node.labels.items() if not name.startswith("ray.io/node-")]
    return ", ".join([*amounts, *labels]) or "nothing for trials"
