"""The machines: Ray sessions, clusters of several machines, and the MLflow server as a process.

Knows no network and no search.
"""

from cluster.basic_auth import BasicAuth, basic_auth
from cluster.dashboard import require_reachable
from cluster.database import passwords_of
from cluster.diagnosis import Check, checks_of, own_versions, require_fine
from cluster.errors import ClusterError
from cluster.jobs import Job, Jobs
from cluster.node_options import NodeOptions
from cluster.node_state import NodeState, node_folder, read_state
from cluster.nodes import HeadOptions, join, start_head, stop_node
from cluster.overview import ClusterOverview, JobOverview, NodeOverview, cluster_overview
from cluster.preflight import Node, TrialNeed, alive_nodes, autoscaled_resources, require_schedulable
from cluster.probing import NodeReport, Probe, probe_nodes, tracking_problem
from cluster.session import RaySession, ray_session
from cluster.shares import Claim, Share, fair_shares
from cluster.storage import Mirror, is_object_store, storage_address
from cluster.team_server import TeamServer, serve_team, team_server
from cluster.tokens import use_token
from cluster.tracking_server import serve_command, serve_ui, tracking_server
from cluster.watch import ending_with

__all__ = [
    "BasicAuth",
    "Check",
    "Claim",
    "ClusterError",
    "ClusterOverview",
    "HeadOptions",
    "Job",
    "JobOverview",
    "Jobs",
    "Mirror",
    "Node",
    "NodeOptions",
    "NodeOverview",
    "NodeReport",
    "NodeState",
    "Probe",
    "RaySession",
    "Share",
    "TeamServer",
    "TrialNeed",
    "alive_nodes",
    "autoscaled_resources",
    "basic_auth",
    "checks_of",
    "cluster_overview",
    "ending_with",
    "fair_shares",
    "is_object_store",
    "join",
    "node_folder",
    "own_versions",
    "passwords_of",
    "probe_nodes",
    "ray_session",
    "read_state",
    "require_fine",
    "require_reachable",
    "require_schedulable",
    "serve_command",
    "serve_team",
    "serve_ui",
    "start_head",
    "stop_node",
    "storage_address",
    "team_server",
    "tracking_problem",
    "tracking_server",
    "use_token",
]
