"""Whole flows to a confirmed limit, search, end and fresh seeds, on spaces whose limit is known, by simulated time.

    python -m tests.benchmarks.flows [--repeats 100] [--worlds recorded steep] [--workers 1 8 64] [--slack 0.05]
        [--out flows.json]

`limit` searches as `sampler: limit` does until it is as sure and narrow as that asks, or 640 kimg are spent; the
students that decide where the limit lies then get two fresh seeds each, and more until the interval's ends are a factor
of 1.5 apart, 12 at most; before each further seed those join that the model names by all rows. `before` is NSGA-II with
pruning for 960 kimg, after which its whole frontier and what lies around the limit get five fresh seeds. Candidates and
intervals are the product's own.

An answer is within one step as in seek.py; with `--slack` also where it is the right one for a rule that is a little
stricter or laxer. The table has, of each answer, the share of repeats within one step, the
share whose 95% interval covers the truth, and the median factor between the interval's ends. Wall time is in lengths of
a whole training, those of the workers apart by a fifth; kimg are of all that was begun.
"""

import argparse
import heapq
import itertools
import json
import math
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from analysis import CostLimit, LimitRule, Phase, cost_limits, example_trials, limit_candidates
from sweeps.driver import fresh_seeds
from tests.benchmarks.seek import RULES, one_row_each
from tests.benchmarks.simulation import DATA, Curves, Simulation, Student, spec_of
from tests.benchmarks.sought import PACE, Reader, Reading, Rows, Stand, first_sure
from tests.benchmarks.worlds import SYNTHETIC, World, recorded, synthetic

SEARCH_KIMG, BEFORE_KIMG = 640.0, 960.0
PRECISION, FIRST_SEEDS, MOST_SEEDS, MOST_CANDIDATES = 1.5, 2, 12, 6
AROUND, SEEDS_BEFORE = 2, 5
FRESH = 10_000  # seeds from here on are of the confirmation


@dataclass(frozen=True)
class Answer:
    """A limit in parameters with its interval, and whether it is within one step of the truth and covers it."""

    answer: float
    low: float
    high: float
    within: bool
    covered: bool

    @property
    def factor(self) -> float:
        return self.high / self.low if self.low and math.isfinite(self.high) else math.inf


@dataclass(frozen=True)
class Outcome:
    """What a flow came to: kimg of the search and in all, wall time in lengths of a whole training, three answers.

    `ended` is the model's of the whole space at the end of the search, `confirmed` that of fresh seeds as a report
    states it, `read` the model's of all rows.
    """

    searched_kimg: float
    kimg: float
    wall: float
    ended: Answer
    confirmed: Answer
    read: Answer


def limit_flow(world: World, rule: float, *, repeat: int, workers: int) -> Outcome:
    """Goes straight for the limit, then takes fresh seeds until the interval is narrow."""
    reader = Reader(world, rule, repeat)
    found = first_sure(world, reader, repeat=repeat, workers=workers, budget=SEARCH_KIMG)
    flow = Confirmation(reader, found, deciding(reader, found.rows), workers=workers)
    return flow.outcome(flow.to_precision())


def flows_before(world: World, *, repeat: int, workers: int) -> dict[float, Outcome]:
    """Searches the frontier, then confirms it and what lies around each rule's limit with a fixed number of seeds."""
    curves = world.one_seed_each(repeat)
    simulation = Simulation(curves, spec_of("nsgaii", pruning=True, repeat=repeat), workers)
    *_, spent = simulation.run(BEFORE_KIMG)
    rows = one_row_each(curves, simulation)
    found, search = Stand(rows, spent, simulation.now / curves.kimg), _table(world, rows, Phase.SEARCH)
    outcomes = {}
    for rule in RULES:
        candidates = limit_candidates(search, rule_of(world, rule), around=AROUND, whole_frontier=True)
        students = [_student(row) for row in candidates.to_pylist()]
        flow = Confirmation(Reader(world, rule, repeat), found, students, workers=workers)
        outcomes[rule] = flow.outcome(flow.with_seeds(SEEDS_BEFORE))
    return outcomes


def deciding(reader: Reader, rows: Rows) -> list[Student]:
    """The students that tell where the limit lies, by these rows."""
    students = {candidate: student for student, candidate in reader.world.candidates.items()}
    return [students[each] for each in reader.search.deciding(reader.measured(rows), most=MOST_CANDIDATES)]


class Confirmation:
    """Candidates of a search with fresh seeds."""

    def __init__(self, reader: Reader, found: Stand, candidates: list[Student], *, workers: int) -> None:
        self._reader, self._found, self._candidates, self._workers = reader, found, candidates, workers
        self._world, self._rule = reader.world, rule_of(reader.world, reader.rule)
        self._search = _table(self._world, found.rows, Phase.SEARCH)
        self._fresh: dict[tuple[Student, int], float] = {}
        self._pace, self._wall = np.random.default_rng([3, reader.repeat]), found.wall

    def with_seeds(self, count: int, sizes: set[int] | None = None) -> CostLimit:
        """The limit when the candidates, or those of some sizes, have so many fresh seeds."""
        ends = [self._wall] * self._workers
        for student in self._candidates:
            if sizes is None or self._world.curves.parameters[student] in sizes:
                for seed in range(FRESH, FRESH + count):
                    if (student, seed) not in self._fresh:
                        fid = self._world.fresh(student, repeat=self._reader.repeat, seed=seed)[-1][1]
                        self._fresh[student, seed] = math.log(fid)
                        heapq.heapreplace(ends, ends[0] + math.exp(PACE * self._pace.standard_normal()))
        self._wall = max(ends)
        fresh = _table(self._world, self._rows, Phase.CONFIRM)
        (limit,) = cost_limits(pa.concat_tables([self._search, fresh]), self._rule, cost="parameters")
        return limit

    def to_precision(self) -> CostLimit:
        """The limit when its interval is narrow enough, or the deciding candidates have MOST_SEEDS."""
        limit, size_of = self.with_seeds(FIRST_SEEDS), self._world.curves.parameters
        for count in range(FIRST_SEEDS + 1, MOST_SEEDS + 1):
            is_open = fresh_seeds.factor(limit) > PRECISION
            asks = is_open or fresh_seeds.lies_beyond(limit)
            named = deciding(self._reader, [*self._found.rows, *self._rows]) if asks else []
            sizes = fresh_seeds.deciding_sizes([size_of[each] for each in (*self._candidates, *named)], limit)
            joining = [each for each in named if each not in self._candidates and size_of[each] in sizes]
            if not is_open and not joining:
                break
            self._candidates += joining
            if self._further(count, sizes) > MOST_CANDIDATES * MOST_SEEDS - len(self._fresh):
                break
            limit = self.with_seeds(count, sizes)
        return limit

    def _further(self, count: int, sizes: set[int]) -> int:
        """How many trainings candidates of these sizes lack to so many seeds."""
        chosen = [each for each in self._candidates if self._world.curves.parameters[each] in sizes]
        return sum((each, seed) not in self._fresh for each in chosen for seed in range(FRESH, FRESH + count))

    def outcome(self, limit: CostLimit) -> Outcome:
        """What search and fresh seeds came to, of which `limit` is what the report states."""
        world, rule, interval = self._world, self._reader.rule, limit.interval
        kimg = self._found.spent + len(self._fresh) * world.curves.kimg
        low, high = (interval.low or 0.0, interval.high or math.inf) if interval else (0.0, math.inf)
        least, most = world.true_sizes(rule)
        # A crossing lies above the largest size that fails, the next below the truth.
        below = max((size for size in world.curves.parameters.values() if size < least), default=0)
        answer = float(limit.amount or math.inf)
        confirmed = Answer(answer, low, high, _is_near(world, rule, answer), low <= most and high > below)
        return Outcome(
            searched_kimg=self._found.spent,
            kimg=kimg,
            wall=self._wall,
            ended=_of_reading(world, rule, self._reader.read(self._found.rows, self._found.spent)),
            confirmed=confirmed,
            read=_of_reading(world, rule, self._reader.read([*self._found.rows, *self._rows], kimg)),
        )

    @property
    def _rows(self) -> Rows:
        return [(student, seed, fid) for (student, seed), fid in self._fresh.items()]


def rule_of(world: World, rule: float) -> LimitRule:
    return LimitRule(metric="fid", threshold=math.exp(world.threshold(rule)))


def _of_reading(world: World, rule: float, read: Reading) -> Answer:
    least, most = world.true_sizes(rule)
    covered = read.low <= most and least <= read.high
    return Answer(read.median, read.low, read.high, _is_near(world, rule, read.median), covered)


def _is_near(world: World, rule: float, answer: float) -> bool:
    low, high = world.one_step(rule)
    return low <= answer <= high


def _table(world: World, rows: Rows, phase: Phase) -> pa.Table:
    return example_trials(*(_row(world, student, seed=seed, fid=math.exp(fid)) | {"phase": phase, "trial": number}
                            for number, (student, seed, fid) in enumerate(rows)))  # fmt: skip


def _row(world: World, student: Student, *, seed: int, fid: float) -> dict[str, Any]:
    width, depth, block, weight = student
    parameters, fid_of_teacher = world.curves.parameters[student], world.curves.teacher[1]
    return {
        **{"width": width, "depth": depth, "block": block, "gan_weight": weight, "seed": seed, "fid": fid},
        **{"parameters": parameters, "teacher_fid": fid_of_teacher, "trial_key": f"{student}-{seed}"},
    }


def _student(row: dict[str, Any]) -> Student:
    return row["width"], row["depth"], row["block"], row["gan_weight"]


def limit_flows(world: World, *, repeat: int, workers: int) -> dict[float, Outcome]:
    """Goes straight for the limit of each rule."""
    return {rule: limit_flow(world, rule, repeat=repeat, workers=workers) for rule in RULES}


FLOWS = {"limit": limit_flows, "before": flows_before}


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
    parser.add_argument("--worlds", nargs="+", default=["recorded", *SYNTHETIC], choices=["recorded", *SYNTHETIC])
    parser.add_argument("--flows", nargs="+", default=list(FLOWS), choices=list(FLOWS))
    parser.add_argument("--workers", type=int, nargs="+", default=[1], help="trials at once, a row of the table each")
    parser.add_argument("--slack", type=float, default=0.0, help="in log FID: so near to the rule either is right")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON, beside those that it has")
    arguments, console = parser.parse_args(), Console(file=sys.stdout, width=120)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    if arguments.out and arguments.out.exists():
        found = json.loads(arguments.out.read_text())["worlds"]
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for flow, name, workers in itertools.product(arguments.flows, arguments.worlds, arguments.workers):
            run = partial(once, data=arguments.data, workers=workers, slack=arguments.slack)
            repeats = list(pool.map(run, [(name, flow, repeat) for repeat in range(arguments.repeats)]))
            rules = {rule: judged_all([each[rule] for each in repeats]) for rule in repeats[0]}
            row = f"{flow}, {workers} workers" if len(arguments.workers) > 1 else flow
            row += f", slack {arguments.slack:g}" if arguments.slack else ""
            found.setdefault(name, {})[row] = rules
            console.print(table_of({name: {row: rules}}))
            if arguments.out:  # it takes an hour: what is done is kept
                arguments.out.write_text(json.dumps({"worlds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
