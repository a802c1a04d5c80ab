"""Which students a sweep tries again, and what their fresh seeds say of the limit."""

from typing import Any

import pytest

from analysis import LimitRule, LimitStatus, Mode, Phase, TrialState, compression_limit, limit_candidates

RULE = LimitRule(metric="fid", tolerance=1.0)  # at most 10.0: the teacher has 5.0


def sizes(table: Any) -> list[int]:
    return list(table["parameters"].to_pylist())


@pytest.fixture
def searched(table: Any) -> Any:
    """Students of 1,000 to 8,000 parameters whose FID falls from 80 to 10/8, and two off the frontier."""
    return table(
        *({"width": n, "parameters": 1000 * n, "fid": 80.0 / 2**n} for n in range(8, 0, -1)),
        {"width": 3, "depth": 2, "parameters": 3500, "fid": 11.0},
        {"width": 3, "depth": 2, "parameters": 3500, "fid": 10.5, "seed": 1},
    )


def test_those_nearest_to_the_threshold_on_each_side(searched: Any) -> None:
    # FID 40, 20, 10, 5, ...: 10 holds exactly.
    found = limit_candidates(searched, RULE, around=1, whole_frontier=False)
    assert sizes(found) == [2000, 3000, 3500], "and the frontier's last that fails, where the curve is to cross"
    found = limit_candidates(searched, RULE, around=2, whole_frontier=False)
    assert sizes(found) == [2000, 3000, 3500, 4000]


def test_the_frontier_and_the_distance_are_those_of_the_rules_metric(table: Any) -> None:
    """Inception Score rises with size, and FID falls the other way, so that its frontier is the smallest alone."""
    rows = [{"width": n, "parameters": 1000 * n, "fid": 1.0 * n, "inception_score": 1.0 * n} for n in range(1, 9)]
    rule = LimitRule(metric="inception_score", threshold=4.5)
    assert sizes(limit_candidates(table(*rows), rule, around=1, whole_frontier=False)) == [4000, 5000]
    assert sizes(limit_candidates(table(*rows), rule, around=1, whole_frontier=True)) == [1000 * n for n in range(1, 9)]


def test_a_distance_in_kid_is_a_difference_as_it_can_be_negative(table: Any) -> None:
    kids = (0.5, 0.021, 0.019, -0.001, -0.002)
    rows = [{"width": n, "parameters": 1000 * n, "kid": kid} for n, kid in enumerate(kids, start=1)]
    rule = LimitRule(metric="kid", threshold=0.01)
    assert sizes(limit_candidates(table(*rows), rule, around=1, whole_frontier=False)) == [3000, 4000]
    assert sizes(limit_candidates(table(*rows), rule, around=1, whole_frontier=True)) == [1000 * n for n in range(1, 6)]


def test_a_student_is_as_near_as_the_median_of_its_seeds(table: Any) -> None:
    lucky = [{"width": 4, "parameters": 4000, "fid": fid, "seed": seed} for seed, fid in enumerate((9.99, 2.0, 3.0))]
    rows = table(*lucky, {"width": 5, "parameters": 5000, "fid": 8.0, "gan_weight": 0.1}, {"width": 1, "fid": 50.0})
    assert 5000 in sizes(limit_candidates(rows, RULE, around=1, whole_frontier=False))


def test_a_student_of_two_seeds_is_one_candidate(searched: Any) -> None:
    found = limit_candidates(searched, RULE, around=9, whole_frontier=False)
    assert sizes(found).count(3500) == 1


def test_with_the_frontier(searched: Any) -> None:
    found = limit_candidates(searched, RULE, around=1, whole_frontier=True)
    assert sizes(found) == [1000, 2000, 3000, 3500, 4000, 5000, 6000, 7000, 8000]


def test_rows_that_are_no_result_are_no_candidates(table: Any) -> None:
    rows = table(
        {"fid": 9.0, "parameters": 1},
        {"fid": None, "parameters": 2},
        {"fid": float("nan"), "parameters": 3},
        {"fid": 9.9, "parameters": 4, "state": TrialState.PRUNED, "final": False},
        {"fid": 9.9, "parameters": 5, "mode": Mode.SCRATCH, "gan_weight": None, "phase": Phase.BASELINE},
        {"fid": 9.9, "parameters": 6, "phase": Phase.CONFIRM},
    )
    assert sizes(limit_candidates(rows, RULE, around=5, whole_frontier=True)) == [1]
    assert sizes(limit_candidates(table(), RULE, around=5, whole_frontier=True)) == []


def confirmed(width: int, *fids: float) -> list[dict[str, Any]]:
    return [
        {"phase": Phase.CONFIRM, "width": width, "parameters": 1000 * width, "fid": fid, "seed": 100 + n}
        for n, fid in enumerate(fids)
    ]


def test_one_lucky_seed_is_not_the_limit(table: Any) -> None:
    lucky = {"width": 2, "parameters": 2000, "fid": 9.0}
    rows = table(lucky, *confirmed(2, 12.0, 9.5, 13.0, 11.0, 14.0), *confirmed(4, 8.0, 10.5, 9.0, 7.0, 9.9))
    limit = compression_limit(rows, RULE)
    assert (limit.student_parameters, limit.value, limit.seeds, limit.students) == (4000, 9.0, 5, 2)
    assert limit.parameters is not None
    assert 2000 < limit.parameters < 4000, "between the size whose fresh seeds fail and the one whose hold"
    assert limit.status == LimitStatus.FOUND
    assert not limit.provisional
    assert "FID 9.0 (median of 5)" in limit.sentence()
    assert rows.to_pylist()[limit.trial - 1]["fid"] == 9.0, "the trial at the median"


def test_without_a_confirmed_student_that_holds_there_is_none(table: Any) -> None:
    limit = compression_limit(table({"fid": 9.0}, *confirmed(10, 12.0, 9.0, 11.0)), RULE)
    assert limit.status == LimitStatus.NONE_WITHIN
