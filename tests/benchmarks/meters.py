"""What a sweep under way costs: CPU seconds, memory, requests and disk, by process, over windows of trials."""

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PERCENTILE = 0.95
TRAINABLE = "ray::ImplicitFunc"  # Ray Tune's name for a worker that runs trials


@dataclass
class Durations:
    """How long something took, each time: wall clock and CPU time of the calling thread, in seconds."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.thread_time()

    def __exit__(self, *error: object) -> None:
        self.wall_s.append(time.perf_counter() - self._began[0])
        self.cpu_s.append(time.thread_time() - self._began[1])

    def taken(self) -> dict[str, float]:
        """Milliseconds since the last call of this, which are then forgotten."""
        found = {"count": float(len(self.wall_s)), **_summary("wall_ms", self.wall_s), **_summary("cpu_ms", self.cpu_s)}
        self.wall_s, self.cpu_s = [], []
        return found


def _summary(name: str, seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    ordered = sorted(seconds)
    high = ordered[min(len(ordered) - 1, int(PERCENTILE * len(ordered)))]
    found = {"mean": statistics.mean(seconds), "median": statistics.median(seconds), "p95": high, "most": ordered[-1]}
    return {f"{name}_{statistic}": 1000 * value for statistic, value in found.items()}


class RequestMeter:
    """Reads what `replay.note_requests` has written, and what of it was written by this process."""

    def __init__(self, folder: Path, driver_folder: Path) -> None:
        self._folders = {"workers": folder, "driver": driver_folder}
        self._read: Counter[Path] = Counter()

    def taken(self) -> dict[str, dict[str, dict[str, float]]]:
        """By who asked and by endpoint: how many requests since the last call, and their milliseconds."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for who, folder in self._folders.items():
            seconds: dict[str, list[float]] = {}
            for line in (line for path in sorted(folder.iterdir()) for line in self._new_lines(path)):
                endpoint, duration, thread, _ = line.split(",")
                if who == "workers" or thread == "main":
                    seconds.setdefault(endpoint, []).append(float(duration))
            found[who] = {name: {"count": float(len(s)), **_summary("wall_ms", s)} for name, s in seconds.items()}
        return found

    def _new_lines(self, path: Path) -> list[str]:
        with path.open() as file:
            file.seek(self._read[path])
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read[path] += len(whole)
        return whole.splitlines()


@dataclass(frozen=True)
class Usage:
    """Of a group of processes: CPU seconds so far, resident and unshared memory in MiB, how many they are."""

    cpu_s: float
    rss_mib: float
    uss_mib: float
    processes: int


def usage_of(roots: Iterable[int], whole_tree: bool = True) -> Usage:
    """The usage of processes and, with `whole_tree`, of those that they started, ended ones among them (Linux)."""
    cpu_s, rss_mib, uss_mib, count = 0.0, 0.0, 0.0, 0
    for root in roots:
        for pid in [root, *(descendants(root) if whole_tree else [])]:
            with suppress(OSError):
                memory_mib = _memory_mib(pid)
                cpu_s += _cpu_s(pid, with_ended_children=whole_tree)
                rss_mib, count = rss_mib + memory_mib["Rss"], count + 1
                uss_mib += memory_mib["Private_Clean"] + memory_mib["Private_Dirty"]
    return Usage(cpu_s, rss_mib, uss_mib, count)


def descendants(pid: int) -> list[int]:
    """The processes that a process has started and that still run, and theirs."""
    found = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def ray_processes() -> dict[str, list[int]]:
    """The processes of the Ray that this process has started: workers, and all that keeps them together."""
    found: dict[str, list[int]] = {"workers": [], "ray": []}
    for pid in descendants(os.getpid()):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            if command.startswith(TRAINABLE):
                found["workers"].append(pid)
            elif command.startswith("ray::") or "/ray/" in command:
                found["ray"].append(pid)
    return found


def _cpu_s(pid: int, with_ended_children: bool) -> float:
    # utime, stime, cutime and cstime of proc(5); the name, in brackets before them, may hold blanks.
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks[: 4 if with_ended_children else 2])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) / 2**10 for name, _, rest in (line.partition(":") for line in lines)}


def disk_mib(path: Path) -> float:
    """What a file, or all files under a folder, hold, in MiB."""
    if path.is_file():
        return path.stat().st_size / 2**20
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total / 2**20


def difference(now: Mapping[str, Usage], before: Mapping[str, Usage]) -> dict[str, dict[str, Any]]:
    """CPU seconds between two readings, and the memory at the later one. Groups that have lost a process are left out:
    its CPU time is gone with it."""
    return {
        name: {
            "cpu_s": usage.cpu_s - (before[name].cpu_s if name in before else 0.0),
            "rss_mib": usage.rss_mib,
            "uss_mib": usage.uss_mib,
            "processes": usage.processes,
        }
        for name, usage in now.items()
        if name not in before or usage.processes >= before[name].processes
    }
