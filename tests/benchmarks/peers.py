"""How many kimg searches need until nine of ten know the limit, by simulated time, where the limit is known.

    python -m tests.benchmarks.peers [--repeats 20] [--worlds recorded steep] [--budget 1920] [--out peers.json]

Beside `limit` the peers are Optuna's NSGA-II without pruning, its TPE and random search, all through the engine's own
queue, and Syne Tune's MOASHA (moasha.py), which is said to be missing where it is not installed. Peers know of no rule:
one search of each repeat is read for all rules. At every 128 kimg, 32 of `limit`, the rows so far are read as a report
reads a frontier, and by the surface model. `limit` searches no longer than 640 kimg. The table has the kimg from which
on 90% of the repeats are within one step of the truth (seek.py says which that is), for either reading, and the share
at the budget's end.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from tests.benchmarks import moasha
from tests.benchmarks.seek import RULES, SEEK, first_to_stay, one_row_each
from tests.benchmarks.simulation import DATA, WORKERS, Curves, Simulation, spec_of
from tests.benchmarks.sought import Reader, Rows, sought
from tests.benchmarks.worlds import SYNTHETIC, World, recorded, synthetic

MOASHA = "moasha"
CHECKS, CHECK = {SEEK: 32.0}, 128.0  # kimg between two readings
LONGEST = {SEEK: 640.0}  # kimg of a search: then it is sure
PEERS = (SEEK, "nsgaii", "tpe", "random", MOASHA)

Near = dict[str, list[tuple[bool, bool]]]  # by rule, at each reading: within one step by the frontier, by the model


def once(job: tuple[str, str, int], *, data: Path, workers: int, budget: float) -> Near:
    """One repeat of a search on a world, under each rule."""
    name, peer, repeat = job
    curves = Curves.load(data)
    world = recorded(curves) if name == "recorded" else synthetic(curves, name, repeat=repeat)
    readers = [Reader(world, rule, repeat) for rule in RULES]
    budget, check = min(budget, LONGEST.get(peer, budget)), CHECKS.get(peer, CHECK)
    if peer == SEEK:
        searches = [_stands(world, each, repeat=repeat, workers=workers, budget=budget) for each in readers]
        found = [_read(search, [each], budget, check)[0] for search, each in zip(searches, readers, strict=True)]
    else:
        search = moasha.searched if peer == MOASHA else partial(_of_engine, sampler=peer)
        found = _read(search(world, repeat=repeat, workers=workers, budget=budget), readers, budget, check)
    return {f"{rule:g}": near for rule, near in zip(RULES, found, strict=True)}


def _stands(world: World, reader: Reader, *, repeat: int, workers: int, budget: float) -> Iterator[tuple[float, Rows]]:
    for stand in sought(world, reader, repeat=repeat, workers=workers, budget=budget):
        yield stand.spent, stand.rows


def _of_engine(world: World, sampler: str, *, repeat: int, workers: int, budget: float) -> Iterator[tuple[float, Rows]]:
    curves = world.one_seed_each(repeat)
    simulation = Simulation(curves, spec_of(sampler, False, repeat), workers)
    for spent in simulation.run(budget):
        yield spent, one_row_each(curves, simulation)


def _read(
    searched: Iterator[tuple[float, Rows]], readers: list[Reader], budget: float, check: float
) -> list[list[tuple[bool, bool]]]:
    """What the readers make of the first rows at or beyond each `check` kimg; of a search that is over, its last."""
    found: list[list[tuple[bool, bool]]] = [[] for _ in readers]
    for spent, rows in searched:
        while len(found[0]) < spent // check and len(found[0]) < budget // check:
            for near, reader in zip(found, readers, strict=True):
                near.append(_is_near(reader, rows))
    for near in found:
        near += near[-1:] * (int(budget // check) - len(near))
    return found


def _is_near(reader: Reader, rows: Rows) -> tuple[bool, bool]:
    if not rows:
        return False, False
    low, high = reader.world.one_step(reader.rule)
    read = reader.read(rows, 0.0)
    return low <= read.frontier <= high, low <= read.median <= high


def judged(repeats: list[Near], check: float) -> dict[str, Any]:
    """The kimg to 90%, and the shares within one step at each reading, by rule and by reading."""
    found: dict[str, Any] = {}
    for rule in repeats[0]:
        kimg = [check * (place + 1) for place in range(len(repeats[0][rule]))]
        found[rule] = {}
        for place, reading in enumerate(("frontier", "model")):
            shares = [
                mean(near[place] for near in column) for column in zip(*(each[rule] for each in repeats), strict=True)
            ]
            found[rule][reading] = {"kimg_to_90": first_to_stay(kimg, shares), "within": shares}
    return found


def table_of(found: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in (
        "world",
        "search",
        "rule",
        "kimg to 90% by its frontier",
        "at the end",
        "by the model",
        "at the end",
    ):
        table.add_column(heading, justify="left" if heading in ("world", "search") else "right")
    for world, peers in found.items():
        for peer, rules in peers.items():
            for rule, readings in rules.items():
                cells = []
                for each in readings.values():
                    cells += [
                        f"{each['kimg_to_90']:.0f}" if each["kimg_to_90"] else "never",
                        f"{each['within'][-1]:.0%}",
                    ]
                table.add_row(world, peer, rule, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--worlds", nargs="+", default=["recorded"], choices=["recorded", *SYNTHETIC])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--budget", type=float, default=1920, help="kimg of each search")
    parser.add_argument("--workers", type=int, default=WORKERS, help="trials at once")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON")
    arguments, console = parser.parse_args(), Console(file=sys.stdout, width=120)
    peers = [peer for peer in arguments.peers if peer != MOASHA or moasha.is_installed()]
    if peers != arguments.peers:
        console.print("moasha: Syne Tune is not installed, and is left out")
    run = partial(once, data=arguments.data, workers=arguments.workers, budget=arguments.budget)
    found: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for name in arguments.worlds:
            for peer in peers:
                jobs = [(name, peer, repeat) for repeat in range(arguments.repeats)]
                found.setdefault(name, {})[peer] = judged(list(pool.map(run, jobs)), CHECKS.get(peer, CHECK))
                console.print(table_of({name: {peer: found[name][peer]}}))
                if arguments.out:  # some take long: what is done is kept
                    shared = {each: getattr(arguments, each) for each in ("repeats", "budget", "workers")}
                    arguments.out.write_text(json.dumps({**shared, "worlds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
