import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import concat_tables

from analysis import (
    TRIAL_SCHEMA,
    AnalysisError,
    Mode,
    TrialState,
    dominated_share,
    final_students,
    front_of,
    hypervolume,
    pareto_frontier,
)
from analysis.columns import COLUMNS, COSTS, QUALITIES

VALUES = st.one_of(st.sampled_from([math.nan, math.inf, -math.inf, None]), st.integers(1, 5).map(float))
SIZES = st.integers(1, 5)
DRAWN = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PAIRS = [(cost, quality) for cost in COSTS if cost in TRIAL_SCHEMA.names for quality in QUALITIES]
TRIPLES = [("parameters", "latency_ms", "fid"), ("mac_g", "inception_score", "kid"), ("fid", "kid", "latent_mse")]

Point = tuple[float, ...]


def values(table: Any, objectives: Sequence[str]) -> list[Point]:
    return list(zip(*(table[name].to_pylist() for name in objectives), strict=True))


def undominated(points: Sequence[Point], objectives: Sequence[str]) -> list[int]:
    """By definition: each row that no other is at least as good as in all and better in one; of equals the first."""

    def cost(point: Point) -> Point:
        return tuple(-v if COLUMNS[n].higher_is_better else v for n, v in zip(objectives, point, strict=True))

    finite = [n for n, point in enumerate(points) if all(v is not None and math.isfinite(v) for v in point)]
    found = []
    for n in finite:
        rivals = [(m, cost(points[m])) for m in finite if m != n]
        mine = cost(points[n])
        if not any(all(a <= b for a, b in zip(other, mine, strict=True)) and (other != mine or m < n)
                   for m, other in rivals):  # fmt: skip
            found.append(n)
    return found


def drawn_points(draw: Any, objectives: Sequence[str]) -> list[Point]:
    whole = {"parameters": SIZES, "mac_g": SIZES, "weight_bytes": st.none() | SIZES}  # the first two of every row
    kinds = [whole.get(name, VALUES) for name in objectives]
    return list(draw(st.lists(st.tuples(*kinds), max_size=10)))


@DRAWN
@given(st.data())
@pytest.mark.parametrize("objectives", [*PAIRS, *TRIPLES], ids="-".join)
def test_the_frontier_is_what_brute_force_finds(table: Any, objectives: tuple[str, ...], data: Any) -> None:
    points = drawn_points(data.draw, objectives)
    rows = table(*(dict(zip(objectives, point, strict=True)) for point in points))
    frontier = pareto_frontier(rows, objectives)
    expected = sorted(undominated(points, objectives), key=lambda n: (points[n][0], n))
    assert [trial - 1 for trial in frontier["trial"].to_pylist()] == expected, "in order, duplicates once"


@DRAWN
@given(st.lists(st.tuples(SIZES, VALUES), max_size=10), st.integers(1, 7), st.integers(1, 7))
def test_hypervolume_is_what_a_sweep_over_the_sizes_finds(
    table: Any, points: list[tuple[int, float]], width: int, height: int
) -> None:
    rows = table(*({"parameters": p, "fid": f} for p, f in points))
    area = 0.0
    for left in range(width):  # the strip from `left` to `left` + 1 is as deep as the best student in it
        depths = [height - f for p, f in points if p <= left and f is not None and math.isfinite(f)]
        area += max(0.0, *depths, 0.0)
    assert hypervolume(pareto_frontier(rows), (width, height)) == pytest.approx(area)
    assert hypervolume(rows, (width, height)) == pytest.approx(area), "dominated rows add nothing"


def test_hypervolume_in_closed_form(table: Any) -> None:
    one = table({"parameters": 2, "mac_g": 1.0, "inception_score": 7.0})
    objectives = ("parameters", "mac_g", "inception_score")
    assert hypervolume(one, (5, 2, 4), objectives=objectives) == pytest.approx(3 * 1 * 3), "a box; more IS is better"
    steps = table(*({"parameters": n, "fid": 10.0 - n} for n in range(1, 10)))
    assert hypervolume(steps, (10, 10)) == pytest.approx(sum(range(1, 10))), "a staircase: 9 + 8 + ... + 1"
    assert hypervolume(table({"parameters": 12}), (10, 20)) == 0, "beyond the reference"
    assert hypervolume(table(), (4, 4)) == 0


@pytest.mark.parametrize("reference", [(4,), (4, 4, 4), (math.nan, 4), (math.inf, 4)])
def test_a_reference_that_does_not_fit_is_refused(table: Any, reference: tuple[float, ...]) -> None:
    with pytest.raises(AnalysisError, match="finite number for each objective"):
        hypervolume(table({}), reference)


def test_only_final_completed_students_enter(table: Any) -> None:
    rows = table(
        {"parameters": 5, "fid": 9.0},
        {"parameters": 1, "fid": 1.0, "final": False, "state": TrialState.PRUNED},
        {"parameters": 1, "fid": 1.0, "mode": Mode.SCRATCH},
        {"parameters": 1, "fid": 1.0, "state": TrialState.DIVERGED},
    )
    frontier = pareto_frontier(rows)
    assert values(frontier, ("parameters", "fid")) == [(5, 9.0)]
    assert frontier.equals(final_students(rows)), "whole rows"


def test_of_equal_students_the_first_stays(table: Any) -> None:
    assert pareto_frontier(table({}, {}, {}))["trial"].to_pylist() == [1]


def test_an_empty_and_an_all_failed_table_have_an_empty_frontier(table: Any) -> None:
    failed = table({"final": False, "state": TrialState.FAILED, "fid": None})
    for rows in (table(), failed, table({"fid": math.nan}), failed.slice(0, 0)):
        frontier = pareto_frontier(rows)
        assert len(frontier) == 0
        assert frontier.schema.equals(rows.schema)


@pytest.mark.parametrize(
    "objectives", [("parameters", "colour"), ("fid",), ("fid", "fid"), ("parameters", "mac_g", "fid", "kid"), ()]
)
def test_other_objectives_are_refused(table: Any, objectives: tuple[str, ...]) -> None:
    with pytest.raises(AnalysisError, match=r"colour|two or three different columns"):
        pareto_frontier(table({}), objectives)


def test_rows_of_several_protocols_are_refused_and_both_are_named(table: Any) -> None:
    rows = table({"protocol_digest": "one" * 9}, {"protocol_digest": "two" * 9})
    with pytest.raises(AnalysisError, match=r"one" * 9 + ".*" + "two" * 9):
        pareto_frontier(rows)
    unfinished = table({}, {"protocol_digest": "other", "state": TrialState.FAILED, "final": False})
    assert len(pareto_frontier(unfinished)) == 1, "what never enters shares no axis"


def test_the_dominated_share_in_closed_form() -> None:
    teacher = (100.0, 2.0)  # the box ends at (100, 10)
    assert dominated_share([(50.0, 5.0)], teacher) == pytest.approx(0.25)
    assert dominated_share([(50.0, 5.0), (50.0, 5.0), (math.nan, 1.0), (10.0, math.inf)], teacher) == pytest.approx(
        0.25
    )
    assert dominated_share([(100.0, 1.0), (1.0, 10.0)], teacher) == 0, "on the edge"
    assert dominated_share([], teacher) == 0
    for bad in ((0.0, 2.0), (100.0, math.nan), (math.inf, 2.0)):
        with pytest.raises(AnalysisError, match="finite size and FID"):
            dominated_share([(1.0, 1.0)], bad)


def test_the_front_of_points() -> None:
    points = [(2.0, 1.0), (1.0, 3.0), (1.0, 3.0), (2.0, 2.0), (math.nan, 0.0), (0.0, math.inf)]
    assert front_of(points) == [(1.0, 3.0), (2.0, 1.0)]
    assert front_of([(math.nan, 1.0)]) == front_of([]) == []


def test_a_table_in_many_pieces_has_the_frontier_of_the_whole(table: Any) -> None:
    random = np.random.default_rng(0)
    rows = table(*({"parameters": int(p), "fid": float(f)} for p, f in random.integers(1, 40, (60, 2))))
    pieces = [rows.slice(start, 7) for start in range(0, 60, 7)]
    assert pareto_frontier(concat_tables(pieces)).equals(pareto_frontier(rows))


def test_the_frontier_of_bytes_has_every_form_as_a_point_of_its_own(deployed: Any) -> None:
    # By hand: the int8 file of trial 1 is the smallest; trial 2's float file beats its int8 in FID; trial 1's float
    # file is larger than trial 2's int8 and worse.
    table = deployed(
        {"trial": 1, "fid": 20.0, "forms": {"onnx": (0.04, 20_000, None), "onnx-int8": (0.05, 5_000, 21.0)}},
        {"trial": 2, "fid": 10.0, "forms": {"onnx": (0.08, 60_000, None), "onnx-int8": (0.09, 15_000, 11.0)}},
    )
    by_bytes = pareto_frontier(table, ("file_bytes", "fid")).select(["trial", "variant"]).to_pylist()
    assert [(row["trial"], row["variant"]) for row in by_bytes] == [(1, "onnx-int8"), (2, "onnx-int8"), (2, "onnx")]
    by_time = pareto_frontier(table, ("latency_ms", "fid")).select(["trial", "variant"]).to_pylist()
    assert [(row["trial"], row["variant"]) for row in by_time] == [(1, "onnx"), (2, "onnx")]


def test_rows_of_two_machines_share_no_axis(deployed: Any) -> None:
    tables = [
        deployed({"trial": number, "forms": {"onnx": (0.04, 20_000, None)}}, machine=name)
        for number, name in enumerate(("m", "n"), start=1)
    ]
    with pytest.raises(AnalysisError, match="Times of one machine share an axis, got 2 measurement digests: m, n"):
        pareto_frontier(concat_tables(tables), ("latency_ms", "fid"))


def test_bytes_are_asked_of_a_table_that_has_them(table: Any) -> None:
    with pytest.raises(AnalysisError, match="none called file_bytes"):
        pareto_frontier(table({}), ("file_bytes", "fid"))
