"""This module asks over HTTP what a cluster has and does."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from cluster.client.dashboard import get_json, ray_version, token_in

MOST = 10_000  # the most that Ray lists at once
TUNE_ACTOR = "ImplicitFunc"  # the class of Ray Tune's actor around a trial function
RAYS_LABELS = "ray.io/node-"
RAYS_RESOURCES = re.compile(r"CPU|GPU|memory|object_store_memory|node:.*|.*_group_.*")


@dataclass(frozen=True, kw_only=True)
class NodeOverview:
    """A NodeOverview is a machine of the cluster. `free` amounts are up to 5 s old; a dead node has none."""

    node_id: str
    address: str
    is_head: bool
    alive: bool
    message: str  # why it is dead
    cpus_free: float
    cpus_total: float
    gpus_free: float
    gpus_total: float
    object_store_used_bytes: int
    object_store_total_bytes: int
    labels: Mapping[str, str]
    resources: Mapping[str, float]  # those that people named, in total
    trials: int


@dataclass(frozen=True)
class JobOverview:
    """A JobOverview is a job that waits or runs. It was submitted under `name`; else that is Ray's own."""

    name: str
    status: str
    _: KW_ONLY
    entrypoint: str


@dataclass(frozen=True, kw_only=True)
class ClusterOverview:
    """A ClusterOverview is a cluster at one moment: nodes (the head first), and jobs that have not ended."""

    address: str
    ray_version: str
    nodes: tuple[NodeOverview, ...]
    jobs: tuple[JobOverview, ...]

    @property
    def alive(self) -> list[NodeOverview]:
        return [node for node in self.nodes if node.alive]

    @property
    def trials(self) -> int:
        return sum(node.trials for node in self.nodes)


def cluster_overview(address: str, token_file: Path | None = None) -> ClusterOverview:
    """Returns the nodes and the jobs of the cluster whose dashboard is at `address`, http://HOST:PORT.

    Without a `token_file` the token of this process's environment is shown, if there is one. Raises ClusterError
    when the dashboard cannot be reached or refuses the token.
    """
    token = token_in(token_file)

    def get(path: str) -> Any:
        return get_json(address, path, token=token)

    version = ray_version(address, token)
    used = _usage(get("/api/cluster_status"))
    trials = Counter(actor["node_id"] for actor in _listed(get(_alive("actors"))) if actor["class_name"] == TUNE_ACTOR)
    found = [_node(node, usage=used, trials=trials) for node in _listed(get(f"/api/v0/nodes?detail=1&limit={MOST}"))]
    nodes = sorted(found, key=lambda node: (not node.is_head, not node.alive, node.address, node.node_id))
    jobs = [_job(job) for job in get("/api/jobs/") if job["status"] in ("PENDING", "RUNNING")]
    return ClusterOverview(address=address, ray_version=version, nodes=tuple(nodes), jobs=tuple(jobs))


def _alive(what: str) -> str:
    return f"/api/v0/{what}?limit={MOST}&filter_keys=state&filter_predicates=%3D&filter_values=ALIVE"


def _listed(answer: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer["data"]["result"]["result"]
    return rows


def _usage(answer: Any) -> dict[str, dict[str, list[float]]]:
    """Returns node -> resource -> [used, total]; nothing until the head has made its first report."""
    report = ((answer["data"] or {}).get("clusterStatus") or {}).get("loadMetricsReport") or {}
    usage: dict[str, dict[str, list[float]]] = report.get("usageByNode") or {}
    return usage


def _node(node: dict[str, Any], *, usage: dict[str, dict[str, list[float]]], trials: Counter[str]) -> NodeOverview:
    alive, total = node["state"] == "ALIVE", node["resources_total"]
    used = {name: amounts[0] for name, amounts in usage.get(node["node_id"], {}).items()}

    def free(resource: str) -> float:
        return max(0.0, total.get(resource, 0.0) - used.get(resource, 0.0)) if alive else 0.0

    return NodeOverview(
        node_id=node["node_id"],
        address=node["node_ip"],
        is_head=node["is_head_node"],
        alive=alive,
        message=node["state_message"] or "",
        cpus_free=free("CPU"),
        cpus_total=total.get("CPU", 0.0),
        gpus_free=free("GPU"),
        gpus_total=total.get("GPU", 0.0),
        object_store_used_bytes=int(used.get("objectStoreMemory", 0.0)) if alive else 0,
        object_store_total_bytes=int(total.get("object_store_memory", 0.0)),
        labels={key: value for key, value in node["labels"].items() if not key.startswith(RAYS_LABELS)},
        resources={name: amount for name, amount in total.items() if not RAYS_RESOURCES.fullmatch(name)},
        trials=trials[node["node_id"]] if alive else 0,
    )


def _job(job: dict[str, Any]) -> JobOverview:
    return JobOverview(job["submission_id"] or job["job_id"] or "", job["status"], entrypoint=job["entrypoint"])
