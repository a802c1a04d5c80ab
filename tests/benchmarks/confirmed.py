"""Candidates of a search with fresh seeds in simulated time, by the rules of the product, and what they come to."""

import heapq
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from analysis import CostLimit, LimitRule, Phase, cost_limits, example_trials, limit_candidates
from sweeps.driver import fresh_seeds
from tests.benchmarks.simulation import Student
from tests.benchmarks.sought import PACE, SURE, Reader, Reading, Rows, Stand
from tests.benchmarks.worlds import World

PRECISION, FIRST_SEEDS, MOST_SEEDS, MOST_CANDIDATES = 1.5, 2, 12, 6
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


class Confirmation:
    """Candidates of a search with fresh seeds."""

    def __init__(self, reader: Reader, found: Stand, candidates: list[Student], *, workers: int) -> None:
        self._reader, self._found, self._candidates, self._workers = reader, found, candidates, workers
        self._world, self._rule = reader.world, rule_of(reader.world, reader.rule)
        self._search = table_of_rows(self._world, found.rows, Phase.SEARCH)
        self._fresh: dict[tuple[Student, int], float] = {}
        self._pace, self._wall = np.random.default_rng([3, reader.repeat]), found.wall

    def with_seeds(self, count: int, sizes: set[int] | None = None) -> CostLimit:
        """The limit when the candidates, or those of some sizes, have so many fresh seeds."""
        size_of = self._world.curves.parameters
        self._train({each: count for each in self._candidates if sizes is None or size_of[each] in sizes})
        return self._limit()

    def _train(self, seeds: dict[Student, int]) -> None:
        """Give each of the students so many fresh seeds, as far as it lacks them."""
        ends = [self._wall] * self._workers
        for student, count in seeds.items():
            for seed in range(FRESH, FRESH + count):
                if (student, seed) not in self._fresh:
                    fid = self._world.fresh(student, repeat=self._reader.repeat, seed=seed)[-1][1]
                    self._fresh[student, seed] = math.log(fid)
                    heapq.heapreplace(ends, ends[0] + math.exp(PACE * self._pace.standard_normal()))
        self._wall = max(ends)

    def _limit(self) -> CostLimit:
        """The limit by the fresh seeds so far."""
        fresh = table_of_rows(self._world, self._rows, Phase.CONFIRM)
        (limit,) = cost_limits(pa.concat_tables([self._search, fresh]), self._rule, cost="parameters")
        return limit

    def to_confidence(self) -> CostLimit:
        """The limit when the model is SURE of it by all rows, or there may be no more seeds."""
        self._train(dict.fromkeys(self._candidates, FIRST_SEEDS))
        while True:
            rows = [*self._found.rows, *self._rows]
            if self._reader.read(rows, 0.0).nearness >= SURE:
                crossing = [each for each in self._crossing() if (each, FRESH) not in self._fresh]
                if not crossing:
                    return self._limit()
                self._train(dict.fromkeys(crossing, FIRST_SEEDS))
                continue
            has = Counter(student for student, _ in self._fresh)
            named = deciding(self._reader, rows)
            asked = {each: min(max(has[each] + 1, FIRST_SEEDS), MOST_SEEDS) for each in named}
            lacking = sum(count - has[student] for student, count in asked.items())
            if not lacking or len(self._fresh) + lacking > MOST_CANDIDATES * MOST_SEEDS:
                return self._limit()
            self._train(asked)

    def _crossing(self) -> list[Student]:
        """The two students between which the search crosses the rule."""
        rows = limit_candidates(self._search, self._rule, around=0, whole_frontier=False)
        return [student_of(row) for row in rows.to_pylist()]

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


def deciding(reader: Reader, rows: Rows) -> list[Student]:
    """The students that tell where the limit lies, by these rows."""
    students = {candidate: student for student, candidate in reader.world.candidates.items()}
    return [students[each] for each in reader.search.deciding(reader.measured(rows), most=MOST_CANDIDATES)]


def rule_of(world: World, rule: float) -> LimitRule:
    return LimitRule(metric="fid", threshold=math.exp(world.threshold(rule)))


def table_of_rows(world: World, rows: Rows, phase: Phase) -> pa.Table:
    return example_trials(*(_row(world, student, seed=seed, fid=math.exp(fid)) | {"phase": phase, "trial": number}
                            for number, (student, seed, fid) in enumerate(rows)))  # fmt: skip


def _of_reading(world: World, rule: float, read: Reading) -> Answer:
    least, most = world.true_sizes(rule)
    covered = read.low <= most and least <= read.high
    return Answer(read.median, read.low, read.high, _is_near(world, rule, read.median), covered)


def _is_near(world: World, rule: float, answer: float) -> bool:
    low, high = world.one_step(rule)
    return low <= answer <= high


def _row(world: World, student: Student, *, seed: int, fid: float) -> dict[str, Any]:
    width, depth, block, weight = student
    parameters, fid_of_teacher = world.curves.parameters[student], world.curves.teacher[1]
    return {
        **{"width": width, "depth": depth, "block": block, "gan_weight": weight, "seed": seed, "fid": fid},
        **{"parameters": parameters, "teacher_fid": fid_of_teacher, "trial_key": f"{student}-{seed}"},
    }


def student_of(row: dict[str, Any]) -> Student:
    return row["width"], row["depth"], row["block"], row["gan_weight"]
