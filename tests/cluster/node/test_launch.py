"""What is refused before a node starts, and how a node's processes end."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from cluster import ClusterError, HeadOptions, node_folder, read_state
from cluster.node import processes as own_processes
from cluster.node.commands import start_head
from tests.cluster.node.machine import SMALL, Machine, require_nothing_left
from tests.cluster.servers import free_port
from tests.waiting import PATIENCE_S


def test_a_taken_port_is_seen_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(ClusterError, match=rf"--dashboard-port is a free port .*:{taken} .*with --dashboard-port"):
            start_head(tmp_path, HeadOptions(port=free_port(), dashboard_port=taken))
    with pytest.raises(ClusterError, match="outside 10002 to 19999"):
        start_head(tmp_path, HeadOptions(port=12345))
    with pytest.raises(ClusterError, match="--tracking-port is a port of its own"):
        start_head(tmp_path, HeadOptions(port=(port := free_port()), dashboard_port=free_port(), tracking_port=port))
    assert read_state(node_folder(tmp_path)) is None


def test_without_a_token_a_head_listens_on_loopback_alone(tmp_path: Path) -> None:
    outward = socket.gethostbyname(socket.gethostname())
    for host in {"0.0.0.0", "127.0.0.2", outward} - {"127.0.0.1"}:
        with pytest.raises(ClusterError, match=r"listens on 127\.0\.0\.1 alone|the one address of this machine"):
            start_head(tmp_path, HeadOptions(host=host), open_to_all=True)
    with pytest.raises(ClusterError, match="the one address of this machine"):
        start_head(tmp_path, HeadOptions(host="198.51.100.7"))


def test_ending_takes_stubborn_and_orphaned_processes_but_no_reused_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_processes, "TERM_TIMEOUT_S", 0.5)
    monkeypatch.setattr(own_processes, "LEAVE_TIMEOUT_S", 0.5)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {stubborn!r}], start_new_session=True)"
    marked = {**os.environ, own_processes.MARK: "ours"}
    gone = own_processes.start("head", [sys.executable, "-c", orphan], environment=marked, log=tmp_path / "orphan.log")
    root = own_processes.start("head", [sys.executable, "-c", stubborn], environment=marked, log=tmp_path / "root.log")
    other = own_processes.start(
        "head", [sys.executable, "-c", stubborn], environment=os.environ, log=tmp_path / "other.log"
    )
    while gone.find() or len(own_processes.marked("ours")) < 2:
        time.sleep(0.05)
    reused = own_processes.ProcessRecord("head", other.pid, created=other.created - 1000)
    own_processes.end([gone, root, reused], "ours")
    assert own_processes.marked("ours") == []
    found = other.find()
    assert found, "a process that only has the number of an earlier one of ours"
    found.send_signal(signal.SIGKILL)
    found.wait(10)


def test_a_start_that_fails_half_way_leaves_nothing_running(temporary: Path, environment: dict[str, str]) -> None:
    machine = Machine(temporary / "broken", environment)
    (machine.data_dir / "tracking").mkdir(parents=True)
    (machine.data_dir / "tracking" / "mlflow.db").write_text("no database" * 1000)
    ports = ("--port", free_port(), "--dashboard-port", free_port(), "--tracking-port", free_port())
    up = machine.ganlimit("up", *ports, *SMALL)
    assert up.returncode == 2
    assert "A cluster's tracking answers within 90 s, got one that ended. Its log ends:" in up.stderr
    require_nothing_left(machine, temporary)


def test_a_start_that_is_told_to_end_leaves_nothing_running(temporary: Path, environment: dict[str, str]) -> None:
    machine = Machine(temporary / "terminated", environment)
    up = machine.start("up", "--port", free_port(), "--dashboard-port", free_port(), "--no-tracking", *SMALL)
    deadline = time.monotonic() + PATIENCE_S
    while not ((state := read_state(node_folder(machine.data_dir))) and state.processes):
        assert time.monotonic() < deadline, up.communicate()
        time.sleep(0.05)
    for _ in range(2):  # as `timeout` does
        up.terminate()
    _, errors = up.communicate(timeout=PATIENCE_S)
    assert up.returncode == 143, errors
    assert errors == "Stopped. The same command again goes on from here.\n"
    require_nothing_left(machine, temporary)
