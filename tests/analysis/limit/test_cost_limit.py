"""The least cost that holds a rule, on tables whose answer is known by hand."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis import AnalysisError, LimitRule, LimitStatus, Phase, compression_limit, cost_limits

FID = LimitRule(metric="fid", tolerance=1.0)  # the teacher has 5, so at most 10


def student(number: int, fid: float, **forms: tuple[float, int, float | None]) -> dict[str, Any]:
    named = {name.replace("_", "-"): costs for name, costs in forms.items()}
    return {"width": number, "parameters": 1000 * number, "fid": fid, "forms": named}


def power_law(*widths: int) -> list[dict[str, Any]]:
    """Students whose FID is 10 at 8 * 0.01 ms and 8 kB as floats; in 8 bits they have a quarter of the bytes."""
    return [student(n, 80 / n, onnx=(0.01 * n, 1000 * n, None), onnx_int8=(0.02 * n, 250 * n, 88 / n)) for n in widths]


def test_the_limit_of_each_form_is_where_its_own_curve_crosses(deployed: Any) -> None:
    table = deployed(*power_law(2, 4, 16), teacher={"onnx": (0.5, 100_000, None), "onnx-int8": (1.0, 25_000, None)})
    fast, slow = cost_limits(table, FID, cost="latency_ms")
    assert (fast.form, fast.status) == ("onnx", LimitStatus.FOUND)
    assert fast.amount == pytest.approx(0.08), "on a line between 4 and 16 in log cost and log FID"
    assert (slow.form, slow.amount) == ("onnx-int8", pytest.approx(0.02 * 8.8)), "with its own FID"
    small, large = cost_limits(table, FID, cost="file_bytes")
    assert (small.form, small.amount) == ("onnx-int8", pytest.approx(250 * 8.8))
    assert (large.form, large.amount) == ("onnx", pytest.approx(8000))
    assert small.student is not None
    assert (small.student.trial, small.student.value) == (3, 5.5)
    assert small.student.costs == {"parameters": 16_000, "mac_g": 0.001, "latency_ms": 0.32, "file_bytes": 4000}
    assert small.student.ratios.parameters == 6.25
    assert (small.student.ratios.latency_ms, small.student.ratios.file_bytes) == (pytest.approx(3.125), 6.25)


def test_its_sentence_names_the_form_and_both_ratios(deployed: Any) -> None:
    table = deployed(*power_law(2, 4, 16), teacher={"onnx": (0.5, 100_000, None)})
    fast, slow = cost_limits(table, FID, cost="latency_ms")
    assert fast.sentence() == (
        "On digits the smallest latency of the students measured that holds the rule is 0.08 ms, onnx (no interval: "
        "one seed; 1 seed at 3 sizes). The rule is FID at most 10.0 (2 times the teacher's). The fastest that holds it "
        "is trial 3 in 0.16 ms and 16.0 kB, onnx: FID 5.0, 6.2 times fewer parameters than the teacher, 3.1 times "
        "faster, 6.2 times fewer bytes. Provisional: the search alone measured these students, and the best of many "
        "noisy results flatters."
    )
    assert "in 0.32 ms and 4.0 kB, onnx-int8: FID 5.5, 6.2 times fewer parameters than the teacher." in str(slow)
    assert (fast.short(), slow.short()) == ("0.08 ms, onnx", "0.176 ms, onnx-int8")
    assert json.loads(json.dumps(fast.as_dict()))["student"]["ratios"]["latency_ms"] == pytest.approx(3.125)


def test_a_rounded_form_of_unknown_quality_says_whose_quality_it_shows(deployed: Any) -> None:
    (limit,) = cost_limits(deployed(student(8, 9.0, onnx_int8=(0.1, 2000, None))), FID, cost="file_bytes")
    assert limit.status == LimitStatus.NOT_REACHED
    assert "FID 9.0, 12.5 times fewer parameters" in limit.sentence()
    assert "That is the float's: the images of onnx-int8 were not measured." in limit.sentence()


def test_fresh_seeds_of_a_size_that_was_measured_confirm_its_time(deployed: Any) -> None:
    searched = power_law(2, 4, 16)
    fresh = [
        {"width": n, "parameters": 1000 * n, "phase": Phase.CONFIRM, "seed": 100 + seed, "fid": 80 / n * factor}
        for n in (2, 4, 16)
        for seed, factor in enumerate((0.9, 1.0, 1 / 0.9))
    ]
    table = deployed(*searched, *fresh)
    fast, rounded = cost_limits(table, FID, cost="latency_ms")
    assert (fast.form, fast.confirmed, fast.provisional, fast.seeds) == ("onnx", True, False, 3)
    assert fast.amount == pytest.approx(0.08)
    assert fast.interval is not None
    # In this table parameters and milliseconds are the same but for a factor, so the answers are too.
    limit = compression_limit(table.filter(pc.equal(table["variant"], "onnx")), FID)
    assert limit.interval is not None
    assert fast.interval.low == pytest.approx((limit.interval.low or 0) / 100_000)
    assert fast.interval.high == pytest.approx((limit.interval.high or 0) / 100_000)
    assert (rounded.confirmed, rounded.provisional) == (False, True), "what rounding does to fresh seeds is not known"


def test_multiply_accumulates_need_no_measurement(table: Any) -> None:
    rows = [{"width": n, "parameters": 1000 * n, "mac_g": 0.002 * n, "fid": 80 / n} for n in (4, 16)]
    (limit,) = cost_limits(table(*rows), FID, cost="mac_g")
    assert (limit.form, limit.amount) == (None, pytest.approx(0.016))
    assert "is 0.016e9 multiply-accumulates (no interval" in limit.sentence()
    assert "The cheapest that holds it is trial 2 in 0.032e9 multiply-accumulates: FID 5.0" in limit.sentence()


def test_in_parameters_it_is_the_compression_limit(table: Any, sweep_rows: Any) -> None:
    rows = table(*sweep_rows())
    (limit,) = cost_limits(rows, FID, cost="parameters")
    known = compression_limit(rows, FID)
    assert limit.amount is not None
    assert round(limit.amount) == known.parameters
    assert limit.interval == known.interval
    assert (limit.reason, limit.seeds, limit.sizes) == (known.reason, known.seeds, len(known.curve))
    assert limit.student is not None
    assert (limit.student.trial, limit.student.value) == (known.trial, known.value)


def test_where_no_student_holds_it_says_so_last(deployed: Any) -> None:
    table = deployed(student(4, 9.0, onnx=(0.04, 4000, None), onnx_int8=(0.02, 1000, 30.0)))
    holds, breaks = cost_limits(table, FID, cost="latency_ms")
    assert (holds.short(), breaks.short()) == ("at most 0.04 ms, onnx", "none, onnx-int8")
    assert breaks.sentence().startswith("On digits no student measured, onnx-int8, holds the rule")
    assert "still holds the rule" in holds.sentence()
    assert "the limit lies there or below" in holds.sentence()


def test_what_cannot_be_asked(deployed: Any, table: Any) -> None:
    with pytest.raises(AnalysisError, match="none called file_bytes"):
        cost_limits(table({}), FID, cost="file_bytes")
    with pytest.raises(AnalysisError, match="'watts'"):
        cost_limits(table({}), FID, cost="watts")
    tables = [deployed({"trial": n, **student(n, 9.0, onnx=(1.0, 9, None))}, machine=f"m{n}") for n in (1, 2)]
    with pytest.raises(AnalysisError, match="got 2 measurement digests: m1, m2"):
        cost_limits(pa.concat_tables(tables), FID, cost="file_bytes")
    assert cost_limits(table({"fid": None}), FID, cost="mac_g") == ()
