"""The machines: Ray sessions, and the MLflow server as a process, for one or for a team. No network, no search."""

from cluster.basic_auth import BasicAuth, basic_auth
from cluster.database import passwords_of
from cluster.errors import ClusterError
from cluster.session import RaySession, ray_session
from cluster.team_server import TeamServer, serve_team, team_server
from cluster.tracking_server import serve_command, serve_ui, tracking_server

__all__ = [
    "BasicAuth",
    "ClusterError",
    "RaySession",
    "TeamServer",
    "basic_auth",
    "passwords_of",
    "ray_session",
    "serve_command",
    "serve_team",
    "serve_ui",
    "team_server",
    "tracking_server",
]
