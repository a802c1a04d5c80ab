"""The teacher's pool: bytes and seconds to make, share and read it, and what one more trial of a node holds of it.

    python -m tests.benchmarks.pool [--images 50000] [--trials 4] [--out pool.json]

Pools of random images in the sizes of the digits, CIFAR-10 and CelebA. Reading is one epoch of batches of 64, against
the same gather from tensors that a process has for itself. --trials processes each read the whole pool, and are then
asked what memory is theirs alone (USS): as a file that they map, and from Ray's object store as on a cluster. A
process that has the pool for itself would hold all of it.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import ray
import torch
from rich.console import Console
from rich.table import Table

from cluster import ray_session
from gan import TeacherPool, open_pool
from gan.digests import array_digest
from gan.images import to_unit_range
from gan.training.teacher_pool import _write

SHAPES = {"digits": (1, 16, 16), "cifar10": (3, 32, 32), "celeba": (3, 64, 64)}
LATENT_SIZE, BATCH = 64, 64
MIB = 2**20
WAIT_S = 300.0  # for the other processes


def epoch(pool: TeacherPool) -> float:
    """Seconds to draw every image once."""
    batches = pool.batches(BATCH, torch.Generator().manual_seed(0), device=torch.device("cpu"))
    began = time.perf_counter()
    for _ in range(len(pool) // BATCH):
        next(batches)
    return time.perf_counter() - began


def epoch_of_tensors(latents_NL: torch.Tensor, images_NCHW: torch.Tensor) -> float:
    """The same from tensors in this process's memory."""
    began = time.perf_counter()
    for index_B in torch.randperm(len(latents_NL)).split(BATCH):
        latents_NL[index_B], to_unit_range(images_NCHW[index_B])
    return time.perf_counter() - began


def own_mib() -> float:
    """What is this process's alone."""
    return float(psutil.Process().memory_full_info().uss) / MIB


def before_and_pool(load: Callable[[], TeacherPool]) -> tuple[float, TeacherPool]:
    """What this process had for itself before it loaded a pool and read all of it, and the pool."""
    torch.set_num_threads(1)
    small = TeacherPool(
        np.zeros((BATCH, LATENT_SIZE), np.float32), np.zeros((BATCH, 3, 64, 64), np.uint8), teacher_digest="", digest=""
    )
    epoch(small)  # what drawing batches takes by itself
    before = own_mib()
    pool = load()
    epoch(pool)
    return before, pool


def map_and_wait(path: Path, everybody: Barrier, found: Any) -> None:
    before, pool = before_and_pool(lambda: open_pool(path))
    everybody.wait(WAIT_S)  # all have read it, and all still have it
    found.put(own_mib() - before)
    everybody.wait(WAIT_S)
    assert len(pool)


def mapped_mib(path: Path, trials: int) -> list[float]:
    """Of each of `trials` processes that map the file."""
    context = multiprocessing.get_context("spawn")
    everybody, found = context.Barrier(trials), context.Queue()
    processes = [context.Process(target=map_and_wait, args=(path, everybody, found)) for _ in range(trials)]
    for process in processes:
        process.start()
    grown = [found.get(timeout=WAIT_S) for _ in processes]
    for process in processes:
        process.join()
    return grown


@ray.remote(num_cpus=0)
class Reader:
    """A worker that reads the pool from the object store."""

    def read(self, stored: list["ray.ObjectRef[TeacherPool]"]) -> bool:
        def fetch() -> TeacherPool:
            return ray.get(stored[0])

        self._before, self._pool = before_and_pool(fetch)
        return True

    def grown(self) -> float:
        """In MiB, with the pool still there."""
        assert len(self._pool)
        return own_mib() - self._before


def stored_mib(pool: TeacherPool, trials: int) -> tuple[float, float, list[float]]:
    """Seconds to put the pool into the object store and to have it from there, and what each worker holds of it."""
    with ray_session(num_cpus=1):
        began = time.perf_counter()
        stored = ray.put(pool)
        put_s = time.perf_counter() - began
        began = time.perf_counter()
        ray.get(stored)
        get_s = time.perf_counter() - began
        readers = [Reader.remote() for _ in range(trials)]  # type: ignore[attr-defined]  # a class by its decorator
        ray.get([reader.read.remote([stored]) for reader in readers])
        grown = ray.get([reader.grown.remote() for reader in readers])
    return put_s, get_s, grown


def measure(shape: tuple[int, int, int], images: int, trials: int, folder: Path) -> dict[str, Any]:
    random = np.random.default_rng(0)
    latents_NL = random.standard_normal((images, LATENT_SIZE), dtype=np.float32)
    images_NCHW = random.integers(0, 256, (images, *shape), dtype=np.uint8)
    path = folder / "pool.arrow"
    began = time.perf_counter()
    _write(path, latents_NL, images_NCHW=images_NCHW, teacher_digest="random")
    write_s = time.perf_counter() - began
    began = time.perf_counter()
    pool = open_pool(path)
    open_s = time.perf_counter() - began
    assert array_digest(latents_NL, images_NCHW) == pool.digest
    tensors = torch.from_numpy(latents_NL), torch.from_numpy(images_NCHW)
    epoch(pool)  # from here on its pages are in memory
    both = [(epoch(pool), epoch_of_tensors(*tensors)) for _ in range(3)]
    put_s, get_s, stored = stored_mib(pool, trials)
    return {
        "mib": path.stat().st_size / MIB,
        "write_s": write_s,
        "map_s": open_s,
        "put_s": put_s,
        "get_s": get_s,
        "images_per_s": images / statistics.median(ours for ours, _ in both),
        "read_ratio": statistics.median(ours / theirs for ours, theirs in both),
        "mapped_mib": mapped_mib(path, trials),
        "stored_mib": stored,
    }


def table_of(found: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", title="a pool, and what one more trial holds of it")
    headings = ("images", "MiB", "write s", "map s", "put s", "get s", "images/s read", "time / own tensors")
    for heading in (*headings, "mapped: MiB a trial", "object store: MiB a trial"):
        table.add_column(heading, justify="left" if heading == "images" else "right")
    for name, row in found.items():
        seconds = [f"{row[key]:.3f}" for key in ("write_s", "map_s", "put_s", "get_s")]
        held = [f"{max(row[key]):.1f}" for key in ("mapped_mib", "stored_mib")]
        speed = f"{row['images_per_s']:,.0f}", f"{row['read_ratio']:.2f}"
        table.add_row(name, f"{row['mib']:.0f}", *seconds, *speed, *held)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name, shape in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measure(shape, arguments.images, arguments.trials, Path(folder))
    Console().print(table_of(found))
    if arguments.out:
        arguments.out.write_text(json.dumps({"images": arguments.images, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
