"""What a search believes, taken in training by training, against all of it at once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis import LimitRule
from analysis.seeking.belief import ASK, LUCK, SAMPLES, SURFACE, Belief, Beliefs, believed
from analysis.seeking.limit_search import LimitSearch
from analysis.seeking.next_run import NextRun, next_run
from analysis.seeking.scales import fitted_scales, usual_scales
from analysis.seeking.space import Run, Space, Training, space_of
from analysis.seeking.surface import surface_of
from analysis.seeking.values import Measured, runs_of
from tests.analysis.seeking.conftest import MakeRuns, student

RULE = LimitRule(metric="fid", threshold=10.0)
STEPS = (4, 5, 7, 9, 12, 15, 19, 24, 30)  # of rows, at which hyperparameters are chosen anew


def at_once(space: Space, runs: Sequence[Run], first: int, pending: Sequence[Training], *, seed: int) -> NextRun:
    """Returns the next training by the surface of all runs, its samples conditioned on the later ones in one go."""
    scales = fitted_scales(space, runs[:first]) if first else usual_scales(space)
    before = surface_of(space, runs[:first], scales=scales)
    quality_SC = before.draw(SAMPLES, np.random.default_rng([seed, SURFACE, first]))
    after = surface_of(space, runs, scales=scales)
    random = np.random.default_rng([seed, ASK, len(runs), len(pending), 0])
    new = [*runs[first:], *pending]
    if new:
        places = [space.candidates.index(each.candidate) for each in new]
        luck = [np.random.default_rng([seed, LUCK, n]).standard_normal(SAMPLES) for n in range(first, len(runs))]
        luck += list(random.standard_normal((SAMPLES, len(pending))).T) if pending else []
        values = [run.value for run in runs[first:]] + [after.mean_C[place] for place in places[len(runs) - first :]]
        noise = before.noise_C[places]
        known = before.covariance_CC[np.ix_(places, places)] + np.diag(noise**2)
        apart_SN = np.array(values) - noise * np.array(luck).T - quality_SC[:, places]
        quality_SC += np.linalg.solve(known, apart_SN.T).T @ before.covariance_CC[places]
    variance_C = np.diag(surface_of(space, runs, scales=scales, pending=pending).covariance_CC)
    belief = Belief(surface=after, quality_SC=quality_SC, variance_C=variance_C)
    return next_run(space, belief, begun=[*runs, *pending], random=random)


def random_space(random: np.random.Generator) -> Space:
    """Returns a space of some sizes, and of recipes that differ in what they are worth."""
    sizes = np.unique(random.integers(500, 60_000, size=14))
    kinds = [(weight, block) for weight in (0.0, 0.01, 0.1) for block in ("dcgan", "separable")]
    return space_of([student(int(size), weight=weight, block=block) for size in sizes for weight, block in kinds])


@pytest.mark.parametrize("seed", range(6))
def test_a_search_asks_what_it_would_if_all_were_computed_anew(seed: int) -> None:
    random = np.random.default_rng([1, seed])
    space = random_space(random)
    slope, middle = random.uniform(0.3, 1.5), np.log(random.uniform(2_000, 20_000))
    own = {each: 0.2 * random.standard_normal() for each in space.candidates}
    search = LimitSearch(space, RULE, threshold=10.0, seed=seed)
    rows: list[Measured] = []
    pending: list[NextRun] = []
    while len(rows) < 32:
        asked = search.next(rows, pending=pending)
        first = max((step for step in STEPS if step <= len(rows)), default=0)
        assert asked == at_once(space, runs_of(rows, RULE, threshold=10.0), first, pending, seed=seed)
        pending.append(asked)
        if len(pending) > len(rows) % 4:
            ended = pending.pop(int(random.integers(len(pending))))
            value = own[ended.candidate] - slope * (np.log(ended.candidate.parameters) - middle)
            quality = 10.0 * float(np.exp(value + 0.2 * random.standard_normal()))
            failed = random.random() < 0.1
            rows.append(Measured(candidate=ended.candidate, seed=ended.seed, quality=None if failed else quality))
    again = LimitSearch(space, RULE, threshold=10.0, seed=seed)
    assert again.next(rows, pending=pending) == search.next(rows, pending=pending), "resume is the same"


def test_samples_are_of_the_surface_that_all_runs_leave(space: Space, make_runs: MakeRuns) -> None:
    scales, runs = usual_scales(space), make_runs([*space.candidates[::3], *space.candidates[:4]])
    beliefs = Beliefs(space, seed=0)
    for count in (3, 5, len(runs)):
        found = beliefs.after(runs[:count], scales=scales, first=3)
    whole = surface_of(space, runs, scales=scales)
    assert found.surface.mean_C == pytest.approx(whole.mean_C, abs=1e-9)
    assert found.surface.covariance_CC == pytest.approx(whole.covariance_CC, abs=1e-9)
    spread_C = np.sqrt(np.diag(whole.covariance_CC))
    assert np.abs(found.quality_SC.mean(axis=0) - whole.mean_C).max() < 5 * spread_C.max() / np.sqrt(SAMPLES)
    assert found.quality_SC.std(axis=0) == pytest.approx(spread_C, rel=0.12)
    drawn = np.cov(found.quality_SC.T)
    assert drawn == pytest.approx(whole.covariance_CC, abs=0.15 * np.diag(whole.covariance_CC).max())


def test_pending_trainings_narrow_and_move_nothing(space: Space, make_runs: MakeRuns) -> None:
    scales, runs = usual_scales(space), make_runs(space.candidates[::5])
    pending = [Training(candidate=each, seed=99) for each in space.candidates[10:13]]
    beliefs, random = Beliefs(space, seed=0), np.random.default_rng(0)
    found = beliefs.awaiting(runs, scales=scales, first=0, pending=pending, random=random)
    whole = surface_of(space, runs, scales=scales, pending=pending)
    assert found.surface.mean_C == pytest.approx(whole.mean_C, abs=1e-9)
    assert found.variance_C == pytest.approx(np.diag(whole.covariance_CC), abs=1e-9)
    assert found.quality_SC.std(axis=0) == pytest.approx(np.sqrt(found.variance_C), rel=0.12)
    assert beliefs.after(runs, scales=scales, first=0).variance_C[10] > found.variance_C[10]


def test_rungs_and_other_students_are_taken_in_with_all_before_them(space: Space, make_runs: MakeRuns) -> None:
    other = replace(space.candidates[3], kimg=4.0)
    runs = make_runs(space.candidates[:6])
    rung = Run(candidate=other, seed=runs[3].seed, value=1.0)
    mixed = [*runs[:4], rung, *runs[4:]]
    scales, beliefs = usual_scales(space), Beliefs(space, seed=0)
    for count in range(len(mixed) + 1):
        found = beliefs.after(mixed[:count], scales=scales, first=0)
        assert found.surface.mean_C == pytest.approx(surface_of(space, mixed[:count], scales=scales).mean_C, abs=1e-9)
    pending = [Training(candidate=other, seed=7)]
    random = np.random.default_rng(0)
    found = beliefs.awaiting(mixed, scales=scales, first=0, pending=pending, random=random)
    anew = believed(space, mixed, scales=scales, random=np.random.default_rng(0), pending=pending)
    assert (found.quality_SC == anew.quality_SC).all()
