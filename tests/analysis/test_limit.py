from typing import Any

import pytest
from pydantic import ValidationError

from analysis import AnalysisError, LimitRule, LimitStatus, compression_limit

FID = LimitRule(metric="fid", tolerance=1.0)  # the teacher has 5, so at most 10


def test_the_largest_ratio_that_holds_the_rule_is_the_limit(table: Any) -> None:
    limit = compression_limit(
        table(
            {"parameters": 20_000, "fid": 7.0},
            {"parameters": 10_000, "fid": 10.0},
            {"parameters": 5_000, "fid": 10.1},
        ),
        FID,
    )
    assert limit.status == LimitStatus.FOUND
    assert (limit.ratio, limit.parameters, limit.trial) == (10.0, 10_000, 2)
    assert "1/10.0 of the teacher" in limit.sentence()
    assert "3 students, 2,048 samples" in limit.sentence()


def test_a_smallest_student_that_holds_means_the_limit_was_not_reached(table: Any) -> None:
    limit = compression_limit(table({"fid": 7.0}, {"parameters": 500, "fid": 8.0}), FID)
    assert limit.status == LimitStatus.NOT_REACHED
    assert "was not reached" in limit.sentence()


def test_no_student_that_holds_means_no_limit(table: Any) -> None:
    limit = compression_limit(table({"fid": 17.0}), FID)
    assert limit.status == LimitStatus.NONE_WITHIN
    assert limit.ratio is None
    assert "no student within the searched range" in limit.sentence()


def test_nothing_finished_is_no_limit_at_all(table: Any) -> None:
    for rows in (table(), table({"final": False, "state": "FAILED", "fid": None})):
        limit = compression_limit(rows, FID)
        assert limit.status == LimitStatus.NO_FINAL_ROWS
        assert "no limit to state" in limit.sentence()


def test_search_rows_are_provisional_and_confirmed_ones_take_their_place(table: Any) -> None:
    searched = {"parameters": 5_000, "fid": 9.0}
    assert compression_limit(table(searched), FID).provisional
    assert "Provisional" in compression_limit(table(searched), FID).sentence()
    confirmed = compression_limit(table(searched, {"phase": "confirm", "parameters": 20_000, "fid": 9.0}), FID)
    assert not confirmed.provisional
    assert "Provisional" not in confirmed.sentence()
    assert confirmed.parameters == 20_000, "the lucky search row counts no more"


def test_a_smaller_student_that_failed_in_the_search_still_bounds_a_confirmed_limit(table: Any) -> None:
    limit = compression_limit(
        table(
            {"parameters": 20_000, "fid": 7.0},
            {"parameters": 5_000, "fid": 50.0},
            {"parameters": 20_000, "fid": 7.5, "phase": "confirm", "seed": 1},
        ),
        FID,
    )
    assert (limit.status, limit.parameters, limit.trial) == (LimitStatus.FOUND, 20_000, 3)


def test_students_of_two_teachers_are_not_judged_together(table: Any) -> None:
    with pytest.raises(AnalysisError, match=r"one teacher, got 2: a, b"):
        compression_limit(table({"teacher_digest": "b"}, {"teacher_digest": "a"}), FID)


def test_inception_score_must_not_fall_below_its_share(table: Any) -> None:
    rule = LimitRule(metric="inception_score", tolerance=0.17)  # 83% of 9 is 7.47
    limit = compression_limit(
        table(
            {"parameters": 9_000, "inception_score": 7.48},
            {"parameters": 8_000, "inception_score": 7.46},
        ),
        rule,
    )
    assert limit.parameters == 9_000
    assert "IS at least 7.47 (83% of the teacher's)" in limit.sentence()


def test_nan_never_holds_a_rule(table: Any) -> None:
    assert compression_limit(table({"fid": float("nan")}), FID).status == LimitStatus.NONE_WITHIN


def test_baselines_and_other_protocols_do_not_enter(table: Any) -> None:
    limit = compression_limit(table({"fid": 9.0}, {"mode": "scratch", "parameters": 10, "fid": 1.0}), FID)
    assert limit.parameters == 10_000
    with pytest.raises(AnalysisError, match="one protocol"):
        compression_limit(table({}, {"protocol_digest": "other"}), FID)


@pytest.mark.parametrize(
    "mistake",
    [
        {"metric": "colour"},
        {"tolerance": -0.1},
        {"tolerance": "1"},
        {"x": 1},
        {"metric": "inception_score", "tolerance": 1.0},
    ],
)
def test_a_rule_is_checked_at_birth(mistake: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LimitRule.model_validate({"metric": "fid", "tolerance": 0.5, **mistake})
