"""Policies that look for the compression limit, on spaces whose limit is known, by simulated time.

    python -m tests.benchmarks.seek [--repeats 100] [--worlds recorded steep] [--out seek.json]

`limit` trains what `analysis.seeking` names; random search, Optuna's TPE and the engine's NSGA-II search the same
students through the engine's own queue (simulation.py), every trial to its end. All have the same fresh seeds
(worlds.py). At every CHECK kimg the rows so far are read for the rules FID at most 1.5, 2 and 3 times the teacher's: by
the surface model, whatever the policy was, and as a sweep's report reads a search, from its frontier.

The truth is the smallest size whose best student holds the rule in the mean of the logarithms. An answer is within one
step of it where it lies between the sizes of that student's architecture at the next smaller and the next larger width.
Kimg are those of trainings that have ended. `end` is the kimg at which a search that asks the model whether it is sure
would end, and how often it is right then.
"""

import argparse
import json
import math
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from tests.benchmarks.simulation import DATA, WORKERS, Curves, Simulation, spec_of
from tests.benchmarks.sought import NARROW, Reader, Reading, Rows, is_end, sought
from tests.benchmarks.worlds import SYNTHETIC, World, recorded, synthetic

RULES = (1.5, 2.0, 3.0)
RIVALS = ("nsgaii", "tpe", "random")
SEEK = "limit"
CHECK = 32  # kimg between two readings


@dataclass(frozen=True)
class Repeat:
    """The readings of a search, and what is true: the limit, and between which sizes an answer is within one step."""

    truth: float
    one_step: tuple[float, float]
    readings: list[Reading]

    def is_near(self, answer: float) -> bool:
        low, high = self.one_step
        return low <= answer <= high


def seek(world: World, rule: float, *, repeat: int, workers: int, budget: float) -> list[Reading]:
    """The readings of a search that asks for each training by the rule."""
    reader = Reader(world, rule, repeat)
    return [
        reader.read(stand.rows, stand.spent)
        for stand in sought(world, reader, repeat=repeat, workers=workers, budget=budget)
        if stand.spent % CHECK == 0
    ]


def rival(world: World, sampler: str, *, repeat: int, workers: int, budget: float) -> dict[float, list[Reading]]:
    """The readings of a search that knows of no rule, under each of RULES."""
    readers = {rule: Reader(world, rule, repeat) for rule in RULES}
    readings: dict[float, list[Reading]] = {rule: [] for rule in RULES}
    for spent, rows in _searched(world, sampler, repeat=repeat, workers=workers, budget=budget):
        if spent % CHECK == 0:
            for rule, reader in readers.items():
                readings[rule].append(reader.read(rows, spent))
    return readings


def _searched(world: World, sampler: str, *, repeat: int, workers: int, budget: float) -> Iterator[tuple[float, Rows]]:
    curves = world.one_seed_each(repeat)
    simulation = Simulation(curves, spec_of(sampler, False, repeat), workers)
    for spent in simulation.run(budget):
        yield spent, one_row_each(curves, simulation)


def one_row_each(curves: Curves, simulation: Simulation) -> Rows:
    """The rows of what a simulated search has trained to the end."""
    return [(student, 0, math.log(curves.runs[student][0][-1][1])) for student in sorted(simulation.found)]


def once(job: tuple[str, str, int], *, data: Path, workers: int, budget: float) -> dict[float, Repeat]:
    """One repeat of a policy on a world, under each rule."""
    name, policy, repeat = job
    curves = Curves.load(data)
    world = recorded(curves) if name == "recorded" else synthetic(curves, name, repeat=repeat)
    if policy != SEEK:
        readings = rival(world, policy, repeat=repeat, workers=workers, budget=budget)
    else:
        readings = {rule: seek(world, rule, repeat=repeat, workers=workers, budget=budget) for rule in RULES}
    truths = {rule: curves.parameters[world.truth(rule)] for rule in RULES}
    return {rule: Repeat(truth=truths[rule], one_step=world.one_step(rule), readings=readings[rule]) for rule in RULES}


def judged(repeats: list[Repeat]) -> dict[str, Any]:
    """What the repeats of one policy say under one rule, at each kimg."""
    kimg = [reading.kimg for reading in repeats[0].readings]
    columns = [[(each, each.readings[place]) for each in repeats] for place in range(len(kimg))]
    near = [mean(each.is_near(reading.median) for each, reading in column) for column in columns]
    near_front = [mean(each.is_near(reading.frontier) for each, reading in column) for column in columns]
    return {
        "kimg": kimg,
        "within": near,
        "within_by_frontier": near_front,
        "kimg_to_90": first_to_stay(kimg, near),
        "kimg_to_90_by_frontier": first_to_stay(kimg, near_front),
        "covered": [mean(reading.low <= each.truth <= reading.high for each, reading in column) for column in columns],
        "width": [median(reading.width for _, reading in column) for column in columns],
        "end": ended(repeats),
        "narrow": ended(repeats, factor=NARROW),
    }


def ended(repeats: list[Repeat], *, factor: float = math.inf) -> dict[str, float]:
    """What the searches would say that end when the model is SURE and so narrow, or with their budget."""
    ends = [(each, next((r for r in each.readings if is_end(r, factor)), each.readings[-1])) for each in repeats]
    return {
        "kimg": median(reading.kimg for _, reading in ends),
        "most_kimg": max(reading.kimg for _, reading in ends),
        "within": mean(each.is_near(reading.median) for each, reading in ends),
        "covered": mean(reading.low <= each.truth <= reading.high for each, reading in ends),
        "width": median(reading.width for _, reading in ends),
    }


def first_to_stay(kimg: list[float], shares: list[float], at_least: float = 0.9) -> float | None:
    """The kimg from which on the share is never again below `at_least`; None where it is at the end."""
    short = [place for place, share in enumerate(shares) if share < at_least]
    first = short[-1] + 1 if short else 0
    return kimg[first] if first < len(kimg) else None


def table_of(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    table = Table(box=None, header_style="bold")
    judged_by = (
        "kimg to 90%",
        "by frontier",
        "within",
        "covered",
        "width",
        "sure at",
        "within",
        "narrow at",
        "within",
        "covered",
    )
    for heading in ("world", "policy", "rule", *judged_by):
        table.add_column(heading, justify="left" if heading in ("world", "policy") else "right")
    for world, policies in found.items():
        for policy, rules in policies.items():
            for rule, row in rules.items():
                to_90 = (row["kimg_to_90"], row["kimg_to_90_by_frontier"])
                cells = [f"{kimg:.0f}" if kimg else "-" for kimg in to_90]
                cells += [f"{row[name][-1]:.0%}" for name in ("within", "covered")] + [f"{row['width'][-1]:.2f}"]
                for end in (row["end"], row["narrow"]):
                    cells += [f"{end['kimg']:.0f}", f"{end['within']:.0%}"]
                cells.append(f"{row['narrow']['covered']:.0%}")
                table.add_row(world, policy, rule, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--worlds", nargs="+", default=["recorded", *SYNTHETIC], choices=["recorded", *SYNTHETIC])
    parser.add_argument("--policies", nargs="+", default=[SEEK, *RIVALS], choices=[SEEK, *RIVALS])
    parser.add_argument("--budget", type=float, default=640, help="kimg of each search")
    parser.add_argument("--workers", type=int, default=WORKERS, help="trials at once")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON")
    arguments, console = parser.parse_args(), Console()
    run = partial(once, data=arguments.data, workers=arguments.workers, budget=arguments.budget)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for name in arguments.worlds:
            for policy in arguments.policies:
                repeats = list(pool.map(run, [(name, policy, repeat) for repeat in range(arguments.repeats)]))
                rules = {f"{rule:g}": judged([each[rule] for each in repeats]) for rule in RULES}
                found.setdefault(name, {})[policy] = rules
            console.print(table_of({name: found[name]}))
    if arguments.out:
        shared = {name: getattr(arguments, name) for name in ("repeats", "budget", "workers")}
        arguments.out.write_text(json.dumps({**shared, "worlds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
