"""A machine of one's own, as `ganlimit cluster` sees it: a data directory and an environment."""

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cluster import ClusterOverview, NodeState, cluster_overview, node_folder, read_state
from tests.waiting import PATIENCE_S

SMALL = ("--num-cpus", "1", "--object-store-memory", "100000000")


@dataclass(frozen=True)
class Machine:
    """A data directory of this machine, and the commands in it."""

    data_dir: Path
    environment: dict[str, str]

    def ganlimit(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = self._command(*arguments)
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self._command(*arguments), env=self.environment, text=True, **pipes)

    def _command(self, *arguments: object) -> list[str]:
        words = ["cluster", *map(str, arguments), "--data-dir", str(self.data_dir)]
        return [sys.executable, "-m", "sweeps.cli", *words]

    @property
    def state(self) -> NodeState:
        state = read_state(node_folder(self.data_dir))
        assert state
        return state

    @property
    def token(self) -> Path:
        return self.data_dir / "cluster" / "token"

    def overview(self) -> ClusterOverview:
        return cluster_overview(self.state.dashboard_url, Path(str(self.state.token_file)))

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token.read_text()}", "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.state.dashboard_url + path, content, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


def require_nothing_left(machine: Machine, temporary: Path) -> None:
    assert read_state(node_folder(machine.data_dir)) is None
    assert list((temporary / "tmp").iterdir()) == []
    inside = [process for process in psutil.process_iter() if str(temporary) in " ".join(cmdline(process))]
    assert inside == []


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
