"""This script times one image of an export in a process of its own, on the quietest cores: FOLDER THREADS are given.

The export is run by its own run.py, with its runtime and NumPy.
"""

import os
import sys
from pathlib import Path

import psutil

from gan.deployment.drawing_process import drawing_of_export
from gan.deployment.latency import latencies

WATCHED_S = 0.2


def take_quietest_cores(count: int) -> None:
    """Keeps this process on those cores that were least at work in the last moment, where the system allows that."""
    if not hasattr(os, "sched_setaffinity"):
        return
    busy = psutil.cpu_percent(interval=WATCHED_S, percpu=True)
    allowed = [core for core in os.sched_getaffinity(0) if core < len(busy)]
    os.sched_setaffinity(0, sorted(allowed, key=lambda core: busy[core])[:count])


def main() -> None:
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    take_quietest_cores(threads)
    draw = drawing_of_export(folder, threads=threads)(1)
    print(latencies({"export": draw}, batch=1)["export"].model_dump_json())


if __name__ == "__main__":
    main()
