"""Gains against SciPy's paired test on logarithms, and in closed form."""

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp, ttest_rel

from analysis import AnalysisError, Mode, Phase, Scheme, TrialState, paired_gain

SCRATCH = {"mode": Mode.SCRATCH, "phase": Phase.BASELINE, "gan_weight": None}
JOINT = {"gan_weight": 0.05}


def pairs(width: int, ours: list[float], theirs: list[float], metric: str = "fid", **own: Any) -> list[dict[str, Any]]:
    size = {"width": width, "parameters": 1000 * width}
    return [{**size, **own, "seed": seed, metric: value} for seed, value in enumerate(ours)] + [
        {**size, **SCRATCH, "seed": seed, metric: value} for seed, value in enumerate(theirs)
    ]


def test_one_architecture_is_the_paired_t_test_on_logarithms(table: Any) -> None:
    random = np.random.default_rng(0)
    ours, theirs = random.lognormal(2.0, 0.3, 6), random.lognormal(2.4, 0.3, 6)
    gain = paired_gain(table(*pairs(4, ours.tolist(), theirs.tolist())), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    expected = ttest_rel(np.log(theirs), np.log(ours)).confidence_interval(0.95)
    assert (gain.low, gain.high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert gain.ratio == pytest.approx(np.exp(np.mean(np.log(theirs / ours))))
    assert (gain.pairs, gain.seeds, gain.wins) == (6, 6, int((ours < theirs).sum()))
    assert gain.p_value == pytest.approx(binomtest(gain.wins, 6).pvalue)
    (size,) = gain.per_size
    assert (size.ratio, size.low, size.high) == pytest.approx((gain.ratio, gain.low, gain.high))


def test_several_architectures_are_the_t_interval_over_their_means(table: Any) -> None:
    random = np.random.default_rng(1)
    rows, means = [], []
    for width in (2, 4, 8, 16):
        ours, theirs = random.lognormal(2.0, 0.3, (2, 3 + width % 3))
        rows += pairs(width, ours.tolist(), theirs.tolist())
        means.append(np.mean(np.log(theirs / ours)))
    gain = paired_gain(table(*rows), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    expected = ttest_1samp(means, 0.0).confidence_interval(0.95)
    assert (gain.low, gain.high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert gain.low < gain.ratio < gain.high
    assert [np.log(size.ratio) for size in gain.per_size] == pytest.approx(means)
    assert sum(size.pairs for size in gain.per_size) == gain.pairs
    won = sum(mean > 0 for mean in means)
    assert (gain.cluster, gain.clusters, gain.clusters_won) == ("architecture", 4, won)
    assert gain.p_value == pytest.approx(binomtest(won, 4).pvalue)
    assert f"on average in {won} of 4 architectures (sign test over these" in gain.sentence()


def test_seeds_alone_do_not_narrow_the_interval_over_architectures(table: Any) -> None:
    few = [*pairs(2, [10.0] * 2, [20.0] * 2), *pairs(4, [10.0] * 2, [10.0] * 2)]
    many = [*pairs(2, [10.0] * 50, [20.0] * 50), *pairs(4, [10.0] * 50, [10.0] * 50)]
    a, b = (paired_gain(table(*rows), ours=Mode.DISTILLED, theirs=Mode.SCRATCH) for rows in (few, many))
    assert (a.low, a.high) == pytest.approx((b.low, b.high))


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "ratio"),
    [("fid", 10.0, 20.0, 2.0), ("inception_score", 10.0, 20.0, 0.5), ("latent_mse", 0.1, 0.3, 3.0)],
)
def test_above_one_ours_is_better(table: Any, metric: str, ours: float, theirs: float, ratio: float) -> None:
    gain = paired_gain(
        table(*pairs(4, [ours], [theirs], metric)), ours=Mode.DISTILLED, theirs=Scheme.SCRATCH, metric=metric
    )
    assert gain.ratio == pytest.approx(ratio)
    assert gain.wins == (ratio > 1)
    assert gain.low is gain.high is None
    assert "no interval: one seed" in gain.sentence()


def test_sharpness_counts_as_closeness_to_the_teachers(table: Any) -> None:
    changes = {"teacher_sharpness": 4000.0}
    rows = [row | changes for row in pairs(4, [4000.0 * math.e**0.1], [4000.0 / math.e**0.4], "sharpness")]
    gain = paired_gain(table(*rows), ours=Mode.DISTILLED, theirs=Mode.SCRATCH, metric="sharpness")
    assert gain.ratio == pytest.approx(4.0)


def test_joint_against_mse_pairs_what_is_equal_but_for_the_weight(table: Any) -> None:
    rows = table(
        {"seed": 0, "fid": 20.0},
        {"seed": 0, "fid": 10.0, **JOINT},
        {"seed": 0, "fid": 5.0, "gan_weight": 0.2},
        {"seed": 1, "fid": 10.0, **JOINT},  # no MSE student of its seed
        {"seed": 0, "fid": 1.0, "settings": '{"rate": 1}', **JOINT},  # nor of its settings
        {"seed": 0, "fid": 1.0, "depth": 2, **JOINT},  # nor of its depth
    )
    gain = paired_gain(rows, ours=Scheme.JOINT, theirs=Scheme.MSE)
    assert (gain.pairs, gain.seeds, gain.left_out, gain.wins) == (2, 1, 3, 2)
    assert gain.ratio == pytest.approx(math.sqrt(2 * 4))
    assert gain.label == "joint against MSE alone"
    assert "3 left out for want of a pair" in gain.sentence()


def test_where_no_baseline_has_the_seed_there_is_no_pair(table: Any) -> None:
    rows = table({"seed": 0}, {"seed": 1}, {"seed": 0, **SCRATCH, "fid": 40.0}, {"seed": 2, **SCRATCH})
    gain = paired_gain(rows, ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    assert (gain.pairs, gain.left_out, gain.ratio) == (1, 1, pytest.approx(4.0))
    alone = [*pairs(2, [10.0], [20.0]), *pairs(4, [10.0], [20.0]), *pairs(8, [10.0], [])]
    sentence = paired_gain(table(*alone), ours=Mode.DISTILLED, theirs=Mode.SCRATCH).sentence()
    assert "FID 2.00 times as good" in sentence
    assert "in 2 of 2 pairs and on average in 2 of 2 architectures" in sentence, "the third has no pair"


def test_many_students_against_one_baseline_are_no_independent_trials(table: Any) -> None:
    weights = [{"gan_weight": n / 100, "fid": 10.0} for n in range(1, 21)]
    one_seed = paired_gain(table(*weights, {**SCRATCH, "fid": 20.0}), ours=Scheme.JOINT, theirs=Scheme.SCRATCH)
    assert (one_seed.wins, one_seed.pairs, one_seed.p_value) == (20, 20, None)
    assert "better in 20 of 20 pairs." in one_seed.sentence()
    seeds = [row | {"seed": seed} for row in [*weights, {**SCRATCH, "fid": 20.0}] for seed in range(3)]
    three_seeds = paired_gain(table(*seeds), ours=Scheme.JOINT, theirs=Scheme.SCRATCH)
    assert (three_seeds.pairs, three_seeds.cluster, three_seeds.p_value) == (60, "seed", pytest.approx(0.25))


SEARCHED = ({"fid": 5.0}, {"width": 8, "parameters": 20_000, "fid": 30.0})
TWIN = {**SCRATCH, "fid": 10.0}


class TestWhatChoseTheStudents:
    """Searched with seed 0 and FIDs of 5 by luck; fresh seeds measure 10, as scratch does."""

    def test_fresh_seeds_stand_for_students_that_the_search_chose(self, table: Any) -> None:
        fresh = [{"phase": Phase.CONFIRM, "seed": seed, "fid": 10.0} for seed in (7, 8)]
        twins = [TWIN | {"seed": seed} for seed in (0, 7, 8)]
        gain = paired_gain(table(*SEARCHED, *fresh, *twins), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
        assert (gain.pairs, gain.fresh, gain.chosen) == (2, True, False)
        assert gain.ratio == pytest.approx(1.0), "the lucky seed is no part of it"
        assert "in 0 of 2 (2 equal) pairs of fresh seeds" in gain.sentence()

    def test_without_fresh_seeds_the_sentence_says_who_chose(self, table: Any) -> None:
        lonely = {"phase": Phase.CONFIRM, "seed": 7, "fid": 10.0}
        gain = paired_gain(table(*SEARCHED, lonely, TWIN), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
        assert (gain.pairs, gain.left_out, gain.ratio, gain.chosen) == (1, 2, pytest.approx(2.0), True)
        assert "the search chose these students by the same rows, which flatters them" in gain.sentence()

    def test_where_every_searched_student_was_given_a_baseline_nothing_was_chosen(self, table: Any) -> None:
        lost = {**SCRATCH, "width": 8, "parameters": 20_000, "state": TrialState.LOST, "final": False, "fid": None}
        gain = paired_gain(table(*SEARCHED, TWIN, lost), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
        assert (gain.pairs, gain.left_out, gain.chosen, gain.fresh) == (1, 1, False, False)
        assert "chose" not in gain.sentence()


def test_of_several_baselines_the_largest_budget_counts_and_of_equal_students_the_first(table: Any) -> None:
    rows = table(
        {"fid": 10.0},
        {"fid": 1.0},
        {**SCRATCH, "fid": 20.0, "kimg": 64.0},
        {**SCRATCH, "fid": 30.0, "kimg": 256.0},
        {**SCRATCH, "fid": 40.0, "kimg": 256.0},
    )
    gain = paired_gain(rows, ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    assert (gain.pairs, gain.ratio) == (1, pytest.approx(3.0))


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 0.0, -1.0])
def test_a_pair_needs_two_positive_numbers(table: Any, bad: float | None) -> None:
    for ours, theirs in ((bad, 10.0), (10.0, bad)):
        gain = paired_gain(table({"fid": ours}, {**SCRATCH, "fid": theirs}), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
        assert (gain.pairs, gain.left_out, gain.ratio, gain.p_value) == (0, 1, None, None)
        assert "no pair" in gain.sentence()


def test_ties_are_neither_won_nor_tested(table: Any) -> None:
    tied = paired_gain(table(*pairs(4, [9.0, 9.0], [9.0, 9.0])), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    assert (tied.ratio, tied.low, tied.high, tied.wins, tied.p_value) == (1.0, 1.0, 1.0, 0, None)
    mixed = paired_gain(table(*pairs(4, [9.0, 9.0, 3.0], [9.0, 9.0, 9.0])), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    assert (mixed.wins, mixed.ties, mixed.p_value) == (1, 2, 1.0)
    assert "better in 1 of 3 (2 equal) pairs" in mixed.sentence()


@pytest.mark.parametrize("changes", [[], [{"state": TrialState.FAILED, "final": False, "fid": None}], [SCRATCH]])
def test_without_students_there_is_a_gain_of_no_pairs(table: Any, changes: list[dict[str, Any]]) -> None:
    gain = paired_gain(table(*changes), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    assert (gain.pairs, gain.left_out, gain.per_size) == (0, 0, ())
    assert json.loads(json.dumps(gain.as_dict(), allow_nan=False))["ratio"] is None


def test_what_has_no_ratio_or_shares_no_axis_is_refused(table: Any) -> None:
    with pytest.raises(AnalysisError, match=r"ratio of positive numbers.*'kid'"):
        paired_gain(table({}), ours=Mode.DISTILLED, theirs=Mode.SCRATCH, metric="kid")
    for changes, words in (
        ({"protocol_digest": "other"}, "one protocol"),
        ({"teacher_digest": "other"}, "one teacher"),
    ):
        with pytest.raises(AnalysisError, match=words):
            paired_gain(table({}, changes), ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
