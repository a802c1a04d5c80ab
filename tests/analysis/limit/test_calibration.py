"""The limit's interval covers the true limit as often as it says: two scenarios of tests/benchmarks/calibration.py."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from analysis import LimitRule, Phase, compression_limit
from analysis.limit.crossing import crossing_interval
from tests.benchmarks.surfaces import Scenario

REPETITIONS = 300


@pytest.mark.parametrize(
    "scenario",
    [("plateau", 0.15, 5, 9), ("cliff", 0.05, 10, 6)],
    ids=["a floor", "a corner between few sizes, which noise does not hide"],
)
def test_coverage_is_the_nominal_one(scenario: tuple[str, float, int, int]) -> None:
    drawn, hits, rng = Scenario(*scenario), 0, np.random.default_rng(5)
    for _ in range(REPETITIONS):
        limit, values = drawn.draw(rng)
        low, high = crossing_interval(drawn.log_sizes, list(values.T), threshold=0.0) or (math.nan, math.nan)
        hits += (low is None or low <= limit) and (high is None or limit <= high)
    least, most = binom.ppf([0.002, 0.998], REPETITIONS, [0.92, 0.98])
    assert least <= hits <= most


def test_what_is_measured_is_what_the_limit_states(table: Any) -> None:
    drawn, rng = Scenario("sigmoid", 0.15, 4, 7), np.random.default_rng(0)
    for _ in range(5):
        _, values = drawn.draw(rng)
        parameters = np.round(np.exp(drawn.log_sizes) * 1e6).astype(int)
        rows = [
            {"phase": Phase.CONFIRM, "width": width, "parameters": int(size), "fid": 10 * math.exp(value), "seed": seed}
            for width, (size, of_size) in enumerate(zip(parameters, values.T, strict=True), start=1)
            for seed, value in enumerate(of_size)
        ]
        interval = compression_limit(table(*rows), LimitRule(tolerance=1.0)).interval
        found = crossing_interval(drawn.log_sizes, list(values.T), threshold=0.0)
        assert interval is not None
        assert found is not None
        assert (interval.low, interval.high) == pytest.approx(
            tuple(None if end is None else 1e6 * math.exp(end) for end in found), rel=1e-5
        )
