"""Which candidates get further fresh seeds, and when there are enough."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import sweeps
from analysis import CostLimit, LimitRule, Phase, cost_limits, example_trials, trial_table
from sweeps.driver import fresh_seeds
from sweeps.search.queues import GrowingQueue, NoJob
from sweeps.trial.request import Job
from tests.sweeps.untrained_search import request_of

RULE = LimitRule(metric="fid", tolerance=1.0)  # at most 10
SIZES = (1_000, 2_000, 4_000, 8_000, 16_000)


def confirmed(seeds: int, *, noise: float = 0.05, fids: tuple[float, ...] = (40.0, 20.0, 10.5, 5.0, 4.0)) -> pa.Table:
    """Returns students of five sizes with so many fresh seeds each."""
    random = np.random.default_rng(0)
    search = [{"parameters": size, "width": size // 500, "fid": fid} for size, fid in zip(SIZES, fids, strict=True)]
    fresh = [
        {**row, "phase": Phase.CONFIRM, "seed": 100 + seed, "fid": row["fid"] * float(np.exp(noise * luck))}
        for row in search
        for seed, luck in enumerate(random.standard_normal(seeds))
    ]
    return example_trials(*search, *fresh)


def limit_of(table: pa.Table, cost: str = "parameters") -> CostLimit:
    (limit,) = cost_limits(table, RULE, cost=cost)
    return limit


def test_the_factor_is_of_the_intervals_ends_and_open_without_one() -> None:
    limit = limit_of(confirmed(5))
    assert limit.interval is not None
    assert limit.interval.low is not None
    assert limit.interval.high is not None
    assert fresh_seeds.factor(limit) == limit.interval.high / limit.interval.low
    beyond = limit_of(confirmed(3, fids=(4.0, 4.0, 3.0, 2.0, 1.0)))
    assert beyond.interval is not None
    assert None in (beyond.interval.low, beyond.interval.high)
    assert fresh_seeds.factor(beyond) == 1, "all hold clearly, and no seed would narrow that"
    assert fresh_seeds.factor(limit_of(confirmed(1))) == np.inf, "one seed has no interval"
    assert fresh_seeds.factor(limit_of(confirmed(0))) == np.inf, "the search's interval is none of fresh seeds"


def test_those_decide_that_lie_in_the_interval_and_next_to_it() -> None:
    table = confirmed(5)
    limit = limit_of(table)
    assert limit.interval is not None
    assert 2_000 < (limit.interval.low or 0) < 4_000 < (limit.interval.high or 0) < 8_000
    assert fresh_seeds.deciding_sizes(SIZES, limit) == {2_000, 4_000, 8_000}
    assert fresh_seeds.deciding_sizes(SIZES, limit_of(confirmed(1))) == set(SIZES)


@pytest.mark.parametrize(("precision", "enough"), [(None, True), (100.0, True), (1.0001, False)])
def test_enough_is_what_the_sweep_asks(search_spec: Any, tiny: Any, precision: float | None, enough: bool) -> None:
    tiny["confirm"] = {"precision": precision} if precision else {}
    spec = search_spec()
    limit = limit_of(confirmed(5))
    assert fresh_seeds.reached(limit, spec) == enough
    if precision:
        words = fresh_seeds.remark(limit, None, spec=spec)
        assert f"a factor of {fresh_seeds.factor(limit):.2f} apart" in words
        assert "5 fresh seeds" in words
        assert ("wider than" in words) == (not enough)


def test_the_model_that_a_confirmation_asks_is_the_one_of_a_search_for_the_limit(search_spec: Any, tiny: Any) -> None:
    tiny["confirm"] = {"confidence": 0.9}
    with pytest.raises(sweeps.SweepError, match="and the sampler nsgaii"):
        search_spec()
    spec = search_spec(sampler="limit")
    assert spec.confirm.grows
    assert not fresh_seeds.is_sure(None, spec), "nothing is known yet"


def test_where_bytes_are_sought_it_is_their_interval_that_narrows(search_spec: Any, tiny: Any) -> None:
    tiny["confirm"] = {"precision": 1.2}
    spec = search_spec(objectives=["weight_bytes", "fid"])
    rows = confirmed(5).to_pylist()
    few = [{**row, "bits": 4, "weight_bytes": row["parameters"] // 2} for row in rows]
    learnt = [{**row, "weight_bytes": 4 * row["parameters"], "fid": 0.9 * row["fid"]} for row in rows]
    table = trial_table([{**row, "trial": number} for number, row in enumerate([*few, *learnt])])
    limit = fresh_seeds.confirmed_limit(table, spec)
    assert limit is not None
    assert limit.cost == "weight_bytes"
    assert limit.interval is not None
    sizes = sorted({row["weight_bytes"] for row in [*few, *learnt]})
    decide = fresh_seeds.deciding_sizes(sizes, limit)
    assert decide == {1_000, 2_000, 4_000}, "of four bits, in bytes"
    assert "the interval in bytes is " in fresh_seeds.remark(limit, None, spec=spec)
    assert fresh_seeds.confirmed_limit(table.slice(0, 0), spec) is None
    assert not fresh_seeds.reached(None, spec)
    assert fresh_seeds.deciding_sizes(sizes, None) == set(sizes)


def test_a_growing_queue_asks_for_more_when_all_have_ended() -> None:
    point = {"width": 1, "depth": 1, "gan_weight": 0.0}
    jobs = [Job(request=request_of({**point, "seed": seed}), trial=seed + 1, point=point) for seed in range(4)]
    rounds: list[tuple[list[Job], str | None]] = [([jobs[2], jobs[3]], None), ([], "enough")]
    queue = GrowingQueue("s", jobs[:2], done=1, more=lambda: rounds.pop(0))
    assert [queue.next(), queue.next(), queue.next()] == [jobs[0], jobs[1], NoJob.YET]
    queue.ended(jobs[0], {})
    assert queue.next() is NoJob.YET, "one of the round still runs"
    queue.ended(jobs[1], {})
    assert [queue.next(), queue.next(), queue.next()] == [jobs[2], jobs[3], NoJob.YET]
    assert (queue.total, queue.done) == (5, 3)
    for job in jobs[2:]:
        queue.ended(job, {})
    assert (queue.next(), queue.remark, queue.done) == (NoJob.LEFT, "enough", 5)
