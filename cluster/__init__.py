"""The machines: Ray sessions and the MLflow server as a process. Knows no network and no search."""

from cluster.dashboard import require_reachable
from cluster.errors import ClusterError
from cluster.session import RaySession, ray_session
from cluster.tokens import use_token
from cluster.tracking_server import serve_command, serve_ui, tracking_server

__all__ = [
    "ClusterError",
    "RaySession",
    "ray_session",
    "require_reachable",
    "serve_command",
    "serve_ui",
    "tracking_server",
    "use_token",
]
