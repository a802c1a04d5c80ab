"""A search for the limit in bytes, where students differ in the bits of their weights."""

import json
import math

import numpy as np
import pytest

from analysis import COSTS, LimitRule
from analysis.seeking.limit_search import LimitSearch
from analysis.seeking.space import Candidate, Space, space_of
from analysis.seeking.values import Measured

RULE, THRESHOLD = LimitRule(metric="fid", threshold=10.0), 10.0
WORSE = {32: 0.0, 8: 0.02, 6: 0.2, 4: 0.4}  # in log FID, than floats of as many parameters
PARAMETERS = tuple(round(2_000 * 1.25**number) for number in range(12))


def student(parameters: int, bits: int) -> Candidate:
    return Candidate(
        parameters=parameters,
        depth=2,
        block="dcgan",
        gan_weight=0.05,
        kimg=16.0,
        settings=(("bits", float(bits)),),
        cost=parameters * bits // 8,
    )


def value(candidate: Candidate) -> float:
    """Log FID beside the threshold: of floats it is crossed at 8,000 parameters."""
    bits = int(float(dict(candidate.settings)["bits"]))
    return -0.8 * math.log(candidate.parameters / 8_000) + WORSE[bits]


@pytest.fixture
def space() -> Space:
    return space_of([student(each, bits) for each in PARAMETERS for bits in WORSE], cost=COSTS["weight_bytes"])


def test_bits_act_by_what_rounding_changes_and_a_step_is_of_as_many_bits(space: Space) -> None:
    points = space.points([student(8_000, bits) for bits in WORSE], seeds=[None] * 4)
    assert points.x_NF[:, 0].tolist() == pytest.approx([math.log(8_000)] * 4), (
        "as many parameters, whatever their bytes"
    )
    assert points.x_NF[:, 2].tolist() == pytest.approx([0.0, 2**-4, 2**-2, 1.0], abs=1e-6)
    size = student(PARAMETERS[4], 4).size
    assert space.one_step(size) == (student(PARAMETERS[3], 4).size, student(PARAMETERS[5], 4).size)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_known_limit_in_bytes_is_found_with_few_trainings(space: Space, noise: float) -> None:
    truth = min(each.size for each in space.candidates if value(each) <= 0)
    assert truth == student(PARAMETERS[9], 4).size, "four bits, with more parameters than floats need"
    search, random, rows = LimitSearch(space, RULE, threshold=THRESHOLD), np.random.default_rng(0), []
    while (found := search.read(rows)).nearness < 0.9 or found.factor > 1.5 or len(rows) < 8:
        asked = search.next(rows)
        quality = THRESHOLD * math.exp(value(asked.candidate) + noise * random.standard_normal())
        rows.append(Measured(candidate=asked.candidate, seed=asked.seed, quality=quality))
        assert len(rows) < 30, f"of {len(space.candidates)} students"
    low, high = space.one_step(truth)
    assert found.size is not None
    assert low <= found.size <= high
    assert len({dict(row.candidate.settings)["bits"] for row in rows}) > 1, "it learns what few bits cost"


def test_it_speaks_of_bytes_beside_those_of_the_teachers_floats(space: Space) -> None:
    rows = [Measured(candidate=each, seed=0, quality=THRESHOLD * math.exp(value(each))) for each in space.candidates]
    found = LimitSearch(space, RULE, threshold=THRESHOLD).read(rows)
    assert found.size is not None
    ratio = 4 * 100_000 / found.size
    sentence = found.sentence(teacher_parameters=100_000)
    assert f"its limit in bytes lies near {found.size / 1000:.1f} kB, 1/{ratio:.1f} of the teacher" in sentence
    assert found.short(100_000).startswith(f"limit of the space in bytes near 1/{ratio:.1f}, 95% 1/")
    assert json.loads(json.dumps(found.as_dict()))["cost"] == "weight_bytes"
