"""This module opens a Ray session: an embedded cluster of its own, or one that is there already."""

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._private import ray_constants, services, utils, worker
from ray._private.node import Node
from ray.job_config import JobConfig

from cluster.addresses import LOOPBACK
from cluster.client.dashboard import JOB_NAME
from cluster.client.signals import while_ray_starts, while_ray_stops
from cluster.errors import ClusterError
from cluster.tokens import use_token

JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set by Ray in the environment of a job
REACH_TIMEOUT_S = 5.0
TIMED_OUT, STARTS_WITHIN_S = "timed out during startup", 30  # of Ray's own; nothing sets it
ENDS_WITHIN_S = 5.0  # a process that was killed; one that its parent never waits for is seen longer
HELPERS = ("start_api_server", "start_log_monitor", "start_monitor")  # of a Ray node
# What remains of the 107 bytes of a Unix socket's path after Ray's own part of it:
# /session_2026-01-31_23-59-59_999999_4194304/sockets/plasma_store
FOLDER_LIMIT_BYTES = 107 - 65


@dataclass(frozen=True, kw_only=True)
class RaySession:
    """A RaySession is a connected Ray. `owned` ones end with the session; others are only left.

    `dashboard` is the address of its pages, empty where it has none.
    """

    address: str
    cpus: int
    gpus: int
    owned: bool
    dashboard: str = ""


@contextmanager
def ray_session(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    code: Path | None = None,
    token_file: Path | None = None,
    name: str = "",
) -> Iterator[RaySession]:
    """Connect to Ray for the length of a `with` block.

    Without an `address`, or with "local", a Ray of its own is started on this machine with `num_cpus`
    cores (all, by default): reachable from loopback alone, behind a token that is kept nowhere, and ended
    with the block however it ends; other Rays of the machine are neither joined nor touched. With an
    address (host:port or "auto") the block attaches to that cluster and only disconnects; `code` is then a folder
    of packages that the nodes use, unless this process is a job of the cluster and has brought its own; its dashboard
    then calls this process `name`. Without a `token_file` the token is the one of this process's environment, if there
    is one.

    Ctrl-C in the block raises KeyboardInterrupt there and nowhere else: Ray's processes block SIGINT, so
    the workers go on until the block ends. While Ray starts or stops a first Ctrl-C waits for that, and
    a second one acts at once. SIGTERM is what this process's handler makes of it, if it has one, and waits
    for as long; without one Ray ends the process with a crash dump.

    Raises ClusterError when this process has a Ray connection already, the cluster cannot be reached, a Ray of its
    own does not start, or the path of the temporary folder is too long for Ray's sockets.
    """
    if ray.is_initialized():
        raise ClusterError(
            "A session opens its own connection to Ray",
            "one that this process has open already",
            "Call ray.shutdown() first.",
        )
    if address in (None, "local"):
        with _embedded(num_cpus) as session:
            yield session
    else:
        use_token(token_file)  # where Ray looks for it
        with _attached(address, code, name=name) as session:
            yield session


@contextmanager
def _embedded(num_cpus: int | None) -> Iterator[RaySession]:
    folder = own_folder()
    # Ray would write a token into the home directory, readable by all, and keep it there.
    wants_token = os.environ.get("RAY_AUTH_MODE", "token").lower() == "token"
    if wants_token and not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        os.environ["RAY_AUTH_TOKEN"] = _session_token()
    try:
        with _loopback_only():
            _start(folder, num_cpus)
            yield _describe(owned=True)
    finally:
        with while_ray_stops():
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _start(folder: str, num_cpus: int | None) -> None:
    try:
        with while_ray_starts(), _ended_with_a_failure(), _without_helpers():
            ray.init(
                address="local",
                num_cpus=num_cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address=LOOPBACK,
                _temp_dir=folder,
            )
    except Exception as error:
        if TIMED_OUT not in str(error):  # Ray has no type for it
            raise
        raise ClusterError(
            f"A Ray of its own starts on this machine within Ray's {STARTS_WITHIN_S} s",
            str(error).partition(".")[0],
            "Wait until less runs here, then give the same command again.",
        ) from error


@contextmanager
def _ended_with_a_failure() -> Iterator[None]:
    # A node that has not come up leaves its processes running. And `timeout` and a scheduler tell a whole group of
    # processes to end. Ray's would be gone before the block has closed its work, and Ray's core ends a process whose
    # node is gone: at once, with code 1. In groups of their own Linux ends them with this process; elsewhere Ray needs
    # them in its group, to find them.
    starting: Any = services
    before, started = starting.ConsolePopen, list[Any]()
    group = {"process_group": 0} if utils.detect_fate_sharing_support() else {}

    def start(*arguments: Any, **options: Any) -> Any:
        started.append(before(*arguments, **options, **group))
        return started[-1]

    starting.ConsolePopen = start
    try:
        yield
    except BaseException:
        if worker._global_node is None:  # one that is there ray.shutdown() ends
            _kill(started)
        raise
    finally:
        starting.ConsolePopen = before


def _kill(started: Sequence[Any]) -> None:
    # Ray's node agents are children of its raylet, would outlive it by a minute, and write into the folder meanwhile.
    for process in started:
        children = []
        if process.poll() is None:
            seen = psutil.Process(process.pid)
            seen.suspend()  # it starts no others while they are counted
            children = seen.children(recursive=True)
            process.kill()
            process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=ENDS_WITHIN_S)


@contextmanager
def _without_helpers() -> Iterator[None]:
    # The server of a dashboard that is not included, the autoscaler of one machine, and the reader of logs that nobody
    # follows: each would take a second of CPU to start, and 100 MB.
    before = {name: getattr(Node, name) for name in HELPERS}
    for name in HELPERS:
        setattr(Node, name, lambda self, **options: None)
    try:
        yield
    finally:
        for name, start in before.items():
            setattr(Node, name, start)


def own_folder() -> str:
    """Returns a new temporary folder, short enough for Ray's sockets. Raises ClusterError where TMPDIR is too long."""
    folder = tempfile.mkdtemp(prefix="gl-")
    if len(os.fsencode(folder)) > FOLDER_LIMIT_BYTES:
        Path(folder).rmdir()
        raise ClusterError(
            f"Ray's sockets need a temporary folder whose path has at most {FOLDER_LIMIT_BYTES} bytes",
            folder,
            "Set TMPDIR to a shorter one.",
        )
    return folder


@contextmanager
def _loopback_only() -> Iterator[None]:
    # Ray replaces 127.0.0.1 by the machine's outward address, and then listens on all of them, unless it
    # was told that this node is no part of a cluster: here through its constant, in its child processes
    # through the variable that the constant is read from.
    variable, before = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    inherited = os.environ.get(variable)
    ray_constants.ENABLE_RAY_CLUSTER, os.environ[variable] = False, "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        os.environ.pop(variable)
        if inherited is not None:
            os.environ[variable] = inherited


@contextmanager
def _attached(address: str, code: Path | None, *, name: str) -> Iterator[RaySession]:
    runtime_env = {"working_dir": str(code)} if code and not runs_as_job() else None
    # A job has its name from whoever submitted it.
    called: Any = JobConfig(metadata={JOB_NAME: name}) if name and not runs_as_job() else None
    is_loopback = address.rpartition(":")[0] == LOOPBACK
    try:
        with _loopback_only() if is_loopback else nullcontext():
            _require_listener(address)
            with while_ray_starts():
                connected = ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    runtime_env=runtime_env,
                    job_config=called,
                )
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        raise ClusterError(
            "ADDRESS is a Ray cluster that can be reached", f"{address} ({error})", "Check address and token."
        ) from error
    pages = connected.dashboard_url
    try:
        yield _describe(owned=False, dashboard=f"http://{pages}" if pages else "")
    finally:
        with while_ray_stops():
            ray.shutdown()


def runs_as_job() -> bool:
    """Returns whether this process is a job that was handed to a cluster, or the child of one."""
    return JOB in os.environ


def _require_listener(address: str) -> None:
    # Ray's core does not raise when nothing answers: it ends the whole process, after a minute.
    target = services.canonicalize_bootstrap_address(address)
    if target is not None:  # "auto" without a cluster, of which Ray itself complains
        host, _, port = target.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), REACH_TIMEOUT_S).close()


def _describe(*, owned: bool, dashboard: str = "") -> RaySession:
    resources: dict[str, float] = ray.cluster_resources()
    address = ray.get_runtime_context().gcs_address
    return RaySession(
        address=address,
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        owned=owned,
        dashboard=dashboard,
    )


@cache
def _session_token() -> str:
    # One for the life of the process: Ray reads it once and keeps it.
    return secrets.token_hex(32)
