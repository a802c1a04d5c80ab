"""A search by the sampler `limit` in simulated time, and what its rows, or those of any search, say of the limit."""

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.frontier.pareto import nondominated
from analysis.limit.crossing import crossing, falling_curve
from analysis.limit.rule import LimitRule
from analysis.seeking.limit_search import FEWEST_TRAININGS, LimitSearch
from analysis.seeking.space import Training
from analysis.seeking.values import Measured
from tests.benchmarks.simulation import Student
from tests.benchmarks.worlds import World

NARROW = 1.5  # the factor between the ends of the model's interval at which a search for a narrow one ends
SURE = 0.9  # the model's nearness at which a search by it ends
PACE = 0.2  # how far the workers' times for one training lie apart, in logarithms

Rows = list[tuple[Student, int, float]]  # student, seed, log FID, in the order of their ends


@dataclass(frozen=True)
class Reading:
    """What the rows say of the limit when `kimg` were spent: the model's median and interval, and the frontier's."""

    kimg: float
    median: float
    low: float
    high: float
    nearness: float  # by the model's own account
    trainings: int
    frontier: float

    @property
    def width(self) -> float:
        """The interval's larger end over its smaller one."""
        return self.high / self.low if math.isfinite(self.low) else math.inf


@dataclass(frozen=True)
class Stand:
    """The rows of a search so far, the kimg that they took, and the wall time in lengths of a whole training."""

    rows: Rows
    spent: float
    wall: float


class Reader:
    """Reads ever more rows of one search under one rule."""

    def __init__(self, world: World, rule: float, repeat: int) -> None:
        self.world, self.rule, self.repeat, self._threshold = world, rule, repeat, world.threshold(rule)
        threshold = math.exp(self._threshold)
        judged = LimitRule(metric="fid", threshold=threshold)
        self.search = LimitSearch(world.space, judged, threshold=threshold, seed=repeat)

    def measured(self, rows: Rows) -> list[Measured]:
        """The rows as the model takes them."""
        return [
            Measured(candidate=self.world.candidates[student], seed=seed, quality=math.exp(fid))
            for student, seed, fid in rows
        ]

    def read(self, rows: Rows, kimg: float) -> Reading:
        found = self.search.place(self.measured(rows))
        median, low, high = (size or math.inf for size in (found.size, *found.interval))
        frontier = self.from_the_frontier(rows)
        return Reading(
            kimg=kimg,
            median=median,
            low=low,
            high=high,
            nearness=found.nearness,
            trainings=found.trainings,
            frontier=frontier,
        )

    def from_the_frontier(self, rows: Rows) -> float:
        """Where the isotonic curve of the students on the frontier crosses the rule."""
        sizes = np.array([math.log(self.world.curves.parameters[student]) for student, _, _ in rows])
        values = np.array([fid for _, _, fid in rows])
        front = nondominated(np.stack([sizes, values], axis=1))
        order = front[np.argsort(sizes[front])]
        curve = falling_curve(values[order], np.ones(len(order)))
        found = crossing(sizes[order], curve, threshold=self._threshold)
        return math.inf if found is None else math.exp(found)


def first_sure(world: World, reader: Reader, *, repeat: int, workers: int, budget: float) -> Stand:
    """How a search stands that ends as the sampler does, or with its budget; what is under way then ends as well."""

    def is_sure(rows: Rows, spent: float) -> bool:
        return is_end(reader.read(rows, spent), NARROW)

    *_, last = sought(world, reader, repeat=repeat, workers=workers, budget=budget, is_over=is_sure)
    return last


def sought(
    world: World,
    reader: Reader,
    *,
    repeat: int,
    workers: int,
    budget: float,
    is_over: Callable[[Rows, float], bool] = lambda rows, spent: False,
) -> Iterator[Stand]:
    """Yields how a search by the reader's rule stands at the end of each training.

    Workers begin trainings as the sampler's queue has them: none while what comes next had better wait.
    """
    random = np.random.default_rng([2, repeat])
    students = {candidate: student for student, candidate in world.candidates.items()}
    rows: Rows = []
    running: list[tuple[float, int, Student, int]] = []  # when it ends, its number, the student, the seed
    begun, now, whole = 0, 0.0, world.curves.kimg
    while True:
        is_open = not is_over(rows, len(rows) * whole) if rows else True
        while is_open and len(running) < workers and begun * whole < budget:
            pending = [Training(candidate=world.candidates[student], seed=seed) for _, _, student, seed in running]
            measured = reader.measured(rows)
            if running and reader.search.must_wait(measured, pending=pending, confidence=SURE, precision=NARROW):
                break
            asked = reader.search.next(measured, pending=pending)
            seconds = math.exp(PACE * random.standard_normal())
            heapq.heappush(running, (now + seconds, begun, students[asked.candidate], asked.seed))
            begun += 1
        if not running:
            return
        now, _, student, seed = heapq.heappop(running)
        rows.append((student, seed, math.log(world.fresh(student, repeat=repeat, seed=seed)[-1][1])))
        yield Stand(rows=rows, spent=len(rows) * whole, wall=now)


def is_end(reading: Reading, factor: float) -> bool:
    return reading.trainings >= FEWEST_TRAININGS and reading.nearness >= SURE and reading.width <= factor
