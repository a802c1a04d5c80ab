"""This module keeps what a search for the limit knows from one training to the next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from analysis.columns import PARAMETERS, Column
from analysis.frontier.pareto import nondominated
from analysis.limit.crossing import LEVEL
from analysis.limit.rule import LimitRule
from analysis.nouns import counted
from analysis.seeking.belief import ASK, Belief, Beliefs
from analysis.seeking.covariance import Scales
from analysis.seeking.next_run import NextRun, next_run
from analysis.seeking.scales import fitted_scales, usual_scales
from analysis.seeking.space import Candidate, Run, Space, Training
from analysis.seeking.values import Measured, qualities_of, runs_of
from analysis.seeking.whereabouts import Whereabouts, best_of_sizes, whereabouts_of
from analysis.trials import Floats, Ints

FEWEST_RUNS = 4  # by which hyperparameters are chosen
FEWEST_TRAININGS = 8  # a surface of fewer says what was assumed of it
ALMOST = 0.9999  # as good as sure
# Trainings under way at a time, and over those that have ended: python -m tests.benchmarks.flows --workers 1 8 64
FIRST_PENDING, PENDING = 3, 0.1
GROWN = 1.25  # times the runs of before: then they are chosen anew


@dataclass(frozen=True, kw_only=True)
class BestCurve:
    """A BestCurve is the quality of the best student of at most each size, with a 95% band, worst first.

    Shapes: K sizes of the space, rising, in the unit of its cost. Qualities are in the rule's metric.
    """

    sizes_K: Ints
    worst_K: Floats
    middle_K: Floats
    best_K: Floats


@dataclass(frozen=True, kw_only=True)
class LimitPlace:
    """A LimitPlace says where the limit of a whole space lies, by a surface model of what was trained of it so far.

    Students that were never tried count as well. Sizes are of the column `cost`. `size` is that at or below which the
    limit lies as probably as not; None where it probably lies beyond all. `nearness` is the probability that it lies
    there or one step of the space beside it.
    """

    where: Whereabouts
    size: int | None
    nearness: float
    trainings: int
    students: int  # of the space
    cost: Column = PARAMETERS

    @property
    def interval(self) -> tuple[int | None, int | None]:
        """Returns the 95% interval of the size, None for an end beyond all sizes."""
        return self.where.interval(LEVEL)

    @property
    def factor(self) -> float:
        """Returns how many times as large the interval's upper end is as its lower one.

        Infinity for an open end, and 1 where the whole interval lies beyond all sizes.
        """
        low, high = self.interval
        if low is None:
            return 1.0
        return math.inf if high is None else high / low

    def is_sure(self, *, confidence: float, precision: float) -> bool:
        """Returns whether it is as certain as that; never with a confidence of 1."""
        return self.nearness >= confidence < 1 and self.factor <= precision

    def expected_trainings(self, *, confidence: float, precision: float) -> int | None:
        """Returns how many more trainings are expected until it is as certain as that; None where nothing can be said.

        That is as long as an end of the interval is open, or `confidence` is 1. A rule of thumb: the interval narrows
        in proportion to the trainings, in logarithms, and the distance of the limit from the edge of one step, in
        standard deviations, grows with their root. `python -m tests.benchmarks.expected` says how true it is.
        """
        if confidence == 1 or not math.isfinite(self.factor) or not self.trainings:
            return None
        apart = [float(norm.ppf((1 + min(share, ALMOST)) / 2)) for share in (confidence, self.nearness)]
        times = (apart[0] / apart[1]) ** 2 if apart[1] > 0 else math.inf
        times = max(times, math.log(self.factor) / math.log(precision), 1.0)
        if not math.isfinite(times):
            return None
        return max(math.ceil(self.trainings * (times - 1) - 1e-9), FEWEST_TRAININGS - self.trainings, 0)

    def sentence(self, teacher_parameters: int) -> str:
        """Returns in words where the limit of the space lies, for a teacher of so many parameters."""
        basis = f"By a model of all {counted(self.students, 'student')} of the space after {self.trainings:,} trainings"
        if self.size is None:
            return f"{basis}, no size of it holds the rule, with a probability of {self.where.none_holds:.0%}."
        place = f"{self.cost.amount(self.size)}, {self._ratio(self.size, teacher_parameters)} of the teacher"
        if self._all_hold:
            return f"{basis}, even its smallest size holds the rule, {place} ({self._surely_all:.0%} probable)."
        return (
            f"{basis}, its limit{self.cost.in_unit} lies near {place} (95% interval "
            f"{self._range(teacher_parameters)}; within one step with a probability of {self.nearness:.0%})."
        )

    def short(self, teacher_parameters: int) -> str:
        """Returns the same in the length of a line that is written while a sweep runs."""
        limit = f"limit of the space{self.cost.in_unit}"
        if self.size is None:
            return f"no size of the space holds the rule so far ({self.where.none_holds:.0%})"
        if self._all_hold:
            return f"{limit} at its smallest size or beyond ({self._surely_all:.0%})"
        place = f"{self._ratio(self.size, teacher_parameters)}, 95% {self._range(teacher_parameters)}"
        return f"{limit} near {place}; {self.nearness:.0%} within one step"

    def standing(self, teacher_parameters: int, *, confidence: float, precision: float) -> str:
        """Returns the same with how many more trainings a search for it is expected to need."""
        further = self.expected_trainings(confidence=confidence, precision=precision)
        more = f"; about {counted(further, 'more training')} to be sure" if further else ""
        return self.short(teacher_parameters) + more

    @property
    def _all_hold(self) -> bool:
        return self.interval[1] == int(self.where.sizes_K[0])

    @property
    def _surely_all(self) -> float:
        return float(self.where.chance_K[0])

    def _range(self, teacher_parameters: int) -> str:
        low, high = self.interval
        small = "its smallest size" if low == self.where.sizes_K[0] else "beyond" if low is None else ""
        large = self._ratio(high, teacher_parameters) if high else "beyond all its sizes"
        return f"{large} to {small or self._ratio(low or 1, teacher_parameters)}"

    def _ratio(self, size: int, teacher_parameters: int) -> str:
        """Returns how large a student is beside the teacher, whose parameters are floats."""
        return f"1/{self.cost.of_floats(teacher_parameters) / size:.1f}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        names = ("size", "nearness", "trainings", "students")
        low, high = self.interval
        chances = dict(zip(map(str, self.where.sizes_K.tolist()), self.where.chance_K.tolist(), strict=True))
        plain = {name: getattr(self, name) for name in names}
        return {
            "cost": self.cost.name,
            **plain,
            "interval": [low, high],
            "none_holds": self.where.none_holds,
            "chances": chances,
        }


@dataclass(frozen=True, kw_only=True)
class SpaceLimit(LimitPlace):
    """A SpaceLimit is a LimitPlace with the quality of the best student of at most each size.

    >>> from analysis import LimitRule
    >>> from analysis.seeking.space import Candidate, space_of
    >>> rule, sizes = LimitRule(metric="fid", threshold=10.0), [1_000 * n for n in range(1, 9)]
    >>> students = [Candidate(parameters=n, depth=1, block="dcgan", gan_weight=0.0, kimg=8.0) for n in sizes]
    >>> search = LimitSearch(space_of(students), rule, threshold=10.0)
    >>> rows = [Measured(candidate=student, seed=0, quality=4.4e4 / student.size) for student in students[1::2]]
    >>> found = search.read(rows)
    >>> found.size, found.trainings, found.students
    (5000, 4, 8)
    """

    curve: BestCurve


class LimitSearch:
    """A LimitSearch names the next training, and says where the limit lies, as rows come in.

    The surface's hyperparameters are chosen anew when there are GROWN times as many rows, by the first of them. So
    every answer follows from the rows and their order alone, whatever was asked before.
    """

    def __init__(self, space: Space, rule: LimitRule, *, threshold: float, seed: int = 0) -> None:
        self.space = space
        self._rule, self._threshold, self._seed = rule, threshold, seed
        self._fitted: tuple[Sequence[Run], Scales] | None = None  # by these rows
        self._beliefs = Beliefs(space, seed=seed)
        self._students = len({candidate.student for candidate in space.candidates})

    def next(
        self, measured: Sequence[Measured], *, pending: Sequence[Training] = (), lost: Sequence[Training] = ()
    ) -> NextRun:
        """Returns the next training, with `pending` as if they had ended. Its seed counts from 0 without the `lost`."""
        random = self._random(measured, pending, lost)
        belief = self._awaiting(measured, pending, random=random)
        return next_run(self.space, belief, begun=[*measured, *pending], random=random, lost=lost)

    def must_wait(
        self, measured: Sequence[Measured], *, pending: Sequence[Training], confidence: float, precision: float
    ) -> bool:
        """Returns whether the next training is better chosen when one of `pending` has ended.

        What many workers are given at once is chosen by little: FIRST_PENDING of them are under way at a time, or the
        share PENDING of what has ended, if that is more. And none begins where those under way are expected to leave
        the limit as certain as is asked.
        """
        if not pending or len(pending) >= max(FIRST_PENDING, PENDING * len(measured)):
            return bool(pending)
        if len(measured) + len(pending) < FEWEST_TRAININGS or confidence == 1:
            return False
        expected = self._placed(self._awaiting(measured, pending, random=self._random(measured, pending)), trainings=0)
        return expected.is_sure(confidence=confidence, precision=precision)

    def place(self, measured: Sequence[Measured]) -> LimitPlace:
        """Returns where the limit lies: what a search asks after each training."""
        runs, belief = self._believed(measured)
        return self._placed(belief, trainings=len(runs))

    def read(self, measured: Sequence[Measured]) -> SpaceLimit:
        """Returns where the limit lies, with the curve of the best students: what a report shows."""
        _, belief = self._believed(measured)
        curve = self._curve(best_of_sizes(belief.surface, belief.quality_SC))
        return SpaceLimit(**vars(self.place(measured)), curve=curve)

    def deciding(self, measured: Sequence[Measured], *, most: int) -> list[Candidate]:
        """Returns at most so many students, smallest first, whose fresh seeds tell where the limit lies.

        They are those that the model expects to be better than all smaller ones, from one step below the limit's 95%
        interval to one step above it; of more than `most` those at even distances, both ends among them. Whether they
        were tried does not matter.
        """
        _, belief = self._believed(measured)
        surface, where = belief.surface, whereabouts_of(belief.surface, belief.quality_SC)
        low, high = where.interval(LEVEL)
        whole = [place for place, each in enumerate(self.space.candidates) if each.kimg == self.space.final_kimg]
        sizes = [self.space.candidates[place].size for place in whole]
        points_C2 = np.stack([np.array(sizes, dtype=np.float64), surface.mean_C[whole]], axis=1)
        front = [self.space.candidates[whole[place]] for place in nondominated(points_C2)]
        largest = self.space.one_step(high)[1] if high else max(sizes)
        # The neighbours that clearly fail and clearly hold, where the frontier has none between the steps and the ends.
        if low is None:
            return front[-most:]  # no size holds: the largest tell whether that is so
        below = max((each.size for each in front if each.size < low), default=0)
        smallest = self.space.one_step(low)[0]
        above = min((each.size for each in front if each.size > (high or math.inf)), default=math.inf)
        inside = [each for each in front if min(smallest, below) <= each.size <= max(largest, above)]
        places = np.unique(np.linspace(0, len(inside) - 1, min(most, len(inside))).round().astype(int))
        return [inside[place] for place in places]

    def _curve(self, best: tuple[Ints, Floats]) -> BestCurve:
        sizes_K, value_SK = best
        ends_3K = np.quantile(value_SK, [(1 + LEVEL) / 2, 0.5, (1 - LEVEL) / 2], axis=0)
        worst_K, middle_K, best_K = (qualities_of(end_K, self._rule, threshold=self._threshold) for end_K in ends_3K)
        return BestCurve(sizes_K=sizes_K, worst_K=worst_K, middle_K=middle_K, best_K=best_K)

    def _runs(self, measured: Sequence[Measured]) -> list[Run]:
        return runs_of(measured, self._rule, threshold=self._threshold)

    def _placed(self, belief: Belief, *, trainings: int) -> LimitPlace:
        where = whereabouts_of(belief.surface, belief.quality_SC)
        size = where.median
        nearness = where.none_holds if size is None else where.chance_between(*self.space.one_step(size))
        return LimitPlace(
            where=where,
            size=size,
            nearness=nearness,
            trainings=trainings,
            students=self._students,
            cost=self.space.cost,
        )

    def _awaiting(
        self, measured: Sequence[Measured], pending: Sequence[Training], *, random: np.random.Generator
    ) -> Belief:
        runs = self._runs(measured)
        scales, first = self._scales(runs)
        return self._beliefs.awaiting(runs, scales=scales, first=first, pending=pending, random=random)

    def _random(self, *known: Sequence[Training]) -> np.random.Generator:
        return np.random.default_rng([self._seed, ASK, *map(len, known)])

    def _believed(self, measured: Sequence[Measured]) -> tuple[list[Run], Belief]:
        runs = self._runs(measured)
        scales, first = self._scales(runs)
        return runs, self._beliefs.after(runs, scales=scales, first=first)

    def _scales(self, runs: Sequence[Run]) -> tuple[Scales, int]:
        """Returns the hyperparameters by the first of the rows, and their number: the last step of GROWN."""
        count = FEWEST_RUNS
        if len(runs) < count:
            return usual_scales(self.space), 0
        while (following := math.ceil(GROWN * count)) <= len(runs):
            count = following
        if self._fitted is None or self._fitted[0] != runs[:count]:
            self._fitted = runs[:count], fitted_scales(self.space, runs[:count])
        return self._fitted[1], count
