"""How true the trainings are that a search for the limit expects to need, by simulated time where the limit is known.

    python -m tests.benchmarks.expected [--repeats 20] [--worlds recorded steep] [--processes N] [--out expected.json]

After each training of a search that ends by itself, what it then expects in all is divided by what it took. The table
has the 10%, 50% and 90% quantiles of that ratio, by the part of the search that was done.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from analysis.seeking.limit_search import FEWEST_TRAININGS
from tests.benchmarks.seek import RULES
from tests.benchmarks.simulation import DATA, Curves
from tests.benchmarks.sought import NARROW, SURE, Reader, sought
from tests.benchmarks.worlds import SYNTHETIC, recorded, synthetic

BUDGET = 640.0  # kimg of a search
PARTS = 4  # of a search, equal in trainings
QUANTILES = (0.1, 0.5, 0.9)

Ratios = list[tuple[int, float]]  # which part of a search was done, what was expected over what it took


def once(job: tuple[str, int], *, data: Path) -> Ratios:
    """The ratios of one repeat under all rules; nothing of a search that spent its budget."""
    name, repeat = job
    curves = Curves.load(data)
    world = recorded(curves) if name == "recorded" else synthetic(curves, name, repeat=repeat)
    found: Ratios = []
    for rule in RULES:
        reader = Reader(world, rule, repeat)
        expected: list[float | None] = []
        for stand in sought(world, reader, repeat=repeat, workers=1, budget=BUDGET):
            rows = stand.rows
            read = reader.search.place(reader.measured(rows))
            further = read.expected_trainings(confidence=SURE, precision=NARROW)
            expected.append(None if further is None else len(rows) + further)
            if further == 0 and len(rows) >= FEWEST_TRAININGS:
                found += [
                    (PARTS * place // len(rows), each / len(rows))
                    for place, each in enumerate(expected[:-1], start=1)
                    if each is not None and place >= FEWEST_TRAININGS
                ]
                break
    return found


def quantiles(ratios: Sequence[Ratios]) -> list[list[float] | None]:
    """The quantiles of each part of the search; None for a part in which nothing was expected."""
    parts = [[ratio for each in ratios for part, ratio in each if part == number] for number in range(PARTS)]
    return [np.quantile(each, QUANTILES).round(2).tolist() if each else None for each in parts]


def table_of(found: dict[str, list[list[float] | None]]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("world")
    for part in range(PARTS):
        table.add_column(f"{part * 100 // PARTS} to {(part + 1) * 100 // PARTS}%", justify="right")
    for world, parts in found.items():
        table.add_row(world, *(" ".join(f"{each:.2f}" for each in part) if part else "" for part in parts))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--worlds", nargs="+", default=["recorded", *SYNTHETIC], choices=["recorded", *SYNTHETIC])
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON")
    arguments = parser.parse_args()
    found = {}
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for name in arguments.worlds:
            jobs = [(name, repeat) for repeat in range(arguments.repeats)]
            found[name] = quantiles(list(pool.map(partial(once, data=arguments.data), jobs)))
    Console(file=sys.stdout, width=120).print(table_of(found))
    if arguments.out:
        arguments.out.write_text(json.dumps({"repeats": arguments.repeats, "worlds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
