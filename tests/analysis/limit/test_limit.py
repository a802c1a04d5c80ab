import json
import math
from typing import Any

import numpy as np
import pytest

from analysis import (
    AnalysisError,
    CompressionLimit,
    Interval,
    LimitRule,
    LimitStatus,
    Mode,
    Phase,
    TrialState,
    compression_limit,
    limits_table,
)
from analysis.limit.crossing import crossing_interval

FID = LimitRule(metric="fid", tolerance=1.0)  # the teacher has 5, so at most 10


def seeds_of(width: int, *fids: float | None, phase: Phase = Phase.CONFIRM, **changes: Any) -> list[dict[str, Any]]:
    """A student of 1000 * width parameters with a seed for each value."""
    first = {Phase.SEARCH: 0, Phase.CONFIRM: 100}[phase]
    student = {"phase": phase, "width": width, "parameters": 1000 * width, **changes}
    return [{**student, "fid": fid, "seed": first + number} for number, fid in enumerate(fids)]


def power_law(
    *widths: int, slope: float = -1.0, noise: tuple[float, ...] = (0.9, 1.0, 1 / 0.9)
) -> list[dict[str, Any]]:
    """Searched and confirmed students whose FID is 10 at 8,000 parameters."""
    rows = []
    for width in widths:
        fid = 80 / width
        rows += [*seeds_of(width, fid, phase=Phase.SEARCH), *seeds_of(width, *(fid * factor for factor in noise))]
    return rows


def test_the_limit_is_where_the_curve_crosses_the_rule(table: Any) -> None:
    limit = compression_limit(table(*power_law(2, 4, 6, 12, 16)), FID)
    assert limit.status == LimitStatus.FOUND
    assert (limit.parameters, limit.ratio) == (8000, 12.5)
    assert [point.parameters for point in limit.curve] == [2000, 4000, 6000, 12000, 16000]
    assert [point.value for point in limit.curve] == pytest.approx([40, 20, 40 / 3, 20 / 3, 5])
    assert [point.fitted for point in limit.curve] == pytest.approx([point.value for point in limit.curve])
    assert (limit.curve[0].low, limit.curve[0].high) == (pytest.approx(36), pytest.approx(40 / 0.9))
    assert (limit.student_parameters, limit.value, limit.seeds) == (12000, pytest.approx(20 / 3), 3)


def test_its_sentence(table: Any) -> None:
    limit = compression_limit(table(*power_law(2, 4, 6, 12, 16)), FID)
    low, high = limit.ratio_interval or (None, None)
    assert limit.sentence() == (
        f"On digits the compression limit of the students tried is 1/12.5 of the teacher (95% interval 1/{low:.1f} to "
        f"1/{high:.1f}; 3 fresh seeds at each of 5 sizes): 8,000 parameters. The rule is FID at most 10.0 (2 times the "
        "teacher's). The smallest student tried that holds it has 12,000 parameters: FID 6.7 (median of 3)."
    )


def test_the_interval_is_that_of_the_core(table: Any) -> None:
    rng = np.random.default_rng(0)
    widths = (2, 3, 5, 8, 13)
    values = [np.log(80 / width) + rng.normal(0, 0.1, 4) for width in widths]
    rows = [row for width, each in zip(widths, values, strict=True) for row in seeds_of(width, *np.exp(each))]
    found = crossing_interval(np.log([1000 * width for width in widths]), values, threshold=math.log(10))
    assert found is not None
    interval = compression_limit(table(*rows), FID).interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(tuple(math.exp(end or 0) for end in found))


def test_a_smallest_size_that_holds_means_the_limit_was_not_reached(table: Any) -> None:
    limit = compression_limit(table(*power_law(12, 16, 24)), FID)
    assert limit.status == LimitStatus.NOT_REACHED
    assert (limit.parameters, limit.ratio) == (12000, pytest.approx(100 / 12))
    assert limit.interval == Interval(None, pytest.approx(12_000))
    assert "limit was not reached: the smallest size of the students tried still holds the rule" in limit.sentence()
    assert "(95% interval at least 1/8.3; " in limit.sentence()


def test_no_size_that_holds_means_no_limit(table: Any) -> None:
    limit = compression_limit(table(*power_law(2, 3, 4)), FID)
    assert (limit.status, limit.ratio, limit.parameters, limit.trial) == (LimitStatus.NONE_WITHIN, None, None, None)
    assert limit.ratio_interval is not None
    assert limit.ratio_interval[0] is None
    assert "no size of the students tried holds the rule" in limit.sentence()


def test_nothing_finished_is_no_limit_at_all(table: Any) -> None:
    for rows in (table(), table({"final": False, "state": TrialState.FAILED, "fid": None})):
        limit = compression_limit(rows, FID)
        assert limit.status == LimitStatus.NO_FINAL_ROWS
        assert "no limit to state" in limit.sentence()
        assert json.loads(json.dumps(limit.as_dict()))["status"] == "NO_FINAL_ROWS"


def test_a_metric_that_nothing_measured_is_named(table: Any) -> None:
    limit = compression_limit(table({}), LimitRule(metric="kid", threshold=0.01))
    assert limit.status == LimitStatus.NO_FINAL_ROWS
    assert limit.sentence() == "No finished student on digits has a value of KID, so there is no limit to state."


def test_search_rows_alone_are_provisional_and_say_how_to_confirm(table: Any) -> None:
    searched = [row for width in (4, 6, 12) for row in seeds_of(width, 80 / width, phase=Phase.SEARCH)]
    limit = compression_limit(table(*searched), FID)
    assert limit.provisional
    assert (limit.parameters, limit.interval, limit.interval_note) == (8000, None, "no interval: one seed")
    assert "flatters" in limit.reason
    assert limit.confirm_command == "ganlimit sweep confirm s"
    assert limit.sentence().endswith(f"Provisional: {limit.reason}. To confirm: {limit.confirm_command}")
    assert "(no interval: one seed at each of 3 sizes): 8,000 parameters" in limit.sentence()


def test_one_fresh_seed_is_no_confirmation(table: Any) -> None:
    limit = compression_limit(table(*power_law(4, 6, 12, noise=(1.0,))), FID)
    assert limit.provisional
    assert limit.interval_note == "no interval: one seed"
    assert limit.confirm_command == "ganlimit sweep confirm s --seeds 5"


def test_a_confirmed_limit_is_not_provisional(table: Any) -> None:
    limit = compression_limit(table(*power_law(4, 6, 12)), FID)
    assert (limit.provisional, limit.reason, limit.confirm_command) == (False, "", "")
    assert "Provisional" not in limit.sentence()


def test_fresh_seeds_alone_measure_the_curve_and_search_rows_alone_choose_it(table: Any) -> None:
    poor = [*seeds_of(12, 30, phase=Phase.SEARCH, depth=2), *seeds_of(12, 1, 1, 1, depth=2)]
    flattered = [*seeds_of(4, 2, phase=Phase.SEARCH, depth=3)]
    limit = compression_limit(table(*power_law(4, 6, 12, 16), *poor, *flattered), FID)
    assert [point.student["depth"] for point in limit.curve] == [1, 1, 1, 1]
    assert limit.curve[2].value == pytest.approx(20 / 3)
    assert limit.parameters == 8000
    assert limit.students == 5


def test_a_poor_recipe_at_a_large_size_does_not_bend_the_curve(table: Any) -> None:
    poor = [*seeds_of(40, 300, phase=Phase.SEARCH), *seeds_of(40, 290, 300, 310)]
    assert compression_limit(table(*power_law(4, 6, 12, 16), *poor), FID).parameters == 8000


def test_confirmed_students_that_were_never_searched_are_chosen_by_themselves(table: Any) -> None:
    rows = [row for width in (4, 6, 12) for row in seeds_of(width, 80 / width, 80 / width)]
    limit = compression_limit(table(*rows, *seeds_of(12, 30, 30, depth=2)), FID)
    assert (limit.parameters, len(limit.curve), limit.students) == (8000, 3, 4)


def test_a_smaller_student_that_failed_in_the_search_still_bounds_a_confirmed_limit(table: Any) -> None:
    searched = [*seeds_of(20, 7.0, phase=Phase.SEARCH), *seeds_of(5, 50.0, phase=Phase.SEARCH)]
    limit = compression_limit(table(*searched, *seeds_of(20, 7.5, 7.6)), FID)
    assert (limit.status, limit.parameters) == (LimitStatus.AT_LEAST, 20_000)
    where = "the compression limit of the students tried is at least 1/5.0 of the teacher, 20,000 parameters"
    assert f"{where}, the smallest size with fresh seeds" in limit.sentence()


@pytest.mark.parametrize("failure", [{"state": TrialState.DIVERGED, "final": False, "fid": None}, {"fid": math.nan}])
def test_a_failed_seed_counts_as_the_worst(table: Any, failure: dict[str, Any]) -> None:
    rows = power_law(4, 6, 12, 16)
    sound = compression_limit(table(*rows), FID)
    (first, second) = (number for number, row in enumerate(rows) if row["width"] == 12 and row["seed"] in (100, 101))
    rows[first] |= failure
    once = compression_limit(table(*rows), FID)
    assert (once.curve[2].seeds, once.curve[2].failed_seeds, once.seeds) == (3, 1, 3)
    assert once.parameters is not None
    assert sound.parameters is not None
    assert once.parameters > sound.parameters
    assert once.student_parameters == 12_000, "most of its seeds hold"
    assert "1 seed failed" in once.sentence()
    rows[second] |= failure
    assert compression_limit(table(*rows), FID).student_parameters == 16_000


def test_a_student_of_which_every_fresh_seed_failed_is_a_size_that_fails(table: Any) -> None:
    rows = power_law(6, 12, 16)
    rows += seeds_of(4, 9.0, phase=Phase.SEARCH) + seeds_of(4, None, None, None, state=TrialState.FAILED, final=False)
    limit = compression_limit(table(*rows), FID)
    assert (limit.curve[0].parameters, limit.curve[0].failed_seeds) == (4000, 3)
    assert limit.curve[0].value >= 20
    assert (limit.status, limit.parameters) == (LimitStatus.FOUND, 8000)
    assert json.dumps(limit.as_dict(), allow_nan=False)


def test_what_a_machine_or_a_person_ended_says_nothing_of_a_student(table: Any) -> None:
    rows = power_law(4, 6, 12)
    lost = [
        {**rows[-1], "state": state, "final": False, "seed": 200}
        for state in (TrialState.LOST, TrialState.INTERRUPTED, TrialState.RUNNING)
    ]
    assert compression_limit(table(*rows, *lost), FID).curve[-1].failed_seeds == 0


def test_a_seed_that_is_there_twice_counts_once(table: Any) -> None:
    rows = power_law(4, 6, 12)
    assert compression_limit(table(*rows, rows[-1]), FID).curve[-1].seeds == 3


def test_several_sweeps_of_limits_in_one_table(table: Any) -> None:
    limits = [compression_limit(table(*rows), FID) for rows in (power_law(4, 6, 12), power_law(2, 3), [])]
    found = limits_table(limits).to_pylist()
    assert [row["status"] for row in found] == ["FOUND", "NONE_WITHIN", "NO_FINAL_ROWS"]
    assert (found[0]["dataset"], found[0]["ratio"], found[0]["parameters"], found[0]["seeds"]) == (
        "digits",
        12.5,
        8000,
        3,
    )
    assert found[0]["low"] < 12.5 < found[0]["high"]
    assert found[0]["rule"] == "FID at most 10.0 (2 times the teacher's)"
    assert found[2]["ratio"] is None


def test_a_break_of_the_curve_is_in_parameters(table: Any) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for width in (2, 3, 4, 6, 8, 12, 16, 24):
        exact = math.log(8) + (1.5 if width < 8 else 0.1) * math.log(8 / width)
        rows += seeds_of(width, *np.exp(exact + rng.normal(0, 0.03, 5)))
    limit = compression_limit(table(*rows), FID)
    corner = limit.break_point
    assert corner is not None
    assert corner.parameters == pytest.approx(8000, rel=0.1)
    assert corner.ratio == pytest.approx(100_000 / corner.parameters)
    assert corner.slope_below < -1.3 < -0.3 < corner.slope_above
    assert "needs 5 sizes" in compression_limit(table(*power_law(4, 6)), FID).break_note


def test_the_dictionary_is_json_and_the_notebook_shows_the_sentence(table: Any) -> None:
    limit = compression_limit(table(*power_law(2, 4, 6, 12, 16)), FID)
    plain = json.loads(json.dumps(limit.as_dict(), allow_nan=False))
    assert plain["interval"]["level"] == 0.95
    assert plain["curve"][0]["student"] == {"width": 2, "depth": 1, "block": "dcgan", "gan_weight": 0.0, "settings": {}}
    assert plain["ratio_interval"] == [*(limit.ratio_interval or ())]
    assert limit._repr_markdown_() == plain["sentence"]
    assert "teacher&#x27;s" in limit._repr_html_()
    assert isinstance(limit, CompressionLimit)


def test_students_of_two_teachers_are_not_judged_together(table: Any) -> None:
    with pytest.raises(AnalysisError, match=r"one teacher, got 2: a, b"):
        compression_limit(table({"teacher_digest": "b"}, {"teacher_digest": "a"}), FID)


def test_inception_score_must_not_fall_below_its_share(table: Any) -> None:
    rule = LimitRule(metric="inception_score", tolerance=0.17)  # 83% of 9 is 7.47
    rows = [
        {"parameters": 9_000, "inception_score": 7.47 * 1.1},
        {"parameters": 4_000, "width": 2, "inception_score": 7.47 / 1.1},
    ]
    limit = compression_limit(table(*rows), rule)
    assert limit.parameters == 6_000
    assert limit.student_parameters == 9_000
    assert "IS at least 7.47 (83% of the teacher's)" in limit.sentence()


def test_an_error_in_the_search_is_no_size_that_fails(table: Any) -> None:
    failed = {"parameters": 500, "width": 9, "state": TrialState.FAILED, "final": False, "fid": None}
    limit = compression_limit(table({"fid": 7.0}, failed), FID)
    assert (limit.status, limit.students) == (LimitStatus.NOT_REACHED, 1)


def test_nan_never_holds_a_rule(table: Any) -> None:
    assert compression_limit(table({"fid": float("nan")}), FID).status == LimitStatus.NONE_WITHIN


def test_baselines_and_other_protocols_do_not_enter(table: Any) -> None:
    limit = compression_limit(table({"fid": 9.0}, {"mode": Mode.SCRATCH, "parameters": 10, "fid": 1.0}), FID)
    assert limit.parameters == 10_000
    with pytest.raises(AnalysisError, match="one protocol"):
        compression_limit(table({}, {"protocol_digest": "other"}), FID)


@pytest.mark.parametrize(("metric", "values"), [("kid", (0.03, 0.01)), ("latent_mse", (0.4, 0.1))])
def test_an_absolute_threshold_on_a_metric_without_a_teacher(table: Any, metric: str, values: Any) -> None:
    rows = [{"parameters": 1000 * 4**n, "width": n + 1, metric: value} for n, value in enumerate(values)]
    rule = LimitRule.model_validate({"metric": metric, "threshold": 0.02 if metric == "kid" else 0.2})
    limit = compression_limit(table(*rows), rule)
    assert limit.parameters == 2000, "half of the way, by logarithm where the metric is averaged so"
    assert limit.value == values[1]
    assert f"The rule is {rule.column.label} at most 0.02." in limit.sentence() or metric == "latent_mse"


def test_a_teacher_without_a_usable_value_asks_for_a_threshold(table: Any) -> None:
    with pytest.raises(AnalysisError, match="State a threshold instead"):
        compression_limit(table({"teacher_fid": math.nan}), FID)
