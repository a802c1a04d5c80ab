"""This module places the students of a search among one another: coordinates in which near students are alike.

Shapes: N rows (runs or candidates), F coordinates, of which G groups have a length each.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.columns import PARAMETERS, Column
from analysis.errors import AnalysisError
from analysis.nouns import counted
from analysis.trials import Floats, Ints

STEP = 1.25  # from one size to the next, where no recipe has several
HALF_A_DECADE = math.log(10) / 2
BITS = "bits"  # of a weight: a setting
Value = float | str


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A Candidate is a student that a search may train, and the budget of its training.

    `settings` has whatever else the search varies, by name: numbers and words. `cost` is what it costs of what the
    search seeks the least of, a whole number; None where that is the parameters.

    >>> few = {"depth": 1, "block": "dcgan", "gan_weight": 0.0, "kimg": 8.0, "settings": (("bits", 4.0),)}
    >>> Candidate(parameters=1_000, **few).size, Candidate(parameters=1_000, cost=580, **few).size
    (1000, 580)
    """

    parameters: int
    depth: int
    block: str
    gan_weight: float
    kimg: float
    settings: tuple[tuple[str, Value], ...] = ()
    cost: int | None = None

    @property
    def size(self) -> int:
        """Returns what it costs of what the search seeks the least of."""
        return self.parameters if self.cost is None else self.cost

    @property
    def student(self) -> tuple[object, ...]:
        """Returns what tells it from other students, whatever their budgets."""
        return self.parameters, self.depth, self.block, self.gan_weight, self.settings

    @property
    def recipe(self) -> dict[str, Value]:
        """Returns all but size and budget."""
        return {"depth": self.depth, "block": self.block, "gan_weight": self.gan_weight, **dict(self.settings)}


@dataclass(frozen=True, kw_only=True)
class Training:
    """A Training is of a candidate with one seed; the same student and seed at another budget is a rung of it."""

    candidate: Candidate
    seed: int

    @property
    def key(self) -> tuple[object, ...]:
        """Returns what its rungs share, and no other training has."""
        return self.candidate.student, self.seed


@dataclass(frozen=True, kw_only=True)
class Run(Training):
    """A Run is a training that was measured: `value` is its quality when it had seen `candidate.kimg`.

    Values are turned so that lower is better, less the rule's threshold: one of 0 or less holds the rule. One that is
    not finite raises AnalysisError.
    """

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            got = f"{self.value} for a student of {self.candidate.parameters:,} parameters"
            raise AnalysisError("A run's value is finite", got, "Give it the worst of the others', or leave it out.")


@dataclass(frozen=True, kw_only=True)
class Points:
    """Points are rows as coordinates; rows of one student, and of these rows of one seed, have equal codes."""

    x_NF: Floats  # the first is the logarithm of the parameters, the second that of the budget
    student_N: Ints
    seed_N: Ints

    def rows(self, which: slice) -> "Points":
        """Returns some of them."""
        return Points(x_NF=self.x_NF[which], student_N=self.student_N[which], seed_N=self.seed_N[which])


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An Axis is a setting as coordinates: a number's place in its range, or a coordinate for each of some words."""

    name: str
    words: tuple[str, ...] = ()
    low: float = 0.0
    span: float = 1.0
    smallest: float | None = None  # of the GAN weights above 0

    def columns(self, values: Sequence[Value]) -> Floats:
        """Returns the coordinates of values, a column each; any two words are 1 apart."""
        if self.words:
            chosen = [[word == str(value) for word in self.words] for value in values]
            return np.array(chosen, np.float64) / math.sqrt(2)
        return (_numbers(self.name, values, smallest=self.smallest)[:, None] - self.low) / self.span


@dataclass(frozen=True, kw_only=True)
class Space:
    """A Space is all that a search may train, and the axes of what varies among it beside parameters and budget.

    The limit is sought along the candidates' sizes, which are of the column `cost`. Quality is modelled over their
    parameters, whatever is sought: students of fewer bits at as many bytes have more of them. GAN weights act by their
    logarithm, and 0 lies half a decade below the smallest other; bits act by the distance of two weights beside the
    greatest one, which of some ways foretells held-out students best (`python -m tests.benchmarks.axes`).
    """

    candidates: tuple[Candidate, ...]
    axes: tuple[Axis, ...]
    cost: Column = PARAMETERS

    @cached_property
    def size_range(self) -> tuple[float, float]:
        """Returns the logarithms of the fewest and of the most parameters."""
        sizes = [candidate.parameters for candidate in self.candidates]
        return math.log(min(sizes)), math.log(max(sizes))

    @cached_property
    def final_kimg(self) -> float:
        """Returns the largest budget, of which the limit is stated."""
        return max(candidate.kimg for candidate in self.candidates)

    @cached_property
    def groups(self) -> Ints:
        """Returns which of the G lengths each of the F coordinates has."""
        widths = [1, 1, *(len(axis.words) or 1 for axis in self.axes)]
        return np.repeat(np.arange(len(widths)), widths)

    def one_step(self, size: int) -> tuple[int, int]:
        """Returns the sizes next to `size`, a size of the whole budget, among the students of its own recipe.

        Of several recipes of that size those that lie nearest count. Where none has another size, as where the widths
        of the stages are searched, it is the next size of any student that is a factor of STEP away. At an end of the
        space it is `size` itself.
        """
        whole = [candidate for candidate in self.candidates if candidate.kimg == self.final_kimg]
        own = {tuple(each.recipe.items()) for each in whole if each.size == size}
        of_recipes = [{each.size for each in whole if tuple(each.recipe.items()) == recipe} for recipe in own]
        alike, step = [sizes for sizes in of_recipes if len(sizes) > 1], 1.0
        if not alike:
            alike, step = [{each.size for each in whole}], STEP
        low = max(max((each for each in sizes if each * step <= size != each), default=size) for sizes in alike)
        high = min(min((each for each in sizes if each >= size * step != each), default=size) for sizes in alike)
        return low, high

    def points(self, candidates: Sequence[Candidate], *, seeds: Sequence[int | None]) -> Points:
        """Returns rows as coordinates. A row whose seed is None is a training of its own."""
        base = [[math.log(row.parameters), math.log(row.kimg)] for row in candidates]
        recipes = [row.recipe for row in candidates]
        columns = [axis.columns([recipe[axis.name] for recipe in recipes]) for axis in self.axes]
        codes: dict[tuple[object, ...], int] = {}
        student_N = [codes.setdefault(row.student, len(codes)) for row in candidates]
        seed_N = [-1 - number if seed is None else seed for number, seed in enumerate(seeds)]
        x_NF = np.concatenate([np.array(base, np.float64).reshape(-1, 2), *columns], axis=1)
        return Points(x_NF=x_NF, student_N=np.array(student_N, np.int64), seed_N=np.array(seed_N, np.int64))


def space_of(candidates: Sequence[Candidate], *, cost: Column = PARAMETERS) -> Space:
    """Returns the space of some candidates, whose sizes are of `cost`.

    Raises AnalysisError where those of the whole budget have no two sizes.
    """
    final_kimg = max((candidate.kimg for candidate in candidates), default=0.0)
    whole = [candidate.size for candidate in candidates if candidate.kimg == final_kimg]
    if len(set(whole)) < 2:
        sizes = f"{counted(len(whole), 'candidate')} of the whole budget, of one size" if whole else "no candidate"
        raise AnalysisError("A limit is sought among two sizes or more", sizes, "Widen the space, or its constraints.")
    recipes = [candidate.recipe for candidate in candidates]
    axes = [_axis(name, [recipe[name] for recipe in recipes]) for name in recipes[0]]
    return Space(candidates=tuple(candidates), axes=tuple(axis for axis in axes if axis is not None), cost=cost)


def require_distinct(trainings: Sequence[Training]) -> None:
    """Raises AnalysisError where a training is given twice at one budget."""
    counts = Counter((*each.key, each.candidate.kimg) for each in trainings)
    twice = next((each for each in trainings if counts[*each.key, each.candidate.kimg] > 1), None)
    if twice is not None:
        candidate = twice.candidate
        got = f"seed {twice.seed} of a student of {candidate.parameters:,} parameters twice at {candidate.kimg:g} kimg"
        raise AnalysisError("A training is given once at each budget", got, "Leave one out, or correct its seed.")


def _axis(name: str, values: Sequence[Value]) -> Axis | None:
    if len(set(values)) < 2:
        return None
    if any(isinstance(value, str) for value in values):
        return Axis(name=name, words=tuple(sorted({str(value) for value in values})))
    smallest = min(float(value) for value in values if float(value) > 0) if name == "gan_weight" else None
    numbers = _numbers(name, values, smallest=smallest)
    return Axis(name=name, low=float(numbers.min()), span=float(np.ptp(numbers)), smallest=smallest)


def _numbers(name: str, values: Sequence[Value], *, smallest: float | None) -> Floats:
    numbers = np.array([float(value) for value in values], np.float64)
    if name == BITS:
        return np.asarray(2.0 ** (1 - numbers))
    if smallest is None:
        return numbers
    return np.where(numbers > 0, np.log(np.maximum(numbers, smallest)), math.log(smallest) - HALF_A_DECADE)
