"""The machines: Ray sessions, clusters of several machines, and the MLflow server as a process.

Knows no network and no search.
"""

from cluster.dashboard import require_reachable
from cluster.errors import ClusterError
from cluster.node_options import NodeOptions
from cluster.node_state import NodeState, node_folder, read_state
from cluster.nodes import HeadOptions, join, start_head, stop_node
from cluster.overview import ClusterOverview, JobOverview, NodeOverview, cluster_overview
from cluster.session import RaySession, ray_session
from cluster.tokens import use_token
from cluster.tracking_server import serve_command, serve_ui, tracking_server

__all__ = [
    "ClusterError",
    "ClusterOverview",
    "HeadOptions",
    "JobOverview",
    "NodeOptions",
    "NodeOverview",
    "NodeState",
    "RaySession",
    "cluster_overview",
    "join",
    "node_folder",
    "ray_session",
    "read_state",
    "require_reachable",
    "serve_command",
    "serve_ui",
    "start_head",
    "stop_node",
    "tracking_server",
    "use_token",
]
