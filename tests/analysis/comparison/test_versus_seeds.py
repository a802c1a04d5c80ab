"""Two sweeps with several seeds side by side: a student is its median, and a share has an interval over seeds."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binom, ttest_ind

from analysis import Phase, TrialState, compare, dominated_share
from analysis.comparison.versus_estimate import welch_interval
from tests.analysis.comparison.conftest import Maker


class TestShare:
    def test_one_seed_has_no_interval(self, sweep: Maker) -> None:
        found = compare(sweep("a", (50_000, 10.0), (60_000, math.nan)), sweep("b", (50_000, 20.0)))
        assert (found.share.a, found.share.b) == (pytest.approx(0.3), pytest.approx(0.1))
        assert (found.share.low, found.share.high, found.share.seeds_a) == (None, None, None)
        assert "no interval: one seed of a and of b" in found.sentence()

    def test_seeds_without_a_common_student_have_none_either(self, table: Any) -> None:
        a = table({"sweep": "a", "width": 1}, {"sweep": "a", "width": 2, "seed": 1})
        assert compare(a, a).share.reason == (
            "no interval: no phase in which both have students that were tried with every seed"
        )

    def test_the_interval_is_scipys_welch_interval_of_the_seeds_shares(self, seeded: Maker) -> None:
        random = np.random.default_rng(0)
        drawn = [random.uniform(6.0, 22.0, (seeds, 3)).tolist() for seeds in (7, 5)]
        found = compare(seeded("a", *drawn[0]), seeded("b", *drawn[1])).share
        teacher = (100_000.0, 5.0)
        shares = [
            [dominated_share([(10_000.0 * (n + 1), fid) for n, fid in enumerate(fids)], teacher) for fids in seeds]
            for seeds in drawn
        ]
        assert (found.a, found.b) == pytest.approx((np.mean(shares[0]), np.mean(shares[1])))
        assert (found.seeds_a, found.seeds_b, found.phase) == (7, 5, "search")
        expected = ttest_ind(*shares, equal_var=False).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        assert found.low < found.difference < found.high

    @pytest.mark.parametrize("ratio", [1.0, 3.0], ids=["equal noise", "unequal noise"])
    @pytest.mark.parametrize("seeds", [2, 3, 5])
    def test_the_interval_covers_the_true_difference_as_often_as_it_says(self, seeds: int, ratio: float) -> None:
        random, repeats = np.random.default_rng(seeds), 2000
        noise = random.normal(size=(repeats, 2, seeds)) * 0.05 * np.array([[1.0], [ratio]])
        covered = 0
        for of_a, of_b in noise + np.array([[0.5], [0.3]]):
            low, high = welch_interval(of_a.tolist(), of_b.tolist())
            covered += low <= 0.2 <= high
        # Of two seeds with equal noise Welch's degrees of freedom are too few, so that it covers more.
        least, most = binom.ppf((0.001, 0.999), repeats, (0.95, 0.95 if seeds > 2 else 0.99))
        assert least <= covered <= most

    def test_it_is_the_same_each_time_and_none_wide_without_noise(self, seeded: Maker) -> None:
        a, b = seeded("a", [10.0], [10.0]), seeded("b", [15.0], [15.0], [15.0])
        found = compare(a, b).share
        assert found == compare(a, b).share
        assert (found.low, found.high) == pytest.approx((found.difference, found.difference))
        assert "means over 2 and 3 seeds, search" in compare(a, b).sentence()

    def test_a_seed_in_which_all_failed_dominates_nothing(self, table: Any) -> None:
        rows = [
            {"sweep": "a", "fid": 5.0},
            {"sweep": "a", "seed": 1, "fid": None, "state": TrialState.FAILED, "final": False},
        ]
        share = dominated_share([(10_000.0, 5.0)], (100_000.0, 5.0))
        assert compare(table(*rows), table(*rows)).share.a == pytest.approx(share / 2)

    def test_confirmed_students_stand_in_where_a_search_has_one_seed(self, seeded: Maker) -> None:
        a, b = (seeded(name, [10.0], [12.0], phase=Phase.CONFIRM) for name in ("a", "b"))
        assert compare(a, b).share.phase == "confirm"


class TestOneStudentIsOnePoint:
    """A lucky seed of many is no better student."""

    def test_many_seeds_are_no_lottery_tickets(self, seeded: Maker) -> None:
        lucky = seeded("a", *([fid] for fid in (10.0, 10.0, 4.0, 10.0, 10.0)))
        plain = seeded("b", [9.0])
        found = compare(lucky, plain)
        assert [s.better for s in found.segments] == ["b"]
        assert found.a.front == ((10_000.0, 10.0),)
        assert (found.a.students, found.b.students) == (1, 1), "of five seeds"
        assert found.share.a < found.share.b

    def test_an_even_number_of_seeds_has_the_median_between(self, seeded: Maker) -> None:
        assert compare(seeded("a", [8.0], [12.0]), seeded("b", [9.0])).a.front == ((10_000.0, 10.0),)

    def test_fresh_seeds_stand_for_the_students_of_the_frontier_where_both_have_them(self, seeded: Maker) -> None:
        fresh = {"phase": Phase.CONFIRM}
        a = pa.concat_tables([seeded("a", [5.0, 30.0]), seeded("a", [12.0], [14.0], [13.0], **fresh)])
        b = pa.concat_tables([seeded("b", [6.0]), seeded("b", [7.0], [9.0], **fresh)])
        found = compare(a, b)
        assert (found.phase, found.a.front, found.b.front) == ("confirm", ((10_000.0, 13.0),), ((10_000.0, 8.0),))
        assert found.a.students == 2
        assert "students at the median of fresh seeds: " in found.sentence()

    def test_one_searched_side_leaves_both_searched(self, seeded: Maker) -> None:
        searched, fresh = seeded("a", [5.0]), seeded("a", [12.0], [14.0], phase=Phase.CONFIRM)
        found = compare(pa.concat_tables([searched, fresh]), seeded("b", [6.0]))
        assert (found.phase, found.a.front) == ("search", ((10_000.0, 5.0),))
        assert "students at the median of the seeds of the search: " in found.sentence()
        partly = pa.concat_tables([seeded("a", [12.0, 5.0]), fresh])
        assert compare(partly, partly).phase == "search", "a student of its frontier has no fresh seed"

    def test_a_student_whose_fresh_seeds_mostly_fail_leaves_the_frontier(self, seeded: Maker) -> None:
        failed = seeded("a", [1.0], [1.0], [1.0], phase=Phase.CONFIRM, state=TrialState.DIVERGED, final=False).slice(1)
        a = pa.concat_tables([seeded("a", [9.0, 5.0]), seeded("a", [9.0, 11.0], phase=Phase.CONFIRM), failed])
        found = compare(a, a)
        assert (found.phase, found.a.front) == ("confirm", ((20_000.0, 11.0),))
