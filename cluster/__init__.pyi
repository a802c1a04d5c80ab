from .addresses import split_address
from .client.dashboard import require_reachable
from .client.jobs import Job, Jobs
from .client.overview import ClusterOverview, JobOverview, NodeOverview, cluster_overview
from .client.session import RaySession, ray_session, runs_as_job
from .client.shares import Claim, Share, fair_shares
from .client.watch import ending_with
from .errors import ClusterError
from .inspection.diagnosis import MOST_SKEW_S, Check, checks_of, require_fine
from .inspection.machine import disk_check, shared_memory_check, temporary_folder_check, token_file_check
from .inspection.needs import Node, TrialNeed, alive_nodes, autoscaled_resources, require_schedulable
from .inspection.probing import NodeReport, Probe, probe_nodes, tracking_problem
from .inspection.report import (
    Inspection,
    inspect_cluster,
    inspection_as_dict,
    inspection_from_dict,
    probe_from_json,
    probe_to_json,
)
from .node.commands import HeadOptions, join, start_head, stop_node
from .node.options import NodeOptions
from .node.state import NodeState, node_folder, read_state
from .storage import Mirror, is_object_store, storage_address, storage_problem
from .tokens import read_token, use_token
from .tracking.accounts import BasicAuth, basic_auth
from .tracking.clock import server_ahead_s
from .tracking.database import passwords_of
from .tracking.serving import serve_command, serve_ui, tracking_server
from .tracking.team import TeamServer, serve_team, team_server

__all__ = [
    "MOST_SKEW_S",
    "BasicAuth",
    "Check",
    "Claim",
    "ClusterError",
    "ClusterOverview",
    "HeadOptions",
    "Inspection",
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
    "disk_check",
    "ending_with",
    "fair_shares",
    "inspect_cluster",
    "inspection_as_dict",
    "inspection_from_dict",
    "is_object_store",
    "join",
    "node_folder",
    "passwords_of",
    "probe_from_json",
    "probe_nodes",
    "probe_to_json",
    "ray_session",
    "read_state",
    "read_token",
    "require_fine",
    "require_reachable",
    "require_schedulable",
    "runs_as_job",
    "serve_command",
    "serve_team",
    "serve_ui",
    "server_ahead_s",
    "shared_memory_check",
    "split_address",
    "start_head",
    "stop_node",
    "storage_address",
    "storage_problem",
    "team_server",
    "temporary_folder_check",
    "token_file_check",
    "tracking_problem",
    "tracking_server",
    "use_token",
]
