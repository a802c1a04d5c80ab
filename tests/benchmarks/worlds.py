"""Spaces of students whose limit is known, and from which fresh seeds can be drawn at will.

One is made of the recorded curves: a fresh seed is a student's mean curve and, whole, one of the residual curves of its
architecture (a bootstrap; the residuals of three seeds are made longer by what their mean takes from them). The others
have the same students with a known surface instead: `SHAPES` of surfaces.py, what each recipe adds, what each student
has of its own, and noise that grows towards small sizes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analysis.seeking.space import Candidate, Space, space_of
from tests.benchmarks.simulation import Curves, Student
from tests.benchmarks.surfaces import SHAPES

Floats = npt.NDArray[np.float64]
Draw = Callable[[Student, np.random.Generator], Floats]

PLACE = (0.3, 0.6)  # of the sizes' range in logarithms: where a synthetic surface crosses twice the teacher's FID
BEST_WEIGHT = math.log(0.02)
NOISE, GROWTH, OWN = 0.15, 1.0, 0.08  # in log FID: a seed's at the middle size, how it grows, a student's own


@dataclass(frozen=True)
class World:
    """Students, the mean of each one's log FID by rung, and how a fresh seed's are drawn about it.

    A student whose mean is within `slack` of the rule, in log FID, may be said to hold it or to break it.
    """

    name: str
    curves: Curves
    means: dict[Student, Floats]
    draw: Draw
    slack: float = 0.0

    @cached_property
    def students(self) -> list[Student]:
        return sorted(self.means)

    @cached_property
    def kimg(self) -> list[float]:
        return [kimg for kimg, _ in self.curves.runs[self.students[0]][0]]

    @cached_property
    def candidates(self) -> dict[Student, Candidate]:
        return {s: self._candidate(s) for s in self.students}

    @cached_property
    def space(self) -> Space:
        return space_of(list(self.candidates.values()))

    def fresh(self, student: Student, *, repeat: int, seed: int) -> list[tuple[float, float]]:
        """A seed's curve, (kimg, FID): the same in every search of that repeat."""
        random = np.random.default_rng([repeat, self.students.index(student), seed])
        return list(zip(self.kimg, np.exp(self.draw(student, random)).tolist(), strict=True))

    def one_seed_each(self, repeat: int) -> Curves:
        """The recorded curves with a fresh seed for each student, for the engine's own simulation."""
        return replace(self.curves, runs={s: [self.fresh(s, repeat=repeat, seed=0)] for s in self.students})

    def threshold(self, rule: float) -> float:
        """The logarithm of the FID that is `rule` times the teacher's."""
        return math.log(rule * self.curves.teacher[1])

    def truth(self, rule: float, slack: float = 0.0) -> Student:
        """The smallest student whose mean log FID holds the rule, or misses it by `slack`, the best of its size."""
        size = self.curves.parameters
        holding = [s for s in self.students if self.means[s][-1] <= self.threshold(rule) + slack]
        if not holding:
            raise ValueError(
                f"A student holds the rule by the slack, got none for {rule} by {-slack}. Give less slack."
            )
        return min(holding, key=lambda s: (size[s], float(self.means[s][-1])))

    def true_sizes(self, rule: float) -> tuple[int, int]:
        """Between which sizes the limit is: both the same without slack."""
        least, most = (self.truth(rule, slack) for slack in (self.slack, -self.slack))
        return self.curves.parameters[least], self.curves.parameters[most]

    def one_step(self, rule: float) -> tuple[float, float]:
        """The sizes of the true student's own architecture at the next smaller and the next larger width."""
        return self._beside(self.truth(rule, self.slack), -1), self._beside(self.truth(rule, -self.slack), 1)

    def _beside(self, student: Student, steps: int) -> float:
        width, depth, block, weight = student
        widths = sorted({s[0] for s in self.students})
        place = min(max(widths.index(width) + steps, 0), len(widths) - 1)
        return self.curves.parameters[widths[place], depth, block, weight]

    def _candidate(self, student: Student) -> Candidate:
        _, depth, block, weight = student
        parameters = self.curves.parameters[student]
        return Candidate(parameters=parameters, depth=depth, block=block, gan_weight=weight, kimg=self.curves.kimg)


def recorded(curves: Curves) -> World:
    """The recorded students, with fresh seeds by a bootstrap of whole residual curves."""
    logs = {s: np.log([[fid for _, fid in run] for run in runs]) for s, runs in curves.runs.items()}
    means = {s: each.mean(axis=0) for s, each in logs.items()}
    residuals: dict[tuple[int, int, str], list[Floats]] = {}
    for s, each in logs.items():
        longer = math.sqrt(len(each) / (len(each) - 1))
        residuals.setdefault(s[:3], []).extend((each - means[s]) * longer)

    def draw(student: Student, random: np.random.Generator) -> Floats:
        pool = residuals[student[:3]]
        return np.asarray(means[student] + pool[random.integers(len(pool))])

    return World("recorded", curves, means, draw)


def synthetic(curves: Curves, name: str, *, repeat: int) -> World:
    """A world of `SYNTHETIC`: each repeat has its own place of the limit, and students with their own."""
    surface, tails = SYNTHETIC[name]
    sizes = {s: math.log(parameters) for s, parameters in curves.parameters.items()}
    low, high = min(sizes.values()), max(sizes.values())
    random = np.random.default_rng([7, repeat])
    place = low + random.uniform(*PLACE) * (high - low)
    base = math.log(2 * curves.teacher[1])
    rungs = len(next(iter(curves.runs.values()))[0])
    slower = 0.3 * math.log(2) * np.arange(rungs)[::-1]  # a budget of half the size is worth this much less

    def final(student: Student) -> float:
        _, depth, block, weight = student
        recipe = 0.15 * (depth == 1) + 0.15 * (block == "dcgan")
        recipe += 0.06 * (math.log(max(weight, 0.001)) - BEST_WEIGHT) ** 2
        return base + float(surface(np.array(sizes[student] - place))) + recipe + OWN * random.standard_normal()

    means = {s: np.asarray(final(s) + slower, dtype=np.float64) for s in sorted(curves.runs)}

    def draw(student: Student, random: np.random.Generator) -> Floats:
        unit = random.standard_t(tails) / math.sqrt(tails / (tails - 2)) if tails else random.standard_normal()
        noise = NOISE * math.exp(GROWTH * ((low + high) / 2 - sizes[student]) / (high - low))
        return np.asarray(means[student] + noise * unit)

    return World(name, curves, means, draw)


def dipping(x: Floats) -> Floats:
    """A power law with a bump above the limit: there students that are larger fail again."""
    return -0.8 * x + 0.6 * np.exp(-(((x - 0.8) / 0.3) ** 2))


SYNTHETIC: dict[str, tuple[Callable[[Floats], Floats], int | None]] = {
    "steep": (lambda x: 1.5 * SHAPES["cliff"](x), None),
    "flat": (lambda x: 0.35 * SHAPES["power law"](x), None),
    "non-monotone": (dipping, None),
    "heavy-tailed": (SHAPES["plateau"], 3),
}
