"""This module measures how long generators take: several side by side, in turns, so that a machine's moods are shared.

A time is a property of a machine, its threads and its libraries: together they are a measurement protocol, and times of
two protocols are never compared. It needs no PyTorch, so that a process may time an export with its runtime alone.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from gan.config import Config
from gan.digests import value_digest

WARM_UPS, ROUNDS = 10, 40
TURN_S, LARGEST_TURN = 0.005, 20  # of a contender in a round: at least one call
LONGEST_S = 20.0  # of all rounds together, of which there are 3 at least
PACKAGES = ("torch", "onnxruntime")  # of every protocol, where they are installed


class MeasurementProtocol(Config):
    """A MeasurementProtocol is all that makes two times comparable: a CPU, its threads, and the versions that ran.

    >>> protocol = MeasurementProtocol.here(threads=1)
    >>> protocol.threads, protocol.digest == MeasurementProtocol.here(threads=2).digest
    (1, False)
    """

    version: int = 2  # of the measuring code
    cpu: str
    cores: int
    threads: int
    versions: dict[str, str]

    @classmethod
    def here(cls, threads: int = 1, runtimes: Iterable[str] = ()) -> "MeasurementProtocol":
        """Returns the protocol of this machine as it is, with versions of `runtimes`, packages, beside the usual."""
        versions = {"python": platform.python_version(), **_versions(dict.fromkeys((*PACKAGES, *runtimes)))}
        return cls(cpu=_cpu(), cores=os.cpu_count() or 1, threads=threads, versions=versions)

    @property
    def digest(self) -> str:
        return value_digest(self.model_dump())

    @property
    def columns(self) -> dict[str, object]:
        """Returns it as a table of measurements has it in each row."""
        about = {"cpu": self.cpu, "cores": self.cores, "threads": self.threads}
        return {**about, "versions": json.dumps(self.versions), "measurement_digest": self.digest}

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.cpu}, {self.threads} of {self.cores} cores; {versions}"


class Latency(Config):
    """A Latency is how long one call took, for a batch of `batch` images: median and 5% to 95% of all `calls`.

    >>> Latency(batch=64, median_ms=2.0, low_ms=1.9, high_ms=2.4, calls=100).images_per_s
    32000.0
    """

    batch: int
    median_ms: float
    low_ms: float
    high_ms: float
    calls: int

    @property
    def images_per_s(self) -> float:
        return 1000 * self.batch / self.median_ms


class DrawingCost(Latency):
    """A DrawingCost is what a batch takes: the time of a call, and the memory of a process that does nothing else.

    >>> DrawingCost(batch=1, median_ms=0.05, low_ms=0.04, high_ms=0.07, calls=800, peak_bytes=60_000_000).images_per_s
    20000.0
    """

    peak_bytes: int | None  # None where the system does not tell


class DrawingCosts(Config):
    """DrawingCosts are what one generator in one form took on one machine, for each batch.

    >>> DrawingCosts(protocol=MeasurementProtocol.here(threads=1), costs=()).protocol.threads
    1
    """

    protocol: MeasurementProtocol
    costs: tuple[DrawingCost, ...]


def latencies(contenders: Mapping[str, Callable[[], object]], batch: int) -> dict[str, Latency]:
    """Returns how long a call of each contender takes, by name; each of them makes `batch` images.

    After a warm-up all have turns of a few milliseconds, again and again, on this thread. Their threads are their own.

    >>> found = latencies({"sum": lambda: sum(range(100)), "longer": lambda: sum(range(100_000))}, batch=1)
    >>> found["sum"].median_ms < found["longer"].median_ms
    True
    """
    calls = {name: _calls(run) for name, run in contenders.items()}
    times_s: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for number in range(ROUNDS):
        for name, run in contenders.items():
            times_s[name] += [_seconds(run) for _ in range(calls[name])]
        if number >= 2 and time.perf_counter() - began > LONGEST_S:
            break
    return {name: _latency(found, batch) for name, found in times_s.items()}


def _calls(run: Callable[[], object]) -> int:
    """Returns how many calls are one turn, after a warm-up."""
    quickest_s = min(_seconds(run) for _ in range(WARM_UPS))
    return int(np.clip(TURN_S / quickest_s, 1, LARGEST_TURN))


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _latency(times_s: list[float], batch: int) -> Latency:
    low, median, high = (1000 * float(part) for part in np.quantile(times_s, (0.05, 0.5, 0.95)))
    return Latency(batch=batch, median_ms=median, low_ms=low, high_ms=high, calls=len(times_s))


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
