"""This module keeps what a search for the limit knows from one training to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.limit.crossing import LEVEL
from analysis.limit.rule import LimitRule
from analysis.seeking.next_run import SAMPLES, NextRun, next_run
from analysis.seeking.scales import fitted_scales, usual_scales
from analysis.seeking.space import Run, Space, Training
from analysis.seeking.surface import surface_of
from analysis.seeking.values import Measured, runs_of
from analysis.seeking.whereabouts import Whereabouts, whereabouts_of

FEWEST_RUNS = 4  # by which hyperparameters are chosen
GROWN = 1.25  # times the runs of before: then they are chosen anew


@dataclass(frozen=True, kw_only=True)
class LimitReading:
    """A LimitReading says where the limit of a whole space lies, by what was trained of it so far.

    `size` is the size at or below which it lies as probably as not; None where it probably lies beyond all. `nearness`
    is the probability that it lies there or one step of the space beside it.
    """

    where: Whereabouts
    size: int | None
    nearness: float
    trainings: int

    @property
    def interval(self) -> tuple[int | None, int | None]:
        """Returns the 95% interval in parameters, None for an end beyond all sizes."""
        return self.where.interval(LEVEL)


class LimitSearch:
    """A LimitSearch names the next training, and says where the limit lies, as rows come in.

    It keeps the surface's hyperparameters, which are chosen anew when there are GROWN times as many rows. Whatever is
    asked, the same calls on the same rows give the same answers.
    """

    def __init__(self, space: Space, rule: LimitRule, *, threshold: float, seed: int = 0) -> None:
        self.space = space
        self._rule, self._threshold, self._seed = rule, threshold, seed
        self._scales, self._fitted = usual_scales(space), 0

    def next(self, measured: Sequence[Measured], *, pending: Sequence[Training] = ()) -> NextRun:
        """Returns the next training, with `pending` as if they had ended. Its seed counts from 0."""
        runs, random = self._runs(measured), self._random(len(measured), len(pending))
        return next_run(self.space, runs, scales=self._scales, random=random, pending=pending)

    def read(self, measured: Sequence[Measured]) -> LimitReading:
        """Returns where the limit lies."""
        runs = self._runs(measured)
        surface = surface_of(self.space, runs, scales=self._scales)
        where = whereabouts_of(surface, surface.draw(SAMPLES, self._random(len(measured))))
        size = where.median
        nearness = where.none_holds if size is None else where.chance_between(*self.space.one_step(size))
        return LimitReading(where=where, size=size, nearness=nearness, trainings=len(runs))

    def _runs(self, measured: Sequence[Measured]) -> list[Run]:
        runs = runs_of(measured, self._rule, threshold=self._threshold)
        if len(runs) >= max(FEWEST_RUNS, GROWN * self._fitted):
            self._scales, self._fitted = fitted_scales(self.space, runs, start=self._scales), len(runs)
        return runs

    def _random(self, *place: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *place])
