"""Whole flows to a confirmed limit, search, end and fresh seeds, on spaces whose limit is known, by simulated time.

    python -m tests.benchmarks.flows [--repeats 100] [--worlds recorded steep] [--processes N] [--out flows.json]

`limit` searches as `sampler: limit` does until it is as sure and narrow as that asks, or 640 kimg are spent; the
students that decide where the limit lies then get two fresh seeds each, and more until the interval's ends are a factor
of 1.5 apart, 12 at most. `before` is NSGA-II with pruning for 960 kimg, after which its whole frontier and what lies
around the limit get five fresh seeds. Candidates and intervals are the product's own.

An answer is within one step as in seek.py. The table has, of each answer, the share of repeats within one step, the
share whose 95% interval covers the truth, and the median factor between the interval's ends.
"""

import argparse
import json
import math
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from analysis import CostLimit, LimitRule, Phase, cost_limits, example_trials, limit_candidates
from sweeps.driver import fresh_seeds
from tests.benchmarks.seek import RULES, Reader, Reading, Rows, first_sure, one_row_each
from tests.benchmarks.simulation import DATA, Curves, Simulation, Student, spec_of
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
    """What a flow came to: kimg of the search and in all, and three answers.

    `ended` is the model's of the whole space at the end of the search, `confirmed` that of fresh seeds as a report
    states it, `read` the model's of all rows.
    """

    searched_kimg: float
    kimg: float
    ended: Answer
    confirmed: Answer
    read: Answer


def limit_flow(world: World, rule: float, *, repeat: int, workers: int) -> Outcome:
    """Goes straight for the limit, then takes fresh seeds until the interval is narrow."""
    reader = Reader(world, rule, repeat)
    rows, spent = first_sure(world, reader, repeat=repeat, workers=workers, budget=SEARCH_KIMG)
    students = {candidate: student for student, candidate in world.candidates.items()}
    deciding = reader.search.deciding(reader.measured(rows), most=MOST_CANDIDATES)
    flow = Confirmation(world, rule, repeat, rows, [students[each] for each in deciding])
    return _outcome(reader, rows, flow, limit=flow.to_precision(), searched_kimg=spent)


def flow_before(world: World, rule: float, *, repeat: int, workers: int) -> Outcome:
    """Searches the frontier, then confirms it and what lies around the limit with a fixed number of seeds."""
    curves = world.one_seed_each(repeat)
    simulation = Simulation(curves, spec_of("nsgaii", pruning=True, repeat=repeat), workers)
    *_, spent = simulation.run(BEFORE_KIMG)
    rows = one_row_each(curves, simulation)
    judged, search = rule_of(world, rule), _table(world, rows, Phase.SEARCH)
    candidates = limit_candidates(search, judged, around=AROUND, whole_frontier=True)
    flow = Confirmation(world, rule, repeat, rows, [_student(row) for row in candidates.to_pylist()])
    return _outcome(Reader(world, rule, repeat), rows, flow, limit=flow.with_seeds(SEEDS_BEFORE), searched_kimg=spent)


class Confirmation:
    """Candidates of a search with fresh seeds, which cost `kimg` so far."""

    def __init__(self, world: World, rule: float, repeat: int, rows: Rows, candidates: list[Student]) -> None:
        self._world, self._rule, self._repeat = world, rule_of(world, rule), repeat
        self._search, self._candidates = _table(world, rows, Phase.SEARCH), candidates
        self._fresh: dict[tuple[Student, int], float] = {}

    @property
    def rows(self) -> Rows:
        return [(student, seed, fid) for (student, seed), fid in self._fresh.items()]

    @property
    def kimg(self) -> float:
        return len(self._fresh) * self._world.curves.kimg

    def with_seeds(self, count: int, sizes: set[int] | None = None) -> CostLimit:
        """The limit when the candidates, or those of some sizes, have so many fresh seeds."""
        for student in self._candidates:
            if sizes is None or self._world.curves.parameters[student] in sizes:
                for seed in range(FRESH, FRESH + count):
                    if (student, seed) not in self._fresh:
                        fid = self._world.fresh(student, repeat=self._repeat, seed=seed)[-1][1]
                        self._fresh[student, seed] = math.log(fid)
        fresh = _table(self._world, self.rows, Phase.CONFIRM)
        (limit,) = cost_limits(pa.concat_tables([self._search, fresh]), self._rule, cost="parameters")
        return limit

    def to_precision(self) -> CostLimit:
        """The limit when its interval is narrow enough, or the deciding candidates have MOST_SEEDS."""
        limit, sizes = self.with_seeds(FIRST_SEEDS), [self._world.curves.parameters[each] for each in self._candidates]
        for count in range(FIRST_SEEDS + 1, MOST_SEEDS + 1):
            if fresh_seeds.factor(limit) <= PRECISION:
                break
            limit = self.with_seeds(count, fresh_seeds.deciding_sizes(sizes, limit))
        return limit


def rule_of(world: World, rule: float) -> LimitRule:
    return LimitRule(metric="fid", threshold=math.exp(world.threshold(rule)))


def _outcome(reader: Reader, rows: Rows, flow: Confirmation, *, limit: CostLimit, searched_kimg: float) -> Outcome:
    world, rule, kimg = reader.world, reader.rule, searched_kimg + flow.kimg
    interval = limit.interval
    low, high = (interval.low or 0.0, interval.high or math.inf) if interval else (0.0, math.inf)
    truth = world.curves.parameters[world.truth(rule)]
    # A crossing lies above the largest size that fails, the next below the truth.
    below = max((size for size in world.curves.parameters.values() if size < truth), default=0)
    answer = float(limit.amount or math.inf)
    confirmed = Answer(answer, low, high, _is_near(world, rule, answer), low <= truth and high > below)
    return Outcome(
        searched_kimg=searched_kimg,
        kimg=kimg,
        ended=_of_reading(world, rule, reader.read(rows, searched_kimg)),
        confirmed=confirmed,
        read=_of_reading(world, rule, reader.read([*rows, *flow.rows], kimg)),
    )


def _of_reading(world: World, rule: float, read: Reading) -> Answer:
    truth = world.curves.parameters[world.truth(rule)]
    covered = read.low <= truth <= read.high
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


FLOWS = {"limit": limit_flow, "before": flow_before}


def once(job: tuple[str, str, int], *, data: Path, workers: int) -> dict[str, Outcome]:
    """One repeat of a flow on a world, under each rule."""
    name, flow, repeat = job
    curves = Curves.load(data)
    world = recorded(curves) if name == "recorded" else synthetic(curves, name, repeat=repeat)
    return {f"{rule:g}": FLOWS[flow](world, rule, repeat=repeat, workers=workers) for rule in RULES}


def judged_all(outcomes: list[Outcome]) -> dict[str, Any]:
    """Medians of the kimg and of the intervals' factors, and the shares of repeats."""
    found: dict[str, Any] = {
        name: median(getattr(each, name) for each in outcomes) for name in ("searched_kimg", "kimg")
    }
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
    for heading in ("world", "flow", "rule", "search", "kimg", "end of search", "confirmed", "all rows read"):
        table.add_column(heading, justify="left" if heading in ("world", "flow") else "right")
    for world, flows in found.items():
        for flow, rules in flows.items():
            for rule, row in rules.items():
                cells = [f"{row['searched_kimg']:.0f}", f"{row['kimg']:.0f}"]
                for answer in (row["ended"], row["confirmed"], row["read"]):
                    cells.append(f"{answer['within']:.0%} / {answer['covered']:.0%} ({answer['factor']:.2f})")
                table.add_row(world, flow, rule, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--worlds", nargs="+", default=["recorded", *SYNTHETIC], choices=["recorded", *SYNTHETIC])
    parser.add_argument("--flows", nargs="+", default=list(FLOWS), choices=list(FLOWS))
    parser.add_argument("--workers", type=int, default=1, help="trials at once")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON")
    arguments, console = parser.parse_args(), Console(file=sys.stdout, width=120)
    run = partial(once, data=arguments.data, workers=arguments.workers)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for name in arguments.worlds:
            for flow in arguments.flows:
                repeats = list(pool.map(run, [(name, flow, repeat) for repeat in range(arguments.repeats)]))
                rules = {rule: judged_all([each[rule] for each in repeats]) for rule in repeats[0]}
                found.setdefault(name, {})[flow] = rules
            console.print(table_of({name: found[name]}))
    if arguments.out:
        shared = {name: getattr(arguments, name) for name in ("repeats", "workers")}
        arguments.out.write_text(json.dumps({**shared, "worlds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
