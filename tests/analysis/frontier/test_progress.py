"""The progress of a search, in closed form and against computing every share from scratch."""

import math
from typing import Any

import numpy as np
import pytest

from analysis import AnalysisError, Mode, Phase, TrialState, dominated_share, search_progress


def test_in_closed_form(table: Any) -> None:
    rows = table(
        {"trial": 3, "parameters": 90_000, "fid": 20.0, "kimg": 64.0},  # the box ends at (100,000, 25)
        {"trial": 1, "parameters": 50_000, "fid": 20.0, "kimg": 64.0},
        {"trial": 2, "fid": 1.0, "kimg": 10.0, "state": TrialState.PRUNED, "final": False},
        {"trial": 4, "fid": None, "kimg": 5.0, "state": TrialState.DIVERGED, "final": False},
        {"trial": 6, "parameters": 75_000, "fid": 5.0, "kimg": 64.0},
        {"trial": 7, "phase": Phase.CONFIRM, "fid": 1.0},
        {"trial": 8, "phase": Phase.BASELINE, "mode": Mode.SCRATCH, "fid": 1.0},
    )
    found = search_progress(rows)
    assert found.to_pydict() == {
        "trial": [1, 2, 3, 4, 6],
        "trials": [1, 2, 3, 4, 5],
        "kimg": [64.0, 74.0, 138.0, 143.0, 207.0],
        "share": pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1 + 0.25 * 0.6]),
    }
    assert search_progress(rows, (200_000, 5.0))["share"].to_pylist()[0] == pytest.approx(0.75 * 0.2)


@pytest.mark.parametrize("largest", [8, 40, 10**6])
def test_every_share_is_that_of_the_students_so_far(table: Any, largest: int) -> None:
    random = np.random.default_rng(largest)
    odd = [math.nan, math.inf, -math.inf, None]
    changes = [
        {
            "parameters": int(random.integers(1, largest)),
            "fid": odd[n % 4] if n % 9 == 0 else float(random.integers(1, 30)) / 2,
            "teacher_parameters": largest // 2,
            "teacher_fid": 2.5,
        }
        for n in range(150)
    ]
    found = search_progress(table(*changes))["share"].to_pylist()
    points = [(row["parameters"], math.nan if row["fid"] is None else row["fid"]) for row in changes]
    expected = [dominated_share(points[:n], (largest // 2, 2.5)) for n in range(1, 151)]
    assert found == pytest.approx(expected)
    assert found == sorted(found)


def test_none_and_one_and_all_failed(table: Any) -> None:
    assert search_progress(table()).to_pylist() == []
    assert search_progress(table({"phase": Phase.CONFIRM})).to_pylist() == []
    failed = {"state": TrialState.FAILED, "final": False, "fid": None, "kimg": 2.0}
    assert search_progress(table(failed, failed)).to_pydict() == {
        "trial": [1, 2],
        "trials": [1, 2],
        "kimg": [2.0, 4.0],
        "share": [0.0, 0.0],
    }


def test_several_protocols_or_teachers_are_refused(table: Any) -> None:
    with pytest.raises(AnalysisError, match="one protocol"):
        search_progress(table({}, {"protocol_digest": "other"}))
    two = table({}, {"teacher_digest": "other"})
    with pytest.raises(AnalysisError, match="one teacher"):
        search_progress(two)
    assert len(search_progress(two, (100_000, 5.0))) == 2, "with a reference there is one box"
    with pytest.raises(AnalysisError, match="finite size and FID"):
        search_progress(table({}), (0, 5.0))
