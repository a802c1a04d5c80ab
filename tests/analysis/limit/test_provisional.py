"""What a limit says while fresh seeds are missing, and when they are all there."""

import math
from typing import Any

import pytest

from analysis import (
    LimitRule,
    LimitStatus,
    Phase,
    TrialState,
    compression_limit,
    findings_of,
    frontier_rows,
    limit_candidates,
    limits_table,
    markdown_report,
    pareto_figure,
)

FID = LimitRule(metric="fid", tolerance=1.0)  # the teacher has 5, so at most 10
SIZES = (2, 4, 6, 11, 16)  # thousands of parameters; FID 80 / width, so that 6 fails and 11 holds
DIVERGED = {"state": TrialState.DIVERGED, "final": False, "fid": None}


def searched(*widths: int, **changes: Any) -> list[dict[str, Any]]:
    return [{"width": width, "parameters": 1000 * width, "fid": 80 / width, **changes} for width in widths]


def fresh(*widths: int, seeds: int = 2, **changes: Any) -> list[dict[str, Any]]:
    return [
        {"phase": Phase.CONFIRM, "width": width, "parameters": 1000 * width, "fid": 80 / width + n, "seed": 100 + n}
        | changes
        for width in widths
        for n in range(seeds)
    ]


def test_fresh_seeds_that_all_failed_are_judged_and_shown(table: Any) -> None:
    findings = findings_of(table(*searched(*SIZES), *fresh(*SIZES, seeds=3, **DIVERGED)), FID)
    assert (findings.limit.status, findings.limit.confirmed) == (LimitStatus.NONE_WITHIN, True)
    assert not findings.limit.provisional
    assert findings.is_confirmed
    assert {row.holds for row in frontier_rows(findings)} == {False}, "no table says what the limit denies"
    assert "| holds |" not in markdown_report(findings, {})
    assert pareto_figure(findings).axes


def test_a_search_alone_is_not_confirmed(table: Any) -> None:
    findings = findings_of(table(*searched(*SIZES)), FID)
    assert not findings.limit.confirmed
    assert not findings.is_confirmed


def test_one_size_that_was_confirmed_first_is_no_answer(table: Any) -> None:
    limit = compression_limit(table(*searched(*SIZES), *fresh(11)), FID)
    assert limit.provisional
    assert "one size" in limit.reason
    assert limit.status == LimitStatus.AT_LEAST
    assert "1/9.1 of the teacher, 11,000 parameters, the smallest size with fresh seeds" in limit.sentence()


def test_sizes_beside_the_crossing_are_no_answer(table: Any) -> None:
    limit = compression_limit(table(*searched(*SIZES), *fresh(11, 16)), FID)
    assert limit.provisional
    assert "the student of 6,000 parameters, at which the search crosses the rule, has no fresh" in limit.sentence()
    limit = compression_limit(table(*searched(*SIZES), *fresh(2, 4, 16)), FID)
    assert "6,000 and 11,000 parameters, between which the search crosses the rule, have no fresh" in limit.reason
    limit = compression_limit(table(*searched(*SIZES), *fresh(6, 11)), FID)
    assert (limit.provisional, limit.confirm_command) == (False, "")


@pytest.mark.parametrize(
    "state", [TrialState.RUNNING, TrialState.LOST, TrialState.INTERRUPTED, TrialState.OUT_OF_MEMORY]
)
def test_seeds_that_have_not_finished_are_waited_for(table: Any, state: str) -> None:
    rows = [*searched(*SIZES), *fresh(*SIZES)]
    rows.append({**rows[-1], "seed": 200, "state": state, "final": False, "fid": None})
    limit = compression_limit(table(*rows), FID)
    assert limit.provisional
    assert limit.reason == "1 fresh seed has not finished"
    ended = {**rows[-1], "state": TrialState.COMPLETED, "final": True, "fid": 5.0}
    assert not compression_limit(table(*rows, ended), FID).provisional, "another try of it did"


def test_what_failed_in_the_search_alone_leaves_a_bound(table: Any) -> None:
    """The size next to the crossing failed with its one seed of the search, and holds with fresh ones."""
    rows = [*searched(*SIZES), *fresh(6, fid=8.0), *fresh(11, 16)]
    limit = compression_limit(table(*rows), FID)
    assert (limit.status, limit.parameters, limit.provisional) == (LimitStatus.AT_LEAST, 6000, False)
    assert "at least 1/16.7 of the teacher" in limit.sentence()
    assert limits_table([limit]).to_pylist()[0]["status"] == "AT_LEAST"


def test_smaller_sizes_of_the_search_are_told_from_the_smallest_with_fresh_seeds(table: Any) -> None:
    holding = searched(9, fid=9.0)
    limit = compression_limit(table(*searched(*SIZES), *holding, *fresh(11, 16)), FID)
    assert limit.status == LimitStatus.NOT_REACHED
    assert "the smallest size of the students tried with fresh seeds still holds the rule" in limit.sentence()
    assert limit.provisional
    whole = compression_limit(table(*searched(11, 16), *fresh(11, 16)), FID)
    assert "the smallest size of the students tried still holds the rule" in whole.sentence()
    assert not whole.provisional


def test_a_smaller_trial_that_ended_with_an_error_is_no_size_that_failed(table: Any) -> None:
    error = searched(2, state=TrialState.FAILED, final=False, fid=None)
    limit = compression_limit(table(*searched(11, 16), *error, *fresh(11, 16)), FID)
    assert limit.status == LimitStatus.NOT_REACHED


def test_larger_sizes_that_hold_in_the_search_leave_it_open(table: Any) -> None:
    limit = compression_limit(table(*searched(*SIZES), *fresh(6, 11, fid=20.0)), FID)
    assert limit.status == LimitStatus.NONE_WITHIN
    assert "no size of the students tried with fresh seeds holds the rule" in limit.sentence()
    assert "larger sizes hold the rule in the search" in limit.reason


@pytest.mark.parametrize(("around", "whole_frontier"), [(1, False), (3, False), (1, True)])
def test_what_is_confirmed_is_enough(table: Any, around: int, whole_frontier: bool) -> None:
    """Whatever the candidates, their fresh seeds make a limit that is not provisional."""
    beside = searched(20, 21, fid=10.5) + searched(22, 23, fid=9.5)  # nearer to the rule than the frontier is
    rows = table(*searched(*SIZES), *beside)
    chosen = limit_candidates(rows, FID, around=around, whole_frontier=whole_frontier)["width"].to_pylist()
    limit = compression_limit(table(*searched(*SIZES), *beside, *fresh(*chosen)), FID)
    assert not limit.provisional, limit.reason


def test_the_break_is_of_quality_whichever_way_that_goes(table: Any) -> None:
    def bent(width: int) -> float:
        return 0.2 + (0.5 if width < 8 else 0.05) * math.log(8 / width)  # KID over log parameters

    widths = (2, 3, 4, 6, 8, 12, 16, 24)
    rows = [{"width": w, "parameters": 1000 * w, "kid": bent(w), "fid": 80 / w} for w in widths]
    rule = LimitRule(metric="kid", threshold=0.4)
    found = compression_limit(table(*rows), rule)
    assert found.break_point is not None
    sentence = found.break_sentence
    assert sentence.startswith("Quality (KID) begins to worsen steeply at 1/")
    assert "the slope of KID over log parameters" in sentence, "KID is not fitted by its logarithm"
    assert sentence.endswith("Provisional, as the search alone measured it.")
    assert findings_of(table(*rows), rule).break_sentence == sentence
    confirmed = [{**row, "phase": Phase.CONFIRM, "seed": seed} for row in rows for seed in (100, 101)]
    assert "Provisional" not in compression_limit(table(*rows, *confirmed), rule).break_sentence
    logarithmic = [{**row, "fid": 5 * 2 ** (10 * row["kid"])} for row in rows]
    assert "the slope of log FID over log parameters" in compression_limit(table(*logarithmic), FID).break_sentence
