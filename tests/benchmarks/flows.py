"""Whole flows to a confirmed limit, search, end and fresh seeds, on spaces whose limit is known, by simulated time.

    python -m tests.benchmarks.flows [--repeats 100] [--worlds recorded steep] [--workers 1 8 64] [--slack 0.05]
        [--first 100] [--out flows.json]

`sure` searches as `sampler: limit` does until it is as sure and narrow as that asks, or 640 kimg are spent; the
students that decide where the limit lies then get two fresh seeds each, and those that the model names by all rows
one more, until it is 90% sure of one step (`confirm.confidence`) or they have 12, and the two between which the search
crosses the rule two, where they have none. `limit` has the same search, and
seeds until the interval of the fresh seeds alone has ends a factor of 1.5 apart (`confirm.precision`). `before` is
NSGA-II with pruning for 960 kimg, after which its whole frontier and what lies around the limit get five fresh seeds.
Candidates and intervals are the product's own.

An answer is within one step as in seek.py; with `--slack` also where it is the right one for a rule that is a little
stricter or laxer. The table has, of each answer, the share of repeats within one step, the share whose 95% interval
covers the truth, and the median factor between the interval's ends. Wall time is in lengths of a whole training, those
of the workers apart by a fifth; kimg are of all that was begun.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from analysis import Phase, limit_candidates
from tests.benchmarks.confirmed import Answer, Confirmation, Outcome, deciding, rule_of, student_of, table_of_rows
from tests.benchmarks.seek import RULES, one_row_each
from tests.benchmarks.simulation import DATA, Curves, Simulation, spec_of
from tests.benchmarks.sought import Reader, Stand, first_sure
from tests.benchmarks.worlds import SYNTHETIC, World, recorded, synthetic

SEARCH_KIMG, BEFORE_KIMG = 640.0, 960.0
AROUND, SEEDS_BEFORE = 2, 5


def limit_flow(world: World, rule: float, *, repeat: int, workers: int, by_model: bool) -> Outcome:
    """Goes straight for the limit, then takes fresh seeds until the model is sure, or else the interval narrow."""
    reader = Reader(world, rule, repeat)
    found = first_sure(world, reader, repeat=repeat, workers=workers, budget=SEARCH_KIMG)
    flow = Confirmation(reader, found, deciding(reader, found.rows), workers=workers)
    return flow.outcome(flow.to_confidence() if by_model else flow.to_precision())


def flows_before(world: World, *, repeat: int, workers: int) -> dict[float, Outcome]:
    """Searches the frontier, then confirms it and what lies around each rule's limit with a fixed number of seeds."""
    curves = world.one_seed_each(repeat)
    simulation = Simulation(curves, spec_of("nsgaii", pruning=True, repeat=repeat), workers)
    *_, spent = simulation.run(BEFORE_KIMG)
    rows = one_row_each(curves, simulation)
    found, search = Stand(rows, spent, simulation.now / curves.kimg), table_of_rows(world, rows, Phase.SEARCH)
    outcomes = {}
    for rule in RULES:
        candidates = limit_candidates(search, rule_of(world, rule), around=AROUND, whole_frontier=True)
        students = [student_of(row) for row in candidates.to_pylist()]
        flow = Confirmation(Reader(world, rule, repeat), found, students, workers=workers)
        outcomes[rule] = flow.outcome(flow.with_seeds(SEEDS_BEFORE))
    return outcomes


def limit_flows(world: World, *, repeat: int, workers: int, by_model: bool) -> dict[float, Outcome]:
    """Goes straight for the limit of each rule."""
    return {rule: limit_flow(world, rule, repeat=repeat, workers=workers, by_model=by_model) for rule in RULES}


FLOWS: dict[str, Callable[..., dict[float, Outcome]]] = {
    "sure": partial(limit_flows, by_model=True),
    "limit": partial(limit_flows, by_model=False),
    "before": flows_before,
}


def once(job: tuple[str, str, int], *, data: Path, workers: int, slack: float = 0.0) -> dict[str, Outcome]:
    """One repeat of a flow on a world, under each rule."""
    name, flow, repeat = job
    curves = Curves.load(data)
    world = recorded(curves) if name == "recorded" else synthetic(curves, name, repeat=repeat)
    world = replace(world, slack=slack)
    return {f"{rule:g}": found for rule, found in FLOWS[flow](world, repeat=repeat, workers=workers).items()}


def judged_all(outcomes: list[Outcome]) -> dict[str, Any]:
    """Medians of the kimg and of the intervals' factors, and the shares of repeats."""
    found: dict[str, Any] = {"repeats": len(outcomes)}
    found |= {name: median(getattr(each, name) for each in outcomes) for name in ("searched_kimg", "kimg", "wall")}
    for name in ("ended", "confirmed", "read"):
        answers: list[Answer] = [getattr(each, name) for each in outcomes]
        found[name] = {
            "within": mean(each.within for each in answers),
            "covered": mean(each.covered for each in answers),
            "factor": median(each.factor for each in answers),
        }
    return found


def table_of(found: dict[str, dict[str, dict[str, Any]]]) -> Table:
    """Shares within one step / covered (median factor of the interval), for each of the three answers."""
    table = Table(box=None, header_style="bold")
    for heading in ("world", "flow", "rule", "search", "kimg", "wall", "end of search", "confirmed", "all rows read"):
        table.add_column(heading, justify="left" if heading in ("world", "flow") else "right")
    for world, flows in found.items():
        for flow, rules in flows.items():
            for rule, row in rules.items():
                cells = [f"{row['searched_kimg']:.0f}", f"{row['kimg']:.0f}", f"{row['wall']:.1f}"]
                for answer in (row["ended"], row["confirmed"], row["read"]):
                    cells.append(f"{answer['within']:.0%} / {answer['covered']:.0%} ({answer['factor']:.2f})")
                table.add_row(world, flow, rule, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first repeat: others draw other seeds")
    parser.add_argument("--worlds", nargs="+", default=["recorded", *SYNTHETIC], choices=["recorded", *SYNTHETIC])
    parser.add_argument("--flows", nargs="+", default=list(FLOWS), choices=list(FLOWS))
    parser.add_argument("--workers", type=int, nargs="+", default=[1], help="trials at once, a row of the table each")
    parser.add_argument("--slack", type=float, default=0.0, help="in log FID: so near to the rule either is right")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON, beside those that it has")
    arguments, console = parser.parse_args(), Console(file=sys.stdout, width=120)
    numbers = range(arguments.first, arguments.first + arguments.repeats)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    if arguments.out and arguments.out.exists():
        found = json.loads(arguments.out.read_text())["worlds"]
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for flow, name, workers in itertools.product(arguments.flows, arguments.worlds, arguments.workers):
            run = partial(once, data=arguments.data, workers=workers, slack=arguments.slack)
            repeats = list(pool.map(run, [(name, flow, repeat) for repeat in numbers]))
            first = {"first": arguments.first}
            rules = {rule: first | judged_all([each[rule] for each in repeats]) for rule in repeats[0]}
            row = f"{flow}, {workers} workers" if len(arguments.workers) > 1 else flow
            row += f", slack {arguments.slack:g}" if arguments.slack else ""
            found.setdefault(name, {})[row] = rules
            console.print(table_of({name: {row: rules}}))
            if arguments.out:  # it takes an hour: what is done is kept
                arguments.out.write_text(json.dumps({"worlds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
