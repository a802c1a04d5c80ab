"""Whether memory, files and disk stay flat while small sweeps follow one another for hours.

    python -m tests.benchmarks.soak [--minutes 120] [--out soak.json]

One process drives all sweeps, as a notebook would, into one data directory and one tracking server on SQLite. Each
sweep has a Ray of its own and four students of one stored teacher, with a seed that no sweep had before, so that each
of them is trained. After every sweep the driver, the server and the disk are read, and of the workers what was most
while the sweep ran. A figure is flat when its median of the last quarter of the sweeps is at most 1.1 times that of
the first quarter (one in ten of the sweeps is warming up and counts for neither); a count of files or processes may be
two more. The store and the data directory grow with what they keep: flat is what one sweep adds to them. Every Ray that
was begun and ended in a process leaves a thread and a file there: more than two of each a sweep are not its doing. The
command ends with 1 when something is not flat. A sweep whose Ray does not come up in the 30 s that Ray gives it, on a
machine with much else to do, counts for nothing.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

import sweeps
from cluster import ClusterError, tracking_server
from tests.cluster.servers import free_port

MIB = 2**20
EVERY_S, FEWEST = 0.5, 10
MOST_GROWTH, MORE_HANDLES = 1.1, 2
HANDLES = ("server_files", "workers_files", "left_processes")
PER_SWEEP = ("store_mib", "data_mib", "temporary_mib")  # these grow: what a sweep adds is compared
OF_RAY = {"driver_files": 2.0, "driver_threads": 2.0}  # at most a sweep: every Ray of a process leaves one of each

Row = dict[str, float]


def spec_of(number: int) -> sweeps.SweepSpec:
    """The tiny sweep number `number`: four students of a teacher that all numbers share."""
    return sweeps.load_spec(
        "digits-seeds",
        {
            "name": f"soak-{number:05d}",
            "extractor.epochs": 1,
            "teacher.width": 8,
            "teacher.latent_size": 16,
            "teacher.pool_size": 512,
            "teacher.training.kimg": 2,
            "student.kimg": 1,
            "phases": ["search"],
            "search.sampler": "grid",
            "search.trials": 4,
            "search.seeds": [number],
            "search.points": [],
            "search.space.width": {"type": "choice", "values": [1, 2]},
            "search.space.depth": {"type": "choice", "values": [1]},
            "search.space.gan_weight": {"type": "choice", "values": [0.0, 0.05]},
            "evaluation.num_samples": 256,
            "evaluation.inception_splits": 2,
            "evaluation.rungs_kimg": [0.5],
        },
    )


class Workers:
    """What the processes of one sweep's Ray used at most, read every half second while it runs."""

    def __init__(self) -> None:
        self.most: Row = {"workers_mib": 0.0, "worker_mib": 0.0, "workers_files": 0.0}
        self._own = {psutil.Process().pid, *(child.pid for child in psutil.Process().children(recursive=True))}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Workers":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            memories, files = [], 0
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error, OSError):
                    if process.pid not in self._own:
                        memories.append(anonymous_mib(process))
                        files += process.num_fds()
            seen = {
                "workers_mib": sum(memories),
                "worker_mib": max(memories, default=0.0),
                "workers_files": float(files),
            }
            self.most = {name: max(value, seen[name]) for name, value in self.most.items()}


def anonymous_mib(process: psutil.Process) -> float:
    """MiB that the process has for itself; pages of libraries are counted nowhere, as others may share them."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def of_process(name: str, processes: Sequence[psutil.Process]) -> Row:
    return {
        f"{name}_mib": sum(map(anonymous_mib, processes)),
        f"{name}_files": float(sum(process.num_fds() for process in processes)),
        f"{name}_threads": float(sum(process.num_threads() for process in processes)),
    }


def mib_of(folder: Path) -> float:
    """MiB of all files below `folder`."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total / MIB


@contextmanager
def server_in(folder: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
    """A tracking server whose files are in `folder`: its address, and its processes."""
    before = set(psutil.Process().children(recursive=True))
    with tracking_server(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), port=free_port()) as url:
        yield url, [child for child in psutil.Process().children(recursive=True) if child not in before]


def soak(minutes: float) -> Iterator[Row]:
    """A row for each sweep, in their order."""
    with tempfile.TemporaryDirectory() as name:
        store, data, temporary = (Path(name) / part for part in ("store", "data", "temporary"))
        for folder in (store, data, temporary):
            folder.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)  # what Ray, MLflow and the sweep leave is seen there
        with server_in(store) as (url, servers):
            began = time.monotonic()
            for number in itertools.count():
                if number >= FEWEST and time.monotonic() - began >= 60 * minutes:
                    return
                start = time.monotonic()
                try:
                    with Workers() as workers:
                        result = sweeps.run_sweep(spec_of(number), data, tracking_uri=url, workers=2)
                except ClusterError as error:
                    print(error, file=sys.stderr)
                    continue
                assert result.table.num_rows == 4
                row = {"seconds": time.monotonic() - start, **workers.most}
                row |= of_process("driver", [psutil.Process()]) | of_process("server", servers)
                row["left_processes"] = float(len(psutil.Process().children(recursive=True)) - len(servers))
                row |= {"store_mib": mib_of(store), "data_mib": mib_of(data), "temporary_mib": mib_of(temporary)}
                yield row


def judged(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Of each figure the median of the first and of the last quarter, and whether it is flat."""
    warm = rows[len(rows) // 10 :]
    quarter = max(1, len(warm) // 4)
    found: dict[str, dict[str, Any]] = {}
    for name in rows[0]:
        values = [row[name] for row in warm]
        if name in PER_SWEEP or name in OF_RAY:
            values = [after - before for before, after in itertools.pairwise(values)]
        parts = values[:quarter], values[-quarter:]
        first, last = map(statistics.mean if name in OF_RAY else statistics.median, parts)
        most = max(MOST_GROWTH * first, first + 0.01)
        most = OF_RAY.get(name, first + MORE_HANDLES if name in HANDLES else most)
        found[name] = {"first": first, "last": last, "flat": last <= most}
    return found


def show(rows: Sequence[Row], found: dict[str, dict[str, Any]], console: Console) -> None:
    table = Table(box=None, header_style="bold", title=f"{len(rows)} sweeps of 4 students, one after the other")
    for heading in ("", "first quarter", "last quarter", ""):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, row in found.items():
        named = f"{name}, a sweep adds" if name in PER_SWEEP or name in OF_RAY else name
        table.add_row(named, f"{row['first']:.2f}", f"{row['last']:.2f}", "flat" if row["flat"] else "GROWS")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0, help="Ctrl-C ends it before, and judges what there is")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments, console, rows = parser.parse_args(), Console(), list[Row]()
    with suppress(KeyboardInterrupt):
        for row in soak(arguments.minutes):
            rows.append(row)
            if len(rows) % FEWEST == 0:
                keep(rows, arguments.out)
                held = f"driver {row['driver_mib']:.0f} MiB, server {row['server_mib']:.0f} MiB"
                console.print(f"{len(rows)} sweeps, the last in {row['seconds']:.0f} s, {held}")
    found = keep(rows, arguments.out)
    show(rows, found, console)
    sys.exit(0 if all(row["flat"] for row in found.values()) else 1)


def keep(rows: Sequence[Row], out: Path | None) -> dict[str, dict[str, Any]]:
    """What is judged of the sweeps so far, written where it is kept."""
    found = judged(rows)
    if out:
        minutes = sum(row["seconds"] for row in rows) / 60
        out.write_text(
            json.dumps({"minutes": round(minutes, 1), "sweeps": len(rows), "judged": found}, indent=1) + "\n"
        )
    return found


if __name__ == "__main__":
    main()
