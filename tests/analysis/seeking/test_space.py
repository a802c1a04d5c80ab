"""The coordinates of students: what is near what."""

import math

import numpy as np
import pytest

from analysis import AnalysisError
from analysis.seeking.space import Candidate, Run, Space, space_of


def candidate(parameters: int, **changes: object) -> Candidate:
    fields = {"depth": 2, "block": "dcgan", "gan_weight": 0.01, "kimg": 16.0, "settings": ()} | changes
    return Candidate(parameters=parameters, **fields)  # type: ignore[arg-type]


def rows(space: Space, *candidates: Candidate) -> np.ndarray:
    return space.points(candidates, seeds=[None] * len(candidates)).x_NF


def test_what_does_not_vary_has_no_coordinate() -> None:
    space = space_of([candidate(1_000), candidate(2_000)])
    assert space.axes == ()
    assert rows(space, candidate(1_000)) == pytest.approx(np.log([[1_000, 16]]))


def test_a_weight_acts_by_its_logarithm_and_none_lies_half_a_decade_below_the_smallest() -> None:
    weights = [0.0, 0.01, 0.1]
    space = space_of([candidate(1_000 * n, gan_weight=weight) for n, weight in enumerate(weights, 1)])
    x_N = rows(space, *(candidate(1_000, gan_weight=weight) for weight in weights))[:, 2]
    assert x_N == pytest.approx([0, 1 / 3, 1])


def test_any_two_words_are_one_apart() -> None:
    blocks = ["dcgan", "separable", "resize"]
    space = space_of([candidate(1_000 * n, block=block) for n, block in enumerate(blocks, 1)])
    x_NF = rows(space, *(candidate(1_000, block=block) for block in blocks))[:, 2:]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(x_NF[i] - x_NF[j]) == pytest.approx(1)
    assert space.groups.tolist() == [0, 1, 2, 2, 2], "words share a length"


def test_other_settings_are_placed_as_they_are_given() -> None:
    settings = [(("loss", "mse"), ("rank", 4)), (("loss", "l1"), ("rank", 8))]
    space = space_of([candidate(1_000 * n, settings=each) for n, each in enumerate(settings, 1)])
    assert [axis.name for axis in space.axes] == ["loss", "rank"]
    assert rows(space, candidate(1_000, settings=(("loss", "l1"), ("rank", 6))))[0, -1] == pytest.approx(0.5)


def test_numbers_among_words_are_words() -> None:
    space = space_of([candidate(1_000 * n, settings=(("rank", rank),)) for n, rank in enumerate(["none", 6, 8], 1)])
    x_NF = rows(space, *space.candidates)[:, 2:]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(x_NF[i] - x_NF[j]) == pytest.approx(1)


def test_seeds_and_budgets_of_one_student_are_told_from_another_one() -> None:
    space = space_of([candidate(1_000), candidate(2_000)])
    points = space.points([candidate(1_000), candidate(1_000, kimg=4.0), candidate(2_000)], seeds=[3, 3, None])
    assert points.student_N.tolist() == [0, 0, 1]
    assert points.seed_N[0] == points.seed_N[1] == 3
    assert points.x_NF[1, 1] == pytest.approx(math.log(4))


def test_one_size_has_no_limit() -> None:
    with pytest.raises(AnalysisError, match="two sizes or more, got 2 candidates of the whole budget, of one size"):
        space_of([candidate(1_000), candidate(1_000, block="separable")])
    with pytest.raises(AnalysisError, match="got 1 candidate of the whole budget"):
        space_of([candidate(1_000), candidate(2_000, kimg=4.0)])
    with pytest.raises(AnalysisError, match="no candidate"):
        space_of([])


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(AnalysisError, match=f"finite, got {value} for a student of 1,000 parameters"):
        Run(candidate=candidate(1_000), seed=0, value=value)
