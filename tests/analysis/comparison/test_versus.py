"""Two sweeps side by side: in closed form, against brute force, and on one axis only where there is one."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import (
    AnalysisError,
    Mode,
    TrialState,
    compare,
    comparison_markdown,
    front_of,
    save_figure,
    segment_rows,
    versus_figure,
)
from analysis.comparison.steps import segments, value_at
from tests.analysis.comparison.conftest import Maker

FRONTS = st.lists(st.tuples(st.integers(1, 9).map(float), st.integers(1, 9).map(float)), min_size=1, max_size=6)


@settings(deadline=None, max_examples=200)
@given(FRONTS, FRONTS)
def test_every_range_is_that_of_the_better_frontier(a: list[Any], b: list[Any]) -> None:
    found = segments(front_of(a), front_of(b), higher_is_better=False, end=10.0)
    assert found[0].low == min(cost for cost, _ in a + b)
    assert [s.high for s in found[:-1]] == [s.low for s in found[1:]], "without a gap"
    assert found[-1].high is None
    assert all((x.better, x.alone) != (y.better, y.alone) for x, y in itertools.pairwise(found)), "neighbours differ"
    for segment in found:
        for cost in np.arange(segment.low, segment.high or 12.0, 0.5):
            best = [min((q for c, q in side if c <= cost), default=None) for side in (a, b)]
            assert [value_at(front_of(side), cost) for side in (a, b)] == best
            assert segment.alone == (None in best)
            x, y = (math.inf if value is None else value for value in best)
            assert segment.better == ("a" if x < y else "b" if y < x else "equal")


def test_ranges_and_factors_in_closed_form(sweep: Maker) -> None:
    a = sweep("a", (1_000, 20.0), (10_000, 10.0))
    b = sweep("b", (2_000, 30.0), (4_000, 15.0), (50_000, 4.0))
    found = compare(a, b)
    shown = [(s.better, s.low, s.high, s.alone, s.factor, s.difference) for s in found.segments]
    assert shown == [
        ("a", 1_000, 2_000, True, None, None),
        ("a", 2_000, 4_000, False, pytest.approx(1.5), pytest.approx(10.0)),
        ("b", 4_000, 10_000, False, pytest.approx(20 / 15), pytest.approx(5.0)),
        ("a", 10_000, 50_000, False, pytest.approx(1.5), pytest.approx(5.0)),
        ("b", 50_000, None, False, pytest.approx(2.5), pytest.approx(6.0)),
    ]
    assert segment_rows(found)[1] == ("from 2,000 to 4,000 parameters", "a", "1.50 times")
    few = compare(sweep("a", (1_000, 20.0)), sweep("b", (4_000, 10.0)))
    assert "from 1,000 to 4,000 parameters only a has students" in few.sentence()
    assert "from 4,000 parameters on b has the lower FID, by 2.00 times (median)" in few.sentence()
    assert "in 2 (by up to 1.50 times), b in 2" in found.sentence(), "with many ranges it counts"


def test_the_factor_of_a_range_is_the_median_by_length_on_a_logarithmic_axis(sweep: Maker) -> None:
    # a is 2 times better over three octaves and 4 times over one, which has more parameters, up to the teacher's.
    a = sweep("a", (6_250, 20.0), (50_000, 10.0))
    (segment,) = compare(a, sweep("b", (6_250, 40.0))).segments
    assert (segment.better, segment.factor, segment.difference) == ("a", pytest.approx(2.0), pytest.approx(20.0))


def test_more_inception_score_is_better_and_another_cost_has_its_own_unit(table: Any) -> None:
    a = table({"sweep": "a", "latency_ms": 2.0, "inception_score": 8.0})
    b = table({"sweep": "b", "latency_ms": 4.0, "inception_score": 9.0})
    found = compare(a, b, objectives=("latency_ms", "inception_score"))
    assert [s.better for s in found.segments] == ["a", "b"]
    assert "from 4 ms on b has the higher IS, by 1.12 times" in found.sentence()


def test_negative_values_have_a_difference_and_no_factor(table: Any) -> None:
    a, b = (table({"sweep": name, "kid": kid}) for name, kid in (("a", -0.001), ("b", 0.02)))
    found = compare(a, b, objectives=("parameters", "kid"))
    assert [(s.better, s.factor) for s in found.segments] == [("a", None)]
    assert found.segments[0].difference == pytest.approx(0.021)
    assert versus_figure(found).axes[0].get_yscale() == "linear"


class TestTwoProtocols:
    def test_equal_relative_to_the_teachers_is_equal(self, sweep: Maker) -> None:
        students = [(1_000, 20.0), (10_000, 10.0)]
        other = {"protocol_digest": "q" * 64, "dataset": "shapes", "teacher_digest": "u" * 64}
        a = sweep("a", *students)
        b = sweep("b", *((3 * p, 7 * f) for p, f in students), teacher_parameters=300_000, teacher_fid=35.0, **other)
        found = compare(a, b)
        assert found.relative
        for side in (found.a, found.b):
            assert np.array(side.front) == pytest.approx(np.array([[0.01, 4.0], [0.1, 2.0]]))
        assert found.share.difference == pytest.approx(0)
        assert (
            "were measured under different protocols, so each is taken relative to its own teacher" in found.sentence()
        )
        assert "1/100.0 of the teacher" in found.sentence()

    def test_no_axis_has_absolute_units(self, sweep: Maker) -> None:
        found = compare(sweep("a", (1_000, 20.0)), sweep("b", (1_000, 20.0), protocol_digest="q" * 64))
        axes = versus_figure(found).axes[0]
        assert axes.get_ylabel() == "FID / its own teacher's FID (lower is better)"
        assert axes.get_xlabel() == "share of its teacher's parameters (1/compression ratio)"
        drawn = [point for line in axes.lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]
        assert all(x <= 1 and y <= 4 for x, y in drawn)

    @pytest.mark.parametrize("objectives", [("mac_g", "fid"), ("parameters", "kid"), ("parameters", "latent_mse")])
    def test_what_is_not_known_of_the_teachers_is_refused(self, sweep: Maker, objectives: tuple[str, str]) -> None:
        changes = {"kid": 0.1, "latent_mse": 0.1}
        a, b = sweep("a", (1, 1.0), **changes), sweep("b", (1, 1.0), protocol_digest="q", **changes)
        with pytest.raises(AnalysisError, match="two protocols are compared in parameters and fid or inception_score"):
            compare(a, b, objectives=objectives)
        assert not compare(a, sweep("b", (1, 1.0), **changes), objectives=objectives).relative


def test_two_teachers_of_one_protocol_share_the_axis_and_the_larger_box(sweep: Maker) -> None:
    a = sweep("a", (50_000, 10.0))
    b = sweep(
        "b", (50_000, 10.0), teacher_digest="u", teacher_version="big/1", teacher_parameters=200_000, teacher_fid=4.0
    )
    found = compare(a, b)
    assert not found.relative
    assert (found.share.a, found.share.b) == (pytest.approx(0.75 * 0.6), pytest.approx(0.75 * 0.6))
    assert "with two teachers (digits-teacher/1 and big/1)" in found.sentence()
    assert "the larger teacher's size" in found.sentence()


def test_a_sweep_against_itself_is_equal_everywhere(sweep: Maker) -> None:
    a = sweep("a", (1_000, 20.0), (10_000, 10.0), (10_000, 10.0), (20_000, 10.0))
    found = compare(a, a)
    assert (found.a.name, found.b.name) == ("a (first)", "a (second)")
    assert [(s.better, s.high, s.factor) for s in found.segments] == [("equal", None, 1.0)]
    assert "from 1,000 parameters on both have the same FID" in found.sentence()
    assert found.share.difference == 0


def test_rows_that_are_no_result_change_nothing(sweep: Maker) -> None:
    a, b = sweep("a", (5_000, 20.0)), sweep("b", (5_000, 10.0))
    more = pa.concat_tables([a, sweep("a", (1, math.nan), (2, math.inf), (3, 1.0), mode=Mode.SCRATCH)])
    assert compare(more, b) == compare(a, b)


@pytest.mark.parametrize("case", ["no rows", "all failed", "no numbers"])
def test_a_sweep_without_a_result_is_named(sweep: Maker, case: str) -> None:
    other = {
        "no rows": sweep("b"),
        "all failed": sweep("b", (1, 1.0), state=TrialState.FAILED, final=False),
        "no numbers": sweep("b", (1, math.nan)),
    }[case]
    for tables in ((sweep("a", (1, 1.0)), other), (other, sweep("a", (1, 1.0)))):
        with pytest.raises(AnalysisError, match=r"of an empty table|of b"):
            compare(*tables)


def test_what_shares_no_axis_or_is_no_pair_is_refused(sweep: Maker) -> None:
    a = sweep("a", (1, 1.0))
    mixed = pa.concat_tables([a, sweep("a", (1, 1.0), protocol_digest="q")])
    with pytest.raises(AnalysisError, match="one protocol"):
        compare(a, mixed)
    two_teachers = pa.concat_tables([a, sweep("a", (1, 1.0), teacher_digest="u")])
    with pytest.raises(AnalysisError, match="one teacher"):
        compare(two_teachers, a)
    for objectives in (("fid",), ("fid", "parameters"), ("parameters", "colour"), ("parameters", "mac_g", "fid")):
        with pytest.raises(AnalysisError):
            compare(a, a, objectives=objectives)


def test_it_is_json_markdown_and_html(sweep: Maker) -> None:
    found = compare(sweep("<a>", (1_000, 20.0)), sweep("b", (4_000, 10.0)))
    data = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (data["sentence"], data["a"]["front"]) == (found.sentence(), [[1000.0, 20.0]])
    assert data["segments"][0] | {"low": 1000.0, "better": "a", "alone": True} == data["segments"][0]
    page = comparison_markdown(found, "here.png")
    assert found.sentence() in page
    assert "(here.png)" in page
    assert "| from 4,000 parameters on | b | 2.00 times |" in page
    html = found._repr_html_()
    assert "&lt;a&gt;" in html
    assert "<a>" not in html


def test_the_figure_draws_the_frontiers_the_teacher_and_the_better_one(sweep: Maker) -> None:
    found = compare(sweep("a", (1_000, 20.0), (9_000, 9.0)), sweep("b", (4_000, 10.0)))
    axes = versus_figure(found).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "generator parameters (lower is better)"
    lines = {line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.lines}
    assert lines["a: 2 of 2 students on the frontier"] == [(1_000, 20.0), (9_000, 9.0)]
    assert lines["b: 1 of 1 students on the frontier"] == [(4_000, 10.0)]
    assert lines["teacher digits-teacher/1"] == [(100_000, 5.0)]
    strips = [(round(patch.get_x()), patch.get_alpha()) for patch in axes.patches]
    assert strips == [(1_000, 0.35), (4_000, 1.0), (9_000, 1.0)]
    caption = versus_figure(found).get_supxlabel()
    assert caption == "digits; 2,048 samples, digits-classifier/1; protocol pppppppp"


@pytest.mark.parametrize("protocol", ["p" * 64, "q" * 64])
def test_the_same_tables_give_the_same_bytes(sweep: Maker, tmp_path: Path, protocol: str) -> None:
    a, b = sweep("a", (1_000, 20.0)), sweep("b" * 60, (4_000, 10.0), protocol_digest=protocol)
    first, second = (save_figure(versus_figure(compare(a, b)), tmp_path / name) for name in ("one", "two"))
    assert {".png", ".svg"} <= {path.suffix for path in first}
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.suffix


def test_a_long_name_stays_on_the_page(sweep: Maker) -> None:
    figure = versus_figure(compare(sweep("a" * 63, (1_000, 20.0)), sweep("b" * 63, (4_000, 10.0))))
    figure.canvas.draw()
    axes = figure.axes[0]
    for text in (axes.get_legend(), axes.title, axes._left_title):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
