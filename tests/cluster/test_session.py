"""Ray sessions for real, each in a process of its own, as Ray is one to a process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


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


def test_an_embedded_ray_is_our_own_on_loopback_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    output = run_python(
        """
        import os, psutil, ray
        from cluster import ray_session

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
        gone, alive = psutil.wait_procs(children, timeout=10)
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
def test_a_second_embedded_ray_does_not_join_the_first() -> None:
    code = """
        import subprocess, sys
        from cluster import ray_session
        inner = "from cluster import ray_session\\nwith ray_session(num_cpus=1) as s: print(s.address, s.cpus)"
        with ray_session(num_cpus=2) as outer:
            address, cpus = subprocess.run(
                [sys.executable, "-c", inner], capture_output=True, text=True, check=True
            ).stdout.split()
            assert address != outer.address and cpus == "1", (address, cpus)
            import ray
            assert ray.cluster_resources()["CPU"] == 2  # still there
        print("fine")
        """
    assert run_python(code).strip() == "fine"


def test_an_open_connection_and_an_unreachable_cluster_are_clear_errors() -> None:
    code = """
        from unittest import mock
        from cluster import ClusterError, ray_session
        import ray
        try:
            with ray_session("127.0.0.1:1"):
                pass
        except ClusterError as error:
            assert "can be reached, got 127.0.0.1:1" in str(error), error
        else:
            raise AssertionError("no error")
        with ray_session(num_cpus=1):
            try:
                with ray_session():
                    pass
            except ClusterError as error:
                assert "Call ray.shutdown() first." in str(error), error
            else:
                raise AssertionError("no error")
        print("fine")
        """
    assert run_python(code, RAY_gcs_rpc_server_reconnect_timeout_s="3").strip() == "fine"
