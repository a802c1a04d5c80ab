import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import AnalysisError, hypervolume, pareto_frontier

FIDS = st.one_of(st.sampled_from([math.nan, math.inf, None]), st.integers(1, 6).map(float))


def points(table: Any) -> list[tuple[int, float]]:
    return list(zip(table["parameters"].to_pylist(), table["fid"].to_pylist(), strict=True))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 6), FIDS), max_size=12))
def test_the_frontier_is_what_brute_force_finds(table: Any, drawn: list[tuple[int, float | None]]) -> None:
    rows = table(*({"parameters": p, "fid": f} for p, f in drawn))
    finite = {(p, f) for p, f in drawn if f is not None and math.isfinite(f)}
    undominated = {(p, f) for p, f in finite if not any((q <= p and g <= f) and (q, g) != (p, f) for q, g in finite)}
    found = points(pareto_frontier(rows))
    assert found == sorted(undominated), "sorted by size, duplicates once"


def test_only_final_completed_students_enter(table: Any) -> None:
    rows = table(
        {"parameters": 5, "fid": 9.0},
        {"parameters": 1, "fid": 1.0, "final": False, "state": "PRUNED"},
        {"parameters": 1, "fid": 1.0, "mode": "scratch"},
        {"parameters": 1, "fid": 1.0, "state": "DIVERGED"},
    )
    assert points(pareto_frontier(rows)) == [(5, 9.0)]


def test_of_equal_students_the_first_stays(table: Any) -> None:
    assert pareto_frontier(table({}, {}, {}))["trial"].to_pylist() == [1]


def test_an_empty_and_an_all_failed_table_have_an_empty_frontier(table: Any) -> None:
    assert len(pareto_frontier(table())) == 0
    assert len(pareto_frontier(table({"final": False, "state": "FAILED", "fid": None}))) == 0


def test_more_inception_score_is_better(table: Any) -> None:
    rows = table({"parameters": 5, "inception_score": 9.0}, {"parameters": 9, "inception_score": 8.0})
    assert pareto_frontier(rows, ("parameters", "inception_score"))["trial"].to_pylist() == [1]


def test_an_unknown_objective_and_mixed_protocols_are_refused(table: Any) -> None:
    with pytest.raises(AnalysisError, match="colour"):
        pareto_frontier(table({}), ("parameters", "colour"))
    with pytest.raises(AnalysisError, match="one protocol"):
        pareto_frontier(table({}, {"protocol_digest": "other"}))


def test_hypervolume_is_the_area_of_the_staircase(table: Any) -> None:
    rows = table({"parameters": 1, "fid": 3.0}, {"parameters": 2, "fid": 1.0})
    # Up to (4, 4): the first dominates 3 wide and 1 high, the second 2 wide and 3 high, 2 of it shared.
    assert hypervolume(pareto_frontier(rows), (4, 4)) == pytest.approx(3 * 1 + 2 * 3 - 2 * 1)
    assert hypervolume(pareto_frontier(table()), (4, 4)) == 0
