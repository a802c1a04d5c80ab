"""Ray sessions for real, each in a process of its own, as Ray is one to a process."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until


@pytest.fixture
def temporary() -> Iterator[Path]:
    # Not tmp_path, which is too long for Ray's sockets.
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run_python(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_embedded_ray_is_our_own_on_loopback_and_leaves_nothing_behind(tmp_path: Path, temporary: Path) -> None:
    output = run_python(
        """
        import psutil, ray
        from cluster import ClusterError, ray_session

        @ray.remote
        def square(x):
            return x * x

        with ray_session(num_cpus=2) as session:
            assert session.owned and session.cpus == 2, session
            assert session.address.startswith("127.0.0.1:"), session
            assert ray.get(square.remote(7)) == 49
            children = psutil.Process().children(recursive=True)
            listening = {c.laddr.ip for p in children for c in p.net_connections("tcp") if c.status == "LISTEN"}
            assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}, listening
            started = {argument.rpartition("/")[2] for p in children for argument in p.cmdline()}
            assert "raylet" in started and not {"dashboard.py", "log_monitor.py", "monitor.py"} & started, started
            try:
                with ray_session():
                    raise AssertionError("no error")
            except ClusterError as error:
                assert "Call ray.shutdown() first." in str(error), error
        gone, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, alive
        print("fine")
        """,
        HOME=str(tmp_path),
        TMPDIR=str(temporary),
    )
    assert output.strip() == "fine"
    assert list(temporary.glob("gl-*")) == []
    assert not (tmp_path / ".ray").exists(), "no token is kept in the home directory"


@pytest.mark.slow
def test_a_second_embedded_ray_does_not_join_the_first_and_attaching_only_disconnects() -> None:
    code = """
        import subprocess, sys
        from cluster import ray_session
        inner = "from cluster import ray_session\\nwith ray_session({}) as s: print(s.address, s.cpus, s.owned)"

        def session(arguments):
            command = [sys.executable, "-c", inner.format(arguments)]
            return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()

        with ray_session("local", num_cpus=2) as outer:
            address, *own = session("num_cpus=1")
            assert address != outer.address and own == ["1", "True"], (address, own)
            assert session(repr(outer.address)) == [outer.address, "2", "False"]
            import ray
            assert ray.cluster_resources()["CPU"] == 2  # still there
        print("fine")
        """
    assert run_python(code).strip() == "fine"


def test_an_unreachable_cluster_is_a_clear_error() -> None:
    code = """
        from cluster import ClusterError, ray_session
        for address in ("127.0.0.1:1", "127.0.0.1:99999", "no-such-host.invalid:6379", "junk"):
            try:
                with ray_session(address):
                    pass
            except ClusterError as error:
                assert f"can be reached, got {address} (" in str(error), error
            else:
                raise AssertionError(address)
        print("fine")
        """
    assert run_python(code).strip() == "fine"


def test_a_temporary_folder_too_long_for_sockets_is_a_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 12)
    folder.mkdir()
    code = """
        from cluster import ClusterError, ray_session
        try:
            ray_session().__enter__()
        except ClusterError as error:
            print(error)
        """
    assert run_python(code, TMPDIR=str(folder)).strip().endswith("Set TMPDIR to a shorter one.")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_ends_the_block_before_any_worker_and_a_second_one_waits_for_the_end(
    signum: signal.Signals, tmp_path: Path, temporary: Path
) -> None:
    code = f"""
        import ray, psutil, signal, time
        from cluster import ray_session

        @ray.remote
        def work():
            time.sleep(1)
            return "worked on"

        def runs(process):
            try:
                return process.status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return False

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with ray_session(num_cpus=1):
                children = psutil.Process().children(recursive=True)
                try:
                    task = work.remote()
                    print("ready", flush=True)
                    time.sleep(60)
                except KeyboardInterrupt:
                    print(ray.get(task, timeout=200), flush=True)
                    stop = ray.shutdown
                    ray.shutdown = lambda: (signal.raise_signal({signum}), stop())
        except KeyboardInterrupt:
            deadline = time.monotonic() + 60
            while (left := [one for one in children if runs(one)]) and time.monotonic() < deadline:
                time.sleep(0.1)
            print("interrupted", left, flush=True)
        """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(temporary), "RAY_AUTH_MODE": "token"},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signum)  # as a terminal, `timeout` and schedulers do, to all of the group
        assert process.stdout.read() == "worked on\ninterrupted []\n"
    assert process.returncode == 0
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / ".ray").exists(), "no token is kept in the home directory"


def test_a_process_that_is_killed_leaves_no_worker_behind(temporary: Path) -> None:
    """Ray's two agents of a node look for their store for a minute, and then end as well."""
    code = """
        import psutil, time
        from cluster import ray_session

        with ray_session(num_cpus=1):
            children = psutil.Process().children(recursive=True)
            print(*(child.pid for child in children if not child.name().endswith("Agent")), flush=True)
            time.sleep(60)
        """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    with process:
        assert process.stdout is not None
        children = [int(pid) for pid in process.stdout.readline().split()]
        os.killpg(process.pid, signal.SIGKILL)
    assert children
    wait_until(lambda: not any(is_alive(pid) for pid in children))


def test_a_ctrl_c_that_comes_while_ray_fails_to_start_is_not_lost(temporary: Path) -> None:
    code = """
        import signal, sys
        from cluster import ray_session

        def fail(event, arguments):
            if event == "subprocess.Popen":  # Ray's first process
                signal.raise_signal(signal.SIGINT)
                raise PermissionError("no process may be started")

        sys.addaudithook(fail)
        try:
            with ray_session(num_cpus=1):
                pass
        except KeyboardInterrupt as error:
            print(type(error.__context__).__name__)
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
        """
    assert run_python(code, TMPDIR=str(temporary)) == "PermissionError\n"
    assert list(temporary.glob("gl-*")) == []


def test_a_ray_that_does_not_come_up_in_time_is_a_clear_error_and_leaves_nothing(temporary: Path) -> None:
    """Its node is never seen, and the 30 s that Ray waits for it are over in one."""
    code = """
        import time, types, psutil
        from ray._private import node, services
        from cluster import ClusterError, ray_session

        def unseen(*arguments):
            raise RuntimeError("no such node")

        services.get_node = unseen
        node.time = types.SimpleNamespace(**{**vars(time), "monotonic": lambda: 30 * time.monotonic()})
        try:
            with ray_session(num_cpus=1):
                pass
        except ClusterError as error:
            print(error)
        print(psutil.Process().children(recursive=True))
        """
    said = run_python(code, TMPDIR=str(temporary)).splitlines()
    assert said[0].startswith("A Ray of its own starts on this machine within Ray's 30 s, got")
    assert said[0].endswith("give the same command again.")
    assert said[1] == "[]"
    left = [process for process in psutil.process_iter(["cmdline"]) if str(temporary) in str(process.info["cmdline"])]
    assert left == [], "not even what its processes have started"
    assert list(temporary.glob("gl-*")) == []


@pytest.mark.parametrize(
    ("when", "owner"),
    [
        ("start_raylet", "ray._private.node.Node"),  # Ray has set its handler in Python
        ("CoreWorker", "ray._raylet"),  # and its handler in C, a crash dump
        ("disconnect", "ray._private.state.state"),  # and, as it stops, no handler at all
    ],
)
def test_a_sigterm_that_comes_while_ray_starts_or_stops_is_the_programs_own(
    when: str, owner: str, temporary: Path
) -> None:
    code = f"""
        import os, psutil, ray, ray._private.node, ray._private.state, ray._raylet, signal
        from cluster import ray_session

        def end(*_):
            raise KeyboardInterrupt

        def then_terminated(*given, **options):
            found = before(*given, **options)
            os.kill(os.getpid(), signal.SIGTERM)
            return found

        before, {owner}.{when} = {owner}.{when}, then_terminated
        signal.signal(signal.SIGTERM, end)
        try:
            with ray_session(num_cpus=1):
                print("inside")
        except KeyboardInterrupt:
            print("ended by its own handler", signal.getsignal(signal.SIGTERM) is end)
        print(psutil.Process().children())
        """
    said = run_python(code, TMPDIR=str(temporary)).splitlines()
    assert said[-2:] == ["ended by its own handler True", "[]"]
    assert len(said) == 3 - (when != "disconnect"), said
    assert list(temporary.iterdir()) == []
