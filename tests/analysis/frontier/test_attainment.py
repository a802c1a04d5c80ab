"""Attainment surfaces against their definition."""

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from analysis import AnalysisError, Mode, Phase, TrialState, attainment, pareto_frontier
from analysis.columns import COLUMNS
from analysis.frontier.band import band_of


def student(width: int, seed: int, fid: float | None, **changes: Any) -> dict[str, Any]:
    return {"width": width, "parameters": 1000 * width, "seed": seed, "fid": fid, **changes}


FAILED = {"state": TrialState.FAILED, "final": False}


def by_definition(sets: list[np.ndarray], attained_by: int, objectives: Sequence[str]) -> list[tuple[float, ...]]:
    """The undominated ones of all grid points that at least so many sets attain."""
    signs = np.array([-1.0 if COLUMNS[name].higher_is_better else 1.0 for name in objectives])
    signed = [points * signs for points in sets if len(points)]
    if not signed:
        return []
    grid = itertools.product(*(np.unique(np.concatenate(signed)[:, k]) for k in range(len(objectives))))
    attained = [
        np.array(point)
        for point in grid
        if sum(bool((points <= point).all(axis=1).any()) for points in signed) >= attained_by
    ]
    best = [p for p in attained if not any((q <= p).all() and (q < p).any() for q in attained)]
    return sorted(tuple(float(v) for v in p * signs) for p in best)


OBJECTIVES = [("parameters", "fid"), ("parameters", "inception_score"), ("mac_g", "inception_score", "kid")]


@pytest.mark.parametrize("objectives", OBJECTIVES, ids="-".join)
@pytest.mark.parametrize("seeds", [2, 3, 4, 7])
def test_the_surfaces_are_those_of_the_definition(table: Any, objectives: tuple[str, ...], seeds: int) -> None:
    random = np.random.default_rng(seeds)
    rows, sets = [], [[] for _ in range(seeds)]
    for width, seed in itertools.product(range(1, 7), range(seeds)):
        point = [int(value) for value in random.integers(1, 5, len(objectives))]
        failed = bool(random.random() < 0.25)
        row = dict(zip(objectives, point, strict=True)) | {"width": width, "seed": seed}
        rows.append(row | (FAILED if failed else {}))
        if not failed:
            sets[seed].append(point)
    levels = [k / seeds for k in range(1, seeds + 1)]
    found = attainment(table(*rows), objectives, levels=levels)
    arrays = [np.array(points, dtype=float) for points in sets]
    for k, level in enumerate(levels, start=1):
        assert found.attained_by[level] == k
        assert list(found.surfaces[level]) == by_definition(arrays, k, objectives), k


@pytest.mark.parametrize(
    ("fids", "median"),
    [((3.0, 1.0, 2.0), 2.0), ((1.0, 2.0, 3.0, 4.0), 2.0), ((5.0, 1.0), 1.0), ((1.0, 2.0, 3.0, 4.0, 50.0), 3.0)],
)
def test_half_of_the_seeds_is_the_median_and_of_two_middle_ones_the_better(
    table: Any, fids: tuple[float, ...], median: float
) -> None:
    rows = table(*(student(4, seed, fid) for seed, fid in enumerate(fids)))
    assert attainment(rows).surfaces[0.5] == ((4000.0, median),)


def test_few_seeds_say_what_the_levels_stand_for(table: Any) -> None:
    found = attainment(table(*(student(4, seed, 10.0 + seed) for seed in range(3))))
    assert found.attained_by == {0.05: 1, 0.5: 2, 0.95: 3}
    assert found.surfaces == {0.05: ((4000.0, 10.0),), 0.5: ((4000.0, 11.0),), 0.95: ((4000.0, 12.0),)}
    assert found.note() == (
        "Attained by, over 3 seeds of 1 student (search): 5%: the best seed; 50%: 2 of 3 seeds; 95%: all seeds."
    )
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["surfaces"][1] == {
        "level": 0.5,
        "attained_by": 2,
        "points": [[4000.0, 11.0]],
    }


def test_with_twenty_seeds_the_outer_levels_are_not_the_extremes(table: Any) -> None:
    found = attainment(table(*(student(4, seed, float(seed)) for seed in range(40))))
    assert found.attained_by == {0.05: 2, 0.5: 20, 0.95: 38}
    assert [found.surfaces[level] for level in found.levels] == [((4000.0, 1.0),), ((4000.0, 19.0),), ((4000.0, 37.0),)]


def test_confirmed_students_stand_before_those_of_the_search(table: Any) -> None:
    confirmed = [student(4, seed, 9.0 + seed, phase=Phase.CONFIRM) for seed in (10, 11)]
    searched = [student(2, seed, 1.0) for seed in (0, 1)]
    found = attainment(table(*confirmed, *searched))
    assert (found.phase, found.seeds, found.students) == ("confirm", 2, 1)
    assert attainment(table(confirmed[0], *searched)).phase == "search", "one confirmed seed is none to spread over"


def test_only_students_tried_with_every_seed_enter(table: Any) -> None:
    found = attainment(
        table(student(4, 0, 9.0), student(4, 1, 8.0), student(1, 0, 1.0), {"mode": Mode.SCRATCH, "seed": 2})
    )
    assert (found.students, found.surfaces[0.05]) == (1, ((4000.0, 8.0),))


@pytest.mark.parametrize("fid", [None, math.nan, math.inf])
def test_a_student_that_failed_with_a_seed_is_absent_from_its_set(table: Any, fid: float | None) -> None:
    rows = [student(4, 0, 9.0), student(4, 1, 8.0), student(2, 0, 20.0), student(2, 1, fid)]
    for last in (rows[3], rows[3] | FAILED):
        found = attainment(table(*rows[:3], last))
        assert found.students == 2
        assert found.surfaces[0.5] == ((2000.0, 20.0), (4000.0, 8.0))
        assert found.surfaces[0.95] == ((4000.0, 9.0),)


def test_a_seed_of_which_nothing_finished_still_counts(table: Any) -> None:
    found = attainment(table(student(4, 0, 9.0), student(4, 1, None, **FAILED)))
    assert found.seeds == 2
    assert found.surfaces == {0.05: ((4000.0, 9.0),), 0.5: ((4000.0, 9.0),), 0.95: ()}
    none = attainment(table(*(student(4, seed, None, **FAILED) for seed in range(2))))
    assert set(none.surfaces.values()) == {()}


def test_duplicates_and_ties_change_nothing(table: Any) -> None:
    rows = [student(w, seed, fid) for w, fid in ((2, 9.0), (4, 9.0), (8, 3.0)) for seed in (0, 1)]
    once, twice = attainment(table(*rows)), attainment(table(*rows, *rows))
    assert once.surfaces == twice.surfaces
    assert once.surfaces[0.5] == ((2000.0, 9.0), (8000.0, 3.0))


def test_equal_seeds_give_the_frontier_at_every_level(table: Any) -> None:
    rows = table(*(student(w, seed, 100.0 / w + w) for w in range(1, 20) for seed in range(3)))
    frontier = pareto_frontier(rows)
    points = tuple(zip(map(float, frontier["parameters"].to_pylist()), frontier["fid"].to_pylist(), strict=True))
    assert set(attainment(rows).surfaces.values()) == {points}


def test_without_a_student_of_several_seeds_there_is_none(table: Any) -> None:
    for rows in ([], [student(4, 0, 9.0), student(2, 0, 9.0)], [student(4, 0, 9.0), student(2, 1, 9.0)]):
        assert attainment(table(*rows)) is None


@pytest.mark.parametrize(
    "state", [TrialState.LOST, TrialState.RUNNING, TrialState.OUT_OF_MEMORY, TrialState.INTERRUPTED, TrialState.PRUNED]
)
def test_what_says_nothing_of_a_student_is_no_failure_of_its_seed(table: Any, state: str) -> None:
    rows = [student(4, seed, 9.0 + seed) for seed in (0, 1)] + [student(2, 0, 20.0)]
    found = attainment(table(*rows, student(2, 1, None, state=state, final=False)))
    assert found == attainment(table(*rows)), "the same as before that trial began"
    assert (found.students, found.surfaces[0.05]) == (1, ((4000.0, 9.0),))
    assert attainment(table(student(4, 0, 9.0), student(4, 1, None, state=state, final=False))) is None


@pytest.mark.parametrize("levels", [(), (0.0,), (1.5,), (math.nan,)])
def test_levels_are_shares(table: Any, levels: tuple[float, ...]) -> None:
    with pytest.raises(AnalysisError, match="share of the seeds"):
        attainment(table(), levels=levels)


def test_other_objectives_and_several_protocols_are_refused(table: Any) -> None:
    with pytest.raises(AnalysisError, match="colour"):
        attainment(table(), ("parameters", "colour"))
    with pytest.raises(AnalysisError, match="one protocol"):
        attainment(table({}, {"protocol_digest": "other"}))


class TestBand:
    def test_both_ends_are_steps_at_the_same_places_where_both_are_known(self, table: Any) -> None:
        # Three seeds of three students; with seed 3 the smallest one failed.
        rows = [
            {"phase": Phase.CONFIRM, "seed": seed, "width": width, "parameters": 1000 * width, "fid": fid}
            for seed, fids in ((1, (30.0, 10.0, 8.0)), (2, (40.0, 12.0, 7.0)), (3, (None, 11.0, 9.0)))
            for width, fid in zip((1, 2, 3), fids, strict=True)
        ]
        rows[6] |= {"state": TrialState.DIVERGED, "final": False}
        band = band_of(attainment(table(*rows)))
        assert band is not None
        assert band.x_P.tolist() == [2000.0, 3000.0], "not all seeds reach anything at 1000"
        assert band.best_P.tolist() == [10.0, 7.0]
        assert band.worst_P.tolist() == [12.0, 9.0]
        assert band.middle == ((1000.0, 40.0), (2000.0, 11.0), (3000.0, 8.0))
        assert band.words == "attained by 1 to 3 of 3 seeds"
        assert band.middle_words == "attained by 2 of 3 seeds"

    def test_without_an_attainment_there_is_none(self, table: Any) -> None:
        assert band_of(attainment(table({}))) is None


def test_further_seeds_of_few_students_leave_none_of_the_others_out(table: Any) -> None:
    rows = [
        student(width, seed, 80.0 / width + seed, phase=Phase.CONFIRM)
        for width in range(1, 9)
        for seed in range(12 if width < 3 else 5)
    ]
    found = attainment(table(*rows))
    assert found is not None
    assert (found.students, found.seeds) == (8, 5)
