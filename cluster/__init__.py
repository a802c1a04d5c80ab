"""The machines: Ray sessions and clusters, and the MLflow server as a process. Knows no network and no search."""

from cluster.diagnosis import Check, checks_of, own_versions, require_fine
from cluster.errors import ClusterError
from cluster.preflight import Node, TrialNeed, alive_nodes, autoscaled_resources, require_schedulable
from cluster.probing import NodeReport, Probe, probe_nodes, tracking_problem
from cluster.session import RaySession, ray_session
from cluster.shares import Claim, Share, fair_shares
from cluster.storage import Mirror, is_object_store, storage_address
from cluster.tracking_server import serve_command, serve_ui, tracking_server

__all__ = [
    "Check",
    "Claim",
    "ClusterError",
    "Mirror",
    "Node",
    "NodeReport",
    "Probe",
    "RaySession",
    "Share",
    "TrialNeed",
    "alive_nodes",
    "autoscaled_resources",
    "checks_of",
    "fair_shares",
    "is_object_store",
    "own_versions",
    "probe_nodes",
    "ray_session",
    "require_fine",
    "require_schedulable",
    "serve_command",
    "serve_ui",
    "storage_address",
    "tracking_problem",
    "tracking_server",
]
