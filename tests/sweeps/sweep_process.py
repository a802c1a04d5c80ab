"""A sweep in a process of its own and a data directory of its own, which a test disturbs while it runs."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

import sweeps
from analysis import TrialState
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.journal import Record
from sweeps.ledger.tags import WORKER
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.waiting import wait_until

GRID = {
    "width": {"type": "choice", "values": [1, 2, 3, 4]},
    "depth": {"type": "choice", "values": [1, 2]},
    "gan_weight": {"type": "choice", "values": [0.0, 0.01, 0.02, 0.03, 0.05]},
}


class Sweep:
    """A sweep of its own in a data directory of its own, run as a user runs it."""

    def __init__(self, tiny: dict[str, Any], folder: Path, **search: Any) -> None:
        self.data_dir, self.spec_path = folder / "data", folder / "sweep.yaml"
        tiny |= {"name": "faults", "phases": ["search"]}
        tiny["search"] |= {"points": [], **search}
        self.name = tiny["name"]
        self.spec_path.write_text(yaml.safe_dump(tiny))
        self.environment = dict(os.environ)

    def with_models_of(self, finished: Any) -> "Sweep":
        """The sweep, with teacher and classifier from another one's data directory, so that they need no training."""
        shutil.copytree(finished.data_dir, self.data_dir, dirs_exist_ok=True)
        return self

    @property
    def trials(self) -> Path:
        return self.data_dir / "sweeps" / self.name / "trials"

    @property
    def tracking(self) -> Tracking:
        return Tracking(Workspace.existing(self.data_dir).store)

    def start(self, *options: str, in_background: bool = False, own_group: bool = False) -> subprocess.Popen[str]:
        """Run it; `in_background` as a script's `command &` does, which ignores Ctrl-C.

        With `own_group` it leads a process group, so that a test may send all of it a signal.
        """
        command = [sys.executable, "-m", "sweeps.cli", "sweep", "run", str(self.spec_path), "--quiet", "--json"]
        return subprocess.Popen(
            [*command, "--data-dir", str(self.data_dir), "--workers", "2", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            preexec_fn=ignore_sigint if in_background else None,
            process_group=0 if own_group else None,
        )

    def go_on(self) -> None:
        """Run to the end in this process, which has imported everything already, with one worker to start."""
        sweeps.run_sweep(sweeps.load_spec(self.spec_path), self.data_dir, workers=1)

    def records(self) -> dict[str, Record]:
        return {folder.key: record for folder in MountedTrials(self.trials).folders() if (record := folder.record())}

    def states(self) -> Counter[str]:
        return Counter(str(record.state) for record in self.records().values())

    def runs(self) -> list[Any]:
        tracking = self.tracking
        parent = tracking.find_sweep(self.name)
        assert parent is not None
        return list(tracking.each_trial(parent.info.run_id))

    def kimg_of(self, run: Any) -> list[float]:
        history = self.tracking.client.get_metric_history(run.info.run_id, "kimg")
        return [metric.value for metric in history]


def ignore_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def running(sweep: Sweep) -> list[Record]:
    return [record for record in sweep.records().values() if record.state == TrialState.RUNNING]


def is_amid(sweep: Sweep, done: int) -> bool:
    """Whether more trials than those have ended, and one runs."""
    states = sweep.states()
    return states["COMPLETED"] > done and states["RUNNING"] > 0


def worker_of(record: Record) -> int:
    """The process that runs the trial."""
    return int(record.tags[WORKER].rpartition(":")[2])


def wait_for_checkpoints(sweep: Sweep, trials: int) -> None:
    """Returns when so many trials run and have a checkpoint; each waits there for the others."""
    held: set[int] = set()

    def hold() -> bool:
        for folder in MountedTrials(sweep.trials).folders():
            record = folder.record()
            if record and folder.checkpoint_path.exists() and (worker := worker_of(record)) not in held:
                os.kill(worker, signal.SIGSTOP)
                held.add(worker)
        return len(held) == trials

    wait_until(hold, every_s=0.02)
    for worker in held:
        os.kill(worker, signal.SIGCONT)
