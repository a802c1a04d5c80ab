"""A small space of students, and runs of them on a known surface."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from analysis.seeking.space import Candidate, Run, Space, space_of

WHOLE = 16.0  # kimg

MakeRuns = Callable[..., list[Run]]


def student(parameters: int, *, weight: float = 0.01, block: str = "dcgan", kimg: float = WHOLE) -> Candidate:
    """Returns a candidate of depth 2."""
    return Candidate(parameters=parameters, depth=2, block=block, gan_weight=weight, kimg=kimg)


def quality(candidate: Candidate) -> float:
    """Returns a power law that the best recipe crosses at 8,000 parameters."""
    recipe = 0.3 * (candidate.block == "dcgan") + 0.5 * (candidate.gan_weight == 0)
    return -0.8 * math.log(candidate.parameters / 8_000) + recipe


@pytest.fixture
def space() -> Space:
    """Returns ten sizes of two blocks and two GAN weights."""
    sizes = [round(1_000 * 1.5**n) for n in range(10)]
    choices = [(size, weight, block) for size in sizes for weight in (0.0, 0.01) for block in ("dcgan", "separable")]
    return space_of([student(size, weight=weight, block=block) for size, weight, block in choices])


@pytest.fixture
def make_runs() -> MakeRuns:
    def make(candidates: Sequence[Candidate], *, noise: float = 0.1, seed: int = 0) -> list[Run]:
        random = np.random.default_rng(seed)
        return [
            Run(candidate=each, seed=number, value=quality(each) + noise * random.standard_normal())
            for number, each in enumerate(candidates)
        ]

    return make
