"""The hyperparameters of a surface: their likelihood, its gradient, and that they are found again."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from analysis import AnalysisError
from analysis.seeking.covariance import Scales, covariance, noise_covariance, prior_mean
from analysis.seeking.scales import MOST_RUNS, Problem, fitted_scales, log_likelihood, problem_of, scales_at, theta_of
from analysis.seeking.space import Run, Space
from tests.analysis.seeking.conftest import MakeRuns, student

SCALES = Scales(amplitude=0.6, lengths=(1.3, 2.0, 0.9, 1.1), own=0.2, noise=0.15, growth=0.8)


@pytest.fixture
def problem(space: Space, make_runs: MakeRuns) -> Problem:
    """Returns runs with two seeds of some students, and two rungs of one training."""
    first = make_runs([*space.candidates[::3], *space.candidates[::5]])
    rung = Run(candidate=student(1_000, weight=0.0, kimg=4.0), seed=first[0].seed, value=2.5)
    return problem_of(space, [*first, rung])


def test_the_likelihood_is_that_of_a_normal_distribution(problem: Problem) -> None:
    space, points = problem.space, problem.points
    total_NN = covariance(points, points, space=space, scales=SCALES) + noise_covariance(space, points, scales=SCALES)
    value, _ = log_likelihood(problem, theta_of(SCALES))
    assert value == pytest.approx(multivariate_normal.logpdf(problem.apart_N, cov=total_NN), abs=1e-8)


def test_its_gradient_is_that_of_finite_differences(problem: Problem) -> None:
    theta_T = theta_of(SCALES)
    _, slope_T = log_likelihood(problem, theta_T)
    near_T = approx_fprime(theta_T, lambda theta: log_likelihood(problem, theta)[0], 1e-6)
    assert slope_T == pytest.approx(near_T, abs=2e-3, rel=1e-3)


def test_theta_holds_them_all() -> None:
    again = scales_at(theta_of(SCALES))
    assert theta_of(again) == pytest.approx(theta_of(SCALES))
    assert again.growth == SCALES.growth


def test_noise_and_own_parts_are_found_again(space: Space) -> None:
    candidates = [each for each in space.candidates for _ in range(4)]
    points = space.points(candidates, seeds=range(len(candidates)))
    total_NN = covariance(points, points, space=space, scales=SCALES) + noise_covariance(space, points, scales=SCALES)
    values_N = np.random.default_rng(1).multivariate_normal(prior_mean(space, points), total_NN)
    runs = [
        Run(candidate=each, seed=seed, value=float(value))
        for seed, (each, value) in enumerate(zip(candidates, values_N, strict=True))
    ]
    found = fitted_scales(space, runs)
    assert found.noise == pytest.approx(SCALES.noise, rel=0.2)
    assert found.own == pytest.approx(SCALES.own, rel=0.35)
    assert found.growth == pytest.approx(SCALES.growth, abs=0.5)
    again = fitted_scales(space, runs, start=found)
    assert theta_of(again) == pytest.approx(theta_of(found), abs=0.02)


def test_many_runs_are_thinned_in_proportion_at_each_size(space: Space, make_runs: MakeRuns) -> None:
    small = min(each.parameters for each in space.candidates)
    runs = make_runs([each for each in space.candidates for _ in range(60 if each.parameters == small else 10)])
    assert len(runs) == 2 * MOST_RUNS
    size_N = problem_of(space, runs).points.x_NF[:, 0]
    assert len(size_N) == MOST_RUNS
    assert np.unique(size_N, return_counts=True)[1] == pytest.approx([120, *[20] * 9], abs=2)


def test_a_training_twice_at_one_budget_is_refused(space: Space, make_runs: MakeRuns) -> None:
    runs = make_runs(space.candidates[:3])
    with pytest.raises(AnalysisError, match=r"once at each budget, got seed 1 of a student of 1,000 .* at 16 kimg"):
        fitted_scales(space, [*runs, runs[1]])
