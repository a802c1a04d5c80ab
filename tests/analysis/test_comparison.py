import math
from typing import Any

import pytest

from analysis import (
    LimitRule,
    compression_limit,
    gain_by_student,
    gain_over_scratch,
    markdown_report,
    pareto_frontier,
    with_baselines,
)

SCRATCH = {"mode": "scratch", "phase": "baseline", "gan_weight": None}


def test_a_student_stands_beside_the_baseline_of_its_architecture_and_seed(table: Any) -> None:
    rows = table(
        {"width": 4, "fid": 9.0},
        {**SCRATCH, "width": 4, "fid": 30.0, "kimg": 128.0},
        {**SCRATCH, "width": 5, "fid": 1.0},
        {**SCRATCH, "width": 4, "seed": 1, "fid": 2.0},
        {**SCRATCH, "width": 4, "depth": 2, "fid": 3.0},
    )
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert (student["baseline_fid"], student["baseline_kimg"]) == (30.0, 128.0)


def test_of_several_baselines_the_one_with_the_largest_budget_counts(table: Any) -> None:
    rows = table({}, {**SCRATCH, "fid": 20.0, "kimg": 256.0}, {**SCRATCH, "fid": 30.0, "kimg": 64.0})
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert student["baseline_fid"] == 20.0


def test_a_baseline_that_diverged_says_so_instead_of_a_number(table: Any) -> None:
    rows = table({}, {**SCRATCH, "state": "DIVERGED", "final": False, "fid": 500.0})
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert student["baseline_fid"] is None
    assert student["baseline_state"] == "DIVERGED"
    assert len(gain_over_scratch(rows)) == 0


def test_a_baseline_that_diverged_at_the_full_budget_gives_no_number(table: Any) -> None:
    rows = table({}, {**SCRATCH, "state": "DIVERGED", "fid": 500.0})
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert (student["baseline_fid"], student["baseline_state"]) == (None, "DIVERGED")


@pytest.mark.parametrize(("student", "baseline"), [(10.0, math.inf), (10.0, math.nan), (math.nan, 10.0), (0.0, 10.0)])
def test_a_gain_needs_two_finite_numbers(table: Any, student: float, baseline: float) -> None:
    assert len(gain_over_scratch(table({"fid": student}, {**SCRATCH, "fid": baseline}))) == 0


def test_without_baselines_the_columns_are_empty(table: Any) -> None:
    (student,) = with_baselines(pareto_frontier(table({})), table({})).to_pylist()
    assert student["baseline_fid"] is student["baseline_state"] is None


def test_the_gain_pairs_every_student_with_its_own_seed(table: Any) -> None:
    rows = table(
        {"seed": 0, "fid": 10.0},
        {"seed": 1, "fid": 20.0},
        {"seed": 1, "fid": 25.0, "gan_weight": 0.1},
        {**SCRATCH, "seed": 0, "fid": 30.0},
        {**SCRATCH, "seed": 1, "fid": 50.0},
    )
    gain = gain_over_scratch(rows).to_pylist()
    assert [(g["seed"], g["gan_weight"], g["fid_ratio"]) for g in gain] == [
        (0, 0.0, pytest.approx(3.0)),
        (1, 0.0, pytest.approx(2.5)),
        (1, 0.1, pytest.approx(2.0)),
    ]


def test_a_students_gain_is_the_median_over_its_seeds(table: Any) -> None:
    distilled, scratch = (10.0, 30.0, 20.0), (40.0, 15.0, 60.0)
    rows = table(
        *({"seed": seed, "fid": fid} for seed, fid in enumerate(distilled)),
        *({**SCRATCH, "seed": seed, "fid": fid} for seed, fid in enumerate(scratch)),
    )
    (student,) = gain_by_student(rows)
    assert (student["distilled_fid"], student["scratch_fid"]) == (20.0, 40.0)
    assert student["fid_ratio"] == pytest.approx(3.0)  # of 4, 0.5 and 3
    assert (student["wins"], student["seeds"]) == (2, 3)
    report = markdown_report(rows, compression_limit(rows, LimitRule()))
    assert "| 10,000 | 10.0 | 4 | 1 | 0 | 20.0 | 40.0 | 3.00 | 2 of 3 |" in report
    assert gain_by_student(table()) == []
