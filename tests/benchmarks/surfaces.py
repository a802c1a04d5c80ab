"""Curves of log quality over log parameters whose compression limit is known, and noisy seeds on them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RANGE = math.log(30)  # of log parameters
BELOW_THE_KNOT = 0.45  # how far the cliff's limit lies below its corner, in log parameters


def power_law(x: Floats) -> Floats:
    return -0.8 * x


def plateau(x: Floats) -> Floats:
    """A floor and a power law: at the limit twice the floor."""
    return np.log1p(np.exp(-1.3 * x)) - math.log(2)


def cliff(x: Floats) -> Floats:
    return np.where(x < BELOW_THE_KNOT, -1.5 * x, -1.5 * BELOW_THE_KNOT - 0.15 * (x - BELOW_THE_KNOT))


def sigmoid(x: Floats) -> Floats:
    return 2.4 / (1 + np.exp(1.8 * x)) - 1.2


SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "power law": power_law,
    "plateau": plateau,
    "cliff": cliff,
    "sigmoid": sigmoid,
}


@dataclass(frozen=True)
class Scenario:
    """A curve (log quality over log parameters above the limit), its noise, and where it is sampled."""

    shape: str
    noise: float
    seeds: int
    sizes: int
    growth: float = 0.0  # the noise at the smallest size is exp(growth) times that at the largest
    tails: int | None = None  # degrees of freedom of Student's t in place of the normal
    place: tuple[float, float] = (0.3, 0.7)  # of the limit, as shares of the range
    at_a_size: bool = False  # the limit is one of the sizes
    failing: float = 0.0  # the share of seeds that fail, NaN, at the smallest third of the sizes
    uneven: bool = False  # the sizes lie closer together the larger they are, as those of widths in equal steps

    @property
    def name(self) -> str:
        remarks = ["noise grows"] * bool(self.growth) + [f"t{self.tails}"] * bool(self.tails)
        remarks += (
            ["uneven sizes"] * self.uneven
            + ["at a size"] * self.at_a_size
            + ["near an end"] * (self.place[1] < 0.3)
            + [f"{self.failing:.0%} fail"] * bool(self.failing)
        )
        return ", ".join([self.shape, *remarks])

    @property
    def log_sizes(self) -> Floats:
        return RANGE * np.linspace(0, 1, self.sizes) ** (0.6 if self.uneven else 1.0)

    def draw(self, rng: np.random.Generator) -> tuple[float, Floats]:
        """The true limit, and values seeds x sizes, NaN for a seed that failed; the threshold is 0."""
        x = self.log_sizes
        limit = rng.uniform(*self.place) * RANGE
        if self.at_a_size:
            limit = float(x[np.argmin(np.abs(x - limit))])
        shape = (self.seeds, self.sizes)
        if self.tails:
            unit = rng.standard_t(self.tails, shape) / math.sqrt(self.tails / (self.tails - 2))
        else:
            unit = rng.standard_normal(shape)
        noise = self.noise * np.exp(self.growth * (0.5 - x / RANGE))
        values = SHAPES[self.shape](x - limit) + noise * unit
        if self.failing:
            fails = (rng.random(shape) < self.failing) & (np.arange(self.sizes) < self.sizes // 3)
            fails[0] = False  # the search's seed, which chose these students
            values[fails] = np.nan
        return limit, values


def scenarios() -> list[Scenario]:
    """The full crossing of shape, noise, seeds and sizes, and the hard cases at the middle noise."""
    found = [
        Scenario(shape, noise, seeds, sizes)
        for shape in SHAPES
        for noise in (0.05, 0.15, 0.3)
        for seeds in (3, 5, 10)
        for sizes in (6, 9, 12)
    ]
    hard: tuple[dict[str, Any], ...] = (
        {"growth": 1.5},
        {"tails": 4},
        {"place": (0.03, 0.12)},
        {"growth": 1.5, "place": (0.03, 0.12)},
        {"at_a_size": True},
        {"uneven": True},
    )
    found += [Scenario(shape, 0.15, seeds, 9, **case) for case in hard for shape in SHAPES for seeds in (3, 5, 10)]
    return found
