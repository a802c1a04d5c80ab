import math
from typing import Any

import pytest

from analysis import Mode, Phase, TrialState, pareto_frontier, with_baselines

SCRATCH = {"mode": Mode.SCRATCH, "phase": Phase.BASELINE, "gan_weight": None}


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
    rows = table({}, {**SCRATCH, "state": TrialState.DIVERGED, "final": False, "fid": 500.0})
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert student["baseline_fid"] is None
    assert student["baseline_state"] == TrialState.DIVERGED


def test_a_baseline_that_diverged_at_the_full_budget_gives_no_number(table: Any) -> None:
    rows = table({}, {**SCRATCH, "state": TrialState.DIVERGED, "fid": 500.0})
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert (student["baseline_fid"], student["baseline_state"]) == (None, TrialState.DIVERGED)


@pytest.mark.parametrize("unmeasured", [None, math.nan])
def test_of_twins_with_other_seeds_one_without_an_fid_is_no_median(table: Any, unmeasured: float | None) -> None:
    rows = table({}, *({**SCRATCH, "seed": seed, "fid": fid} for seed, fid in ((1, unmeasured), (2, 30.0))))
    (student,) = with_baselines(pareto_frontier(rows), rows).to_pylist()
    assert student["baseline_fid"] == 30.0
    alone = rows.slice(0, 2)
    (student,) = with_baselines(pareto_frontier(alone), alone).to_pylist()
    assert student["baseline_fid"] is None


def test_without_baselines_the_columns_are_empty(table: Any) -> None:
    (student,) = with_baselines(pareto_frontier(table({})), table({})).to_pylist()
    assert student["baseline_fid"] is student["baseline_state"] is None
