"""Several hosts on one machine: network namespaces with addresses of their own, on a bridge of a test's own."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

NETWORK = "10.77.{}"  # used by nobody outside the namespaces
BRIDGE = "glb{}"

KEPT = ("PATH", "LANG", "PYTHONPATH", "RAY_worker_niceness")  # of the environment of the tests


@dataclass
class Host:
    """A host with its own address, home and temporary folder, which shares nothing with the others but the file system
    that its processes do not look at.
    """

    name: str
    address: str
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command on this host."""
        return ("ip", "netns", "exec", self.name)

    def start(self, *command: object, stdin: int = subprocess.DEVNULL, **environment: str) -> subprocess.Popen[str]:
        """Start a command on this host; what it says goes to its stdout."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        threads = {"OMP_NUM_THREADS": "1"}
        own = {"HOME": str(self.home), "TMPDIR": str(self.home / "tmp"), **threads}
        return subprocess.Popen(
            [*self.inside, *map(str, command)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home,
            env={**kept, **own, **self.environment, **environment},
            start_new_session=True,
        )

    def run(self, *command: object, expect: int = 0, **environment: str) -> str:
        """Run a command on this host to its end; what it said."""
        process = self.start(*command, **environment)
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == expect, said
        return said

    def ganlimit(self, *words: object, expect: int = 0, **environment: str) -> str:
        """Run our command line on this host."""
        return self.run(sys.executable, "-m", "sweeps.cli", *words, expect=expect, **environment)

    def processes(self) -> list[int]:
        """The ids of all that runs on this host."""
        return [int(pid) for pid in _ip("netns", "pids", self.name).split()]

    def command(self, pid: int) -> bytes:
        """The command line of a process, its words apart by zero bytes; nothing where it has ended."""
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""

    def signal(self, title: bytes, signum: int) -> None:
        """Send a signal to the processes whose command line begins so."""
        for pid in self.processes():
            if self.command(pid).startswith(title):
                with suppress(ProcessLookupError):
                    os.kill(pid, signum)

    def kill(self) -> None:
        """End all that runs here at once, without any grace: the host lost its power."""
        deadline = time.monotonic() + PATIENCE_S
        while pids := self.processes():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, pids
            time.sleep(0.1)


@dataclass(frozen=True)
class Network:
    """The hosts, and the address at which they find this machine itself."""

    gateway: str
    hosts: Sequence[Host]


@contextmanager
def network(folder: Path, *names: str) -> Iterator[Network]:
    """Hosts with these names; the test skips where namespaces are not allowed. `folder` is short, for sockets."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    number = _add_bridge()
    subnet, bridge, prefix = NETWORK.format(number), BRIDGE.format(number), f"gl{number}"
    hosts = [Host(f"{prefix}-{name}", f"{subnet}.{n}", folder / name) for n, name in enumerate(names, start=2)]
    try:
        _ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for n, host in enumerate(hosts):
            _add(host, bridge, f"{prefix}v{n}")
            (host.home / "tmp").mkdir(parents=True)
        yield Network(f"{subnet}.1", hosts)
    finally:
        for host in hosts:
            with suppress(AssertionError):
                host.kill()
            with suppress(AssertionError):
                _ip("netns", "del", host.name)
        with suppress(AssertionError):
            _ip("link", "del", bridge)


def _add_bridge() -> int:
    """Make a bridge whose number no other test has. One that was cut off may have left its own."""
    for number in random.sample(range(10, 250), 50):
        try:
            _ip("link", "add", BRIDGE.format(number), "type", "bridge")
        except AssertionError as error:
            if "exists" not in str(error):
                pytest.skip(f"network namespaces are not allowed: {error}")
        else:
            return number
    raise AssertionError("fifty bridges are there already")


def _add(host: Host, bridge: str, link: str) -> None:
    _ip("netns", "add", host.name)
    _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", link, "master", bridge)
    _ip("link", "set", link, "up")
    inside = ("netns", "exec", host.name, "ip")
    _ip(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "link", "set", "lo", "up")


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
