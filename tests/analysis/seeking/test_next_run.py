"""Which training comes next: against looking one step ahead by brute force, and what a search does with it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.seeking.belief import believed
from analysis.seeking.next_run import NextRun, Purpose, narrowing, next_run
from analysis.seeking.scales import usual_scales
from analysis.seeking.space import Run, Space, Training
from analysis.seeking.surface import Surface, surface_of
from analysis.seeking.whereabouts import limits_of
from tests.analysis.seeking.conftest import MakeRuns, quality


def ask(
    space: Space, runs: Sequence[Run], *, pending: Sequence[Training] = (), reserve: float = 0.0, seed: int = 0
) -> NextRun:
    random = np.random.default_rng(seed)
    belief = believed(space, runs, scales=usual_scales(space), random=random, pending=pending)
    return next_run(space, belief, begun=[*runs, *pending], random=random, reserve=reserve)


def variance_left(surface: Surface, chosen: int, *, random: np.random.Generator) -> float:
    """Returns the mean variance of the limit's logarithm after a seed of a candidate, by conditioning on its values."""
    total = surface.covariance_CC[chosen, chosen] + surface.noise_C[chosen] ** 2
    gain_C = surface.covariance_CC[chosen] / total
    covariance_CC = surface.covariance_CC - np.outer(gain_C, gain_C) * total
    left = []
    for apart in np.sqrt(total) * norm.ppf((np.arange(100) + 0.5) / 100):
        after = replace(surface, mean_C=surface.mean_C + gain_C * apart, covariance_CC=covariance_CC)
        left.append(variance_of(after, random=random, samples=2_000))
    return float(np.mean(left))


def variance_of(surface: Surface, *, random: np.random.Generator, samples: int) -> float:
    sizes_K, place_S = limits_of(surface, surface.draw(samples, random))
    log_K = np.log(sizes_K)
    return float(np.append(log_K, log_K[-1] + np.diff(log_K).mean())[place_S].var())


def test_narrowing_is_what_one_step_ahead_leaves_less(space: Space, make_runs: MakeRuns) -> None:
    random = np.random.default_rng(0)
    surface = surface_of(space, make_runs(space.candidates[::20]), scales=usual_scales(space))
    gain_C = narrowing(surface, surface.draw(40_000, random), random=random)
    before = variance_of(surface, random=random, samples=40_000)
    for chosen in (0, 12, 19, 27, 39):
        assert gain_C[chosen] == pytest.approx(before - variance_left(surface, chosen, random=random), abs=0.015)
    assert gain_C.max() > 0.25, "the tolerance is small beside what there is to gain"


def test_what_is_known_already_narrows_nothing(space: Space) -> None:
    runs = [Run(candidate=space.candidates[20], seed=seed, value=0.0) for seed in range(500)]
    surface = surface_of(space, runs, scales=usual_scales(space))
    random = np.random.default_rng(0)
    gain_C = narrowing(surface, surface.draw(4_096, random), random=random)
    assert gain_C[20] < 0.1 * gain_C.max()


def test_the_same_state_gives_the_same_answer(space: Space, make_runs: MakeRuns) -> None:
    runs = make_runs(space.candidates[::5])
    assert ask(space, runs) == ask(space, runs)


def test_a_search_goes_to_the_crossing_and_repeats_what_decides(space: Space) -> None:
    """The best recipe crosses at 8,000 parameters: the space's sizes around are 7,594 and 11,391."""
    runs: list[Run] = []
    noise = np.random.default_rng(5)
    for number in range(24):
        chosen = ask(space, runs, seed=number)
        value = quality(chosen.candidate) + 0.2 * noise.standard_normal()
        runs.append(Run(candidate=chosen.candidate, seed=chosen.seed, value=value))
    sizes = [run.candidate.parameters for run in runs]
    assert np.mean([3_000 <= size <= 18_000 for size in sizes[8:]]) >= 0.75
    trainings = [(run.candidate.student, run.seed) for run in runs]
    assert len(set(trainings)) == len(trainings), "no seed of a student twice"
    assert any(run.seed > 0 for run in runs), "what decides is measured again"


def test_a_budget_that_tells_nearly_as_much_for_half_the_kimg_is_chosen(space: Space) -> None:
    halves = tuple(replace(each, kimg=8.0) for each in space.candidates)
    both = Space(candidates=(*space.candidates, *halves), axes=space.axes)
    assert {ask(both, [], seed=seed).candidate.kimg for seed in range(5)} == {8.0}


def test_free_workers_are_not_all_given_the_same(space: Space, make_runs: MakeRuns) -> None:
    runs, pending = make_runs(space.candidates[::5]), []
    for seed in range(6):
        pending.append(ask(space, runs, pending=pending, seed=seed))
    assert len({each.candidate.student for each in pending}) >= 3
    alone = [ask(space, runs, seed=seed).candidate for seed in range(6)]
    assert alone != [each.candidate for each in pending], "they know of one another"


def test_the_seed_is_the_smallest_that_the_student_has_not_had(space: Space) -> None:
    def nowhere(seeds: Sequence[int], *, awaited: Sequence[int] = ()) -> int:
        runs = [Run(candidate=each, seed=seed, value=2.0) for each in space.candidates for seed in seeds]
        pending = [Training(candidate=each, seed=seed) for each in space.candidates for seed in awaited]
        return ask(space, runs, pending=pending).seed

    assert nowhere([1, 2, 7]) == 0
    assert nowhere([1, 2, 7], awaited=[0]) == 3
    assert nowhere([0, 1, 3], awaited=[4]) == 2


def test_the_reserve_looks_below_the_limit(space: Space, make_runs: MakeRuns) -> None:
    large = [each for each in space.candidates if each.parameters > 5_000]
    runs = make_runs(large * 3)
    assert ask(space, runs, reserve=0.0).purpose == Purpose.NARROW
    found = ask(space, runs, reserve=0.15)
    assert found.purpose == Purpose.BELOW
    assert found.candidate.block == "separable", "it is the most probable to hold"
    assert found.candidate.gan_weight > 0
    paid = [*runs, *make_runs([space.candidates[0]] * 30, seed=1)]
    assert ask(space, paid, reserve=0.15).purpose == Purpose.NARROW


def test_a_training_that_goes_on_is_paid_for_once(space: Space, make_runs: MakeRuns) -> None:
    """72 trainings of 16 kimg are 1,152 kimg, of which the reserve is less than one more; with their rungs 1,728."""
    large = [replace(each, kimg=8.0) for each in space.candidates if each.parameters > 5_000]
    runs = make_runs(large * 3)
    pending = [Training(candidate=replace(run.candidate, kimg=16.0), seed=run.seed) for run in runs]
    assert ask(space, runs, pending=pending, reserve=16 / 1_400).purpose == Purpose.NARROW
    assert ask(space, runs, pending=pending, reserve=16 / 1_100).purpose == Purpose.BELOW


def test_a_settled_limit_leaves_nothing_to_narrow(space: Space) -> None:
    def certain(value_of: dict[int, float]) -> list[Run]:
        sizes = sorted({each.parameters for each in space.candidates})
        return [
            Run(candidate=each, seed=seed, value=value_of[sizes.index(each.parameters)])
            for each in space.candidates
            for seed in range(20)
        ]

    low = min(each.parameters for each in space.candidates)
    middle = ask(space, certain({n: 2.0 if n < 5 else -2.0 for n in range(10)}))
    assert (middle.purpose, middle.candidate.parameters < 7_594) == (Purpose.BELOW, True)
    nowhere = ask(space, certain(dict.fromkeys(range(10), 2.0)))
    assert (nowhere.purpose, nowhere.seed) == (Purpose.BELOW, 20)
    everywhere = ask(space, certain(dict.fromkeys(range(10), -2.0)))
    assert everywhere.candidate.parameters == low
