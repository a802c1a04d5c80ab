"""This module looks at every node of a cluster from inside: versions, clock, disk, storage and tracking server.

A probe runs as a task on its node, so that what it sees is what a trial there would see.
"""

import base64
import importlib.metadata
import os
import platform
import secrets
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.inspection.needs import Node
from cluster.storage import has_mark, put_mark, take_mark

PATIENCE_S = 90.0  # for a node's first worker, which imports what it needs
REQUEST_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A Probe says what to look for. `packages` by their names of distribution, `files` by path."""

    packages: tuple[str, ...] = ()
    storage: str | None = None
    tracking_uri: str | None = None
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """A NodeReport is what a node says of itself. A problem that is None: as it should be, or not asked for."""

    node: Node
    hostname: str
    versions: dict[str, str | None]  # python among them; None where a package is missing
    clock_skew_s: float
    free_disk_bytes: int  # where temporary files are
    gpus: int  # that its driver shows
    storage_problem: str | None
    tracking_problem: str | None
    missing_files: tuple[Path, ...]
    silence: str | None = None  # why there was no answer; nothing else is known then

    @classmethod
    def of_silent(cls, node: Node, reason: str) -> "NodeReport":
        """Returns the report for a node that did not answer."""
        return cls(
            node=node,
            hostname="",
            versions={},
            clock_skew_s=0.0,
            free_disk_bytes=0,
            gpus=0,
            storage_problem=None,
            tracking_problem=None,
            missing_files=(),
            silence=reason,
        )


@dataclass(frozen=True)
class _Question:
    """A _Question is what a node is asked: a probe, and the marks in the storage, the driver's and its own."""

    probe: Probe
    mark: str
    _: KW_ONLY
    own: str


def probe_nodes(nodes: Sequence[Node], probe: Probe) -> list[NodeReport]:
    """Returns what each node of the connected cluster sees, or that it does not answer."""
    mark = f".ganlimit-probe-{secrets.token_hex(8)}"
    marks = [f"{mark}-{number}" for number in range(len(nodes))]
    unwritable = _writing_problem(probe.storage, mark) if probe.storage else None
    try:
        asked_s = time.time()
        asked = [_ask(node, _Question(probe, mark, own=own)) for node, own in zip(nodes, marks, strict=True)]
        deadline = time.monotonic() + PATIENCE_S
        found = [
            _answer(node, reference, asked_s=asked_s, deadline=deadline)
            for node, reference in zip(nodes, asked, strict=True)
        ]
        if unwritable:
            return [replace(report, storage_problem=unwritable) for report in found]
        if probe.storage:
            found = [_seen_from_here(report, probe.storage, own=own) for report, own in zip(found, marks, strict=True)]
        return found
    finally:
        if probe.storage:
            for name in (mark, *marks):
                with suppress(OSError, ValueError):
                    take_mark(probe.storage, name)


def tracking_problem(uri: str) -> str | None:
    """Returns why runs cannot be logged to the MLflow server at `uri` from here; None where they can.

    Name and password are those of the environment, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
    """
    if not uri.startswith(("http://", "https://")):
        return None  # a database, which MLflow itself opens
    request = urllib.request.Request(f"{uri.rstrip('/')}/api/2.0/mlflow/experiments/search?max_results=1")
    name, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if name is not None:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())
    elif token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_S):
            return None
    except urllib.error.HTTPError as error:
        remedies = {
            401: "give the nodes MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
            403: "let the server allow this host: ganlimit tracking serve --allowed-host HOST:PORT",
        }
        return f"{error.code} {error.reason}" + (f"; {remedies[error.code]}" if error.code in remedies else "")
    except OSError as error:
        return str(getattr(error, "reason", None) or error)


def _ask(node: Node, question: _Question) -> "ray.ObjectRef[NodeReport]":
    there = NodeAffinitySchedulingStrategy(node.id, soft=False)
    look = ray.remote(_look).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
    reference: ray.ObjectRef[NodeReport] = look.remote(node, question)
    return reference


def _look(node: Node, question: _Question) -> NodeReport:
    now, probe = time.time(), question.probe
    return NodeReport(
        node=node,
        hostname=socket.gethostname(),
        versions=installed_versions(probe.packages),
        clock_skew_s=now,  # made a difference by who asked
        free_disk_bytes=shutil.disk_usage(tempfile.gettempdir()).free,
        gpus=_gpus(),
        storage_problem=_storage_problem(probe.storage, question) if probe.storage else None,
        tracking_problem=tracking_problem(probe.tracking_uri) if probe.tracking_uri else None,
        missing_files=tuple(path for path in probe.files if not path.exists()),
    )


def _answer(node: Node, reference: "ray.ObjectRef[NodeReport]", *, asked_s: float, deadline: float) -> NodeReport:
    try:
        report: NodeReport = ray.get(reference, timeout=max(0.0, deadline - time.monotonic()))
    except RayError as error:
        return NodeReport.of_silent(node, str(error).strip().splitlines()[-1])
    return replace(report, clock_skew_s=outside(report.clock_skew_s, begin_s=asked_s, end_s=time.time()))


def outside(moment_s: float, *, begin_s: float, end_s: float) -> float:
    """Returns by how much a node's time lies before (negative) or after the span between question and answer."""
    return max(0.0, moment_s - end_s) + min(0.0, moment_s - begin_s)


def _writing_problem(storage: str, mark: str) -> str | None:
    try:
        put_mark(storage, mark)
    except (OSError, ValueError) as error:
        return f"the driver cannot write it ({error})"
    return None


def _storage_problem(storage: str, question: _Question) -> str | None:
    try:
        if not has_mark(storage, question.mark):
            return "it is another one than the driver's: what that has just written is not there"
        put_mark(storage, question.own)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _seen_from_here(report: NodeReport, storage: str, *, own: str) -> NodeReport:
    if report.silence is not None or report.storage_problem is not None:
        return report
    try:
        arrived = has_mark(storage, own)
    except (OSError, ValueError) as error:
        return replace(report, storage_problem=f"the driver cannot read it ({error})")
    problem = None if arrived else "it is another one than the driver's: what the node wrote has not arrived"
    return replace(report, storage_problem=problem)


def installed_versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Returns the versions of Python and of packages here; None where one is missing."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpus() -> int:
    from ray._private.accelerators import get_accelerator_manager_for_resource

    manager = get_accelerator_manager_for_resource("GPU")
    return int(manager.get_current_node_num_accelerators()) if manager else 0
