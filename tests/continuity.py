"""Whether a sweep that an earlier revision began goes on with this one: the same rows, and nothing twice.

    python -m tests.continuity REV

The code of REV makes the models of a small sweep of the digits, runs it whole in one data directory, and begins it in a
copy, where it gets Ctrl-C after some trials. This tree goes on from there. Spec and seed alone decide what the sweep
asks, so the two must agree in everything but circumstances. Prints what was compared; ends with exit code 1 where
something differs.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
import pyarrow as pa
import yaml

import analysis
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.table import sweep_table
from sweeps.search.study_file import open_storage
from tests.revisions import REPOSITORY, checked_out, environment_of

NAME = "continued"
SPEC: dict[str, Any] = {
    "name": NAME,
    "dataset": "digits",
    "extractor": {"epochs": 3},
    "teacher": {"width": 8, "latent_size": 16, "pool_size": 512, "training": {"kimg": 6}},
    "student": {"kimg": 6},
    "search": {
        "trials": 9,
        "sampler": "nsgaii",
        "population_size": 3,
        "reproducible": True,
        "batch_size": 3,
        "space": {
            "width": {"type": "int", "low": 1, "high": 6},
            "depth": {"type": "int", "low": 1, "high": 2},
            "gan_weight": {"type": "float", "low": 0.0, "high": 0.1},
        },
    },
    "phases": ["search", "baseline"],
    "baseline": {"kimg": 2},
    "evaluation": {"num_samples": 256, "inception_splits": 2, "rungs_kimg": [2, 4]},
    "limit": {"metric": "fid", "tolerance": 1.0},
}
CIRCUMSTANCES = ["run_id", "wall_s", "latency_ms"]  # where, when and how fast a trial ran
MEASUREMENTS = 3  # of a student: at its rungs and at its end
ENOUGH = 4  # trials that have ended before Ctrl-C: more than a batch
PATIENCE_S = 1800.0


class Directory:
    """A data directory of the sweep, in which the code of any revision works as a user has it work."""

    def __init__(self, path: Path, spec: Path) -> None:
        self.path, self._spec = path, spec
        self.trials = MountedTrials(path / "sweeps" / NAME / "trials")

    def start(self, code: Path, *words: str) -> "subprocess.Popen[str]":
        """Begin a command of the code of a revision."""
        command = [sys.executable, "-m", "sweeps.cli", *words, "--data-dir", str(self.path), "--quiet"]
        return subprocess.Popen(
            command, cwd=code, env=environment_of(code), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def run(self, code: Path, *words: str, expect: int = 0) -> None:
        """Have a command done."""
        end(self.start(code, *words), expect)

    def begin(self, code: Path, enough: int) -> None:
        """Run the sweep until `enough` trials have ended and one runs, then send Ctrl-C."""
        driver, deadline = self.start(code, "sweep", "run", str(self._spec), "--workers", "1"), time.monotonic()
        while not (self.count("COMPLETED") >= enough and self.count("RUNNING")):
            if driver.poll() is not None or time.monotonic() > deadline + PATIENCE_S:
                raise SystemExit(f"the sweep did not get as far as Ctrl-C: {driver.communicate()[1]}")
            time.sleep(0.05)
        driver.send_signal(signal.SIGINT)
        end(driver, 130)

    def count(self, state: str) -> int:
        """Returns how many trials are in a state."""
        records = [folder.record() for folder in self.trials.folders()]
        return sum(record is not None and record.state == state for record in records)

    def table(self) -> pa.Table:
        """Returns the sweep's rows as the store has them."""
        return sweep_table(self._tracking, NAME)

    def runs(self) -> dict[str, Any]:
        """Returns the runs by id, each with the kimg at which it was measured."""
        client, parent = self._tracking.client, self._tracking.find_sweep(NAME)
        assert parent is not None
        return {
            run.info.run_id: (run.info.end_time, [m.value for m in client.get_metric_history(run.info.run_id, "kimg")])
            for run in self._tracking.each_trial(parent.info.run_id)
        }

    def study(self) -> list[Any]:
        """Returns what the study was asked and told, in order."""
        study = optuna.load_study(study_name=NAME, storage=open_storage(self.path / "sweeps" / NAME))
        return [(trial.params, trial.values, trial.state) for trial in study.trials]

    def reported(self) -> pa.Table:
        """Returns the table beside the report."""
        return analysis.read_table(self.path / "sweeps" / NAME / "report" / "trials.parquet")

    @property
    def _tracking(self) -> Tracking:
        return Tracking(Workspace(self.path, tracking_uri="").store)


def end(process: "subprocess.Popen[str]", expect: int) -> None:
    """Wait for a command, which is to end with the exit code `expect`."""
    _, errors = process.communicate(timeout=PATIENCE_S)
    if process.returncode != expect:
        raise SystemExit(f"exit code {process.returncode}, not {expect}: {errors[-3000:]}")


def compare(whole: Directory, before: dict[str, Any], gone_on: Directory) -> dict[str, bool]:
    """What must be true of a sweep that went on, by name. `before` are the runs that there were at Ctrl-C."""
    rows, expected = (one.table().drop_columns(CIRCUMSTANCES).to_pylist() for one in (gone_on, whole))
    runs, keys = gone_on.runs(), [row["trial_key"] for row in rows]
    done = {run_id: (ended, kimg) for run_id, (ended, kimg) in before.items() if len(kimg) == MEASUREMENTS}
    return {
        f"{len(rows)} rows are those of the sweep that ran whole": repr(rows) == repr(expected),
        f"{len(set(keys))} identities have one run each": len(keys) == len(set(keys)) == len(runs),
        f"{len(done)} runs that had ended were left alone": bool(done) and done.items() <= runs.items(),
        "no rung of a trial was measured twice": all(len(kimg) == len(set(kimg)) for _, kimg in runs.values()),
        "the study was asked and told the same": gone_on.study() == whole.study(),
        "the report has the same rows": gone_on.reported().equals(gone_on.table()),
    }


def examine(revision: str, folder: Path) -> dict[str, bool]:
    """Begin the sweep with the code of `revision`, go on with this tree, and compare."""
    code, spec = checked_out(revision, folder / "code"), folder / "sweep.yaml"
    spec.write_text(yaml.safe_dump(SPEC))
    whole, begun = (Directory(folder / name, spec) for name in ("whole", "begun"))
    whole.run(code, "teacher", "train", str(spec))
    shutil.copytree(whole.path, begun.path)
    whole.run(code, "sweep", "run", str(spec), "--workers", "1")
    begun.begin(code, ENOUGH)
    before = begun.runs()
    print(f"{revision} was interrupted when {len(before)} trials had begun", flush=True)
    begun.run(REPOSITORY, "sweep", "resume", NAME, "--workers", "1")
    return compare(whole, before, begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", metavar="REV", help="a revision of this repository that the clone has")
    with tempfile.TemporaryDirectory(prefix="gl-continuity-") as folder:
        found = examine(parser.parse_args().revision, Path(folder))
    for name, is_so in found.items():
        print("yes" if is_so else "NO ", name)
    sys.exit(not all(found.values()))


if __name__ == "__main__":
    main()
