"""How long a sweep of many finished trials takes to go on: from the command to its first new trial.

    python -m tests.benchmarks.resume [--trials 10000] [--against REV] [--runs 3] [--out docs/records/speed/resume.json]

`resumable.py` makes a data directory once. `ganlimit sweep resume` then goes on with a copy of it, in a process of its
own, until the folder of a new trial is there: by the code of this tree and, in turns, by that of another revision of
the repository where one is given. Of a shared machine CPU times say more than the clock: they are of the driver alone,
and so is the peak of its memory.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.resumable import NAME, make_data
from tests.revisions import REPOSITORY, checked_out, environment_of

POLL_S = 0.05
PATIENCE_S = 3600.0  # for a first new trial


@dataclass(frozen=True)
class Resumption:
    """What a driver had used when its first new trial began."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def resumption(code: Path, data_dir: Path) -> Resumption:
    """Go on with the sweep in `data_dir` by the `code` of a revision, until a new trial has begun."""
    trials = data_dir / "sweeps" / NAME / "trials"
    before = trials.stat().st_mtime_ns
    command = [sys.executable, "-m", "sweeps.cli", "sweep", "resume", NAME, "--workers", "1", f"--data-dir={data_dir}"]
    with (data_dir / "log").open("w") as log:
        began = time.perf_counter()
        driver = psutil.Popen(
            command, cwd=code, env=environment_of(code), stdout=log, stderr=log, start_new_session=True
        )
        try:
            while trials.stat().st_mtime_ns == before:
                if driver.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                    raise RuntimeError(f"no new trial began: {(data_dir / 'log').read_text()[-2000:]}")
                time.sleep(POLL_S)
            wall_s, times = time.perf_counter() - began, driver.cpu_times()
            return Resumption(wall_s, times.user + times.system, _peak_mib(driver.pid))
        finally:
            _end(driver)


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _end(driver: psutil.Popen) -> None:
    """End the driver and the processes of its Ray, without waiting for what a driver does at its end."""
    processes = [driver, *driver.children(recursive=True)] if driver.poll() is None else []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=30)


def measure(arguments: argparse.Namespace, folder: Path, save: Any) -> None:
    """Go on with copies of one data directory by each code in turns, calling `save` after each time."""
    data_dir, master = folder / "data", folder / "master"  # where it was made, as its store says of its artifacts
    if not master.exists():
        make_data(data_dir, arguments.trials)
        data_dir.rename(master)
    codes = {"now": REPOSITORY}
    if arguments.against:
        codes = {arguments.against: checked_out(arguments.against, folder / "code"), **codes}
    found: dict[str, list[Resumption]] = {name: [] for name in codes}
    for _ in range(arguments.runs):
        for name, code in codes.items():
            shutil.rmtree(data_dir, ignore_errors=True)
            shutil.copytree(master, data_dir)
            found[name].append(resumption(code, data_dir))
            save(found)


def medians(runs: Sequence[Resumption]) -> dict[str, float]:
    """The median of each figure over some runs."""
    return {name: statistics.median(getattr(run, name) for run in runs) for name in asdict(runs[0])}


def print_table(found: Mapping[str, Sequence[Resumption]], trials: int) -> None:
    """The medians of each code, and how many times faster the last one is than the first."""
    table = Table(box=None, header_style="bold", title=f"{trials:,} finished trials, to the first new one")
    for heading in ("code", "runs", "seconds", "CPU seconds", "peak MiB"):
        table.add_column(heading, justify="left" if heading == "code" else "right")
    rows = {name: medians(runs) for name, runs in found.items() if runs}
    for name, row in rows.items():
        table.add_row(name, str(len(found[name])), *(f"{row[key]:.1f}" for key in ("wall_s", "cpu_s", "peak_mib")))
    console = Console()
    console.print(table)
    if len(rows) > 1:
        first, *_, last = rows.values()
        console.print(f"{first['wall_s'] / last['wall_s']:.1f} times faster by the clock,", end=" ")
        console.print(f"{first['cpu_s'] / last['cpu_s']:.1f} by CPU time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", metavar="REV", help="another revision to measure in the same run")
    parser.add_argument("--keep", type=Path, help="an empty folder, for data and code, which stays and is used again")
    parser.add_argument("--out", type=Path, help="a JSON file")
    arguments = parser.parse_args()

    def save(found: Mapping[str, Sequence[Resumption]]) -> None:
        print_table(found, arguments.trials)
        if arguments.out:
            runs = {name: [asdict(run) for run in runs] for name, runs in found.items()}
            kept = {"trials": arguments.trials, "cores": os.cpu_count(), "runs": runs}
            arguments.out.write_text(json.dumps(kept, indent=1) + "\n")

    with tempfile.TemporaryDirectory(prefix="gl-resume-") as name:
        measure(arguments, (arguments.keep or Path(name)).resolve(), save)


if __name__ == "__main__":
    main()
