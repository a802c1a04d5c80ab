"""This module chooses a surface's hyperparameters: those under which its runs are most probable, and which are usual.

Equations are those of Rasmussen and Williams, Gaussian Processes for Machine Learning (2006). The hyperparameters are
searched as logarithms, and the growth of the noise as it is: a vector theta of amplitude, lengths, own, noise, growth.
Shapes: N runs, G lengths, T = G + 4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from analysis.seeking.covariance import (
    Scales,
    covariance,
    noise_covariance,
    prior_mean,
    smallness,
    squared_distances,
)
from analysis.seeking.space import Points, Run, Space, require_distinct
from analysis.trials import Floats

# What is usual, as medians, and how far from it: standard deviations of logarithms, and of the growth itself.
AMPLITUDE, OWN, NOISE, GROWTH = 0.7, 0.1, 0.2, 0.5
SIZE_LENGTH, KIMG_LENGTH, LENGTH = 1.5, 2.0, 1.0
APART, GROWTH_APART = 0.7, 0.7
MOST_RUNS = 300  # by which they are chosen: more say little more, and cost their cube


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A Problem is runs as their likelihood takes them."""

    space: Space
    points: Points
    apart_N: Floats  # the values less what is expected before the first run


def usual_scales(space: Space) -> Scales:
    """Returns the hyperparameters that serve before the first run."""
    lengths = (SIZE_LENGTH, KIMG_LENGTH, *[LENGTH] * len(space.axes))
    return Scales(amplitude=AMPLITUDE, lengths=lengths, own=OWN, noise=NOISE, growth=GROWTH)


def fitted_scales(space: Space, runs: Sequence[Run], *, start: Scales | None = None) -> Scales:
    """Returns the hyperparameters of the highest posterior density, searched from `start` or from the usual ones.

    They need not be searched anew for every run: `start` with what the last search found is quick. Of many runs
    MOST_RUNS serve.
    """
    usual = usual_scales(space)
    if not runs:
        return usual
    problem = problem_of(space, runs)
    middle_T, first_T = theta_of(usual), theta_of(start or usual)
    apart_T = np.array([APART] * (len(middle_T) - 1) + [GROWTH_APART])
    # Beyond four standard deviations a matrix may have no root.
    bounds = list(zip(middle_T - 4 * apart_T, middle_T + 4 * apart_T, strict=True))

    def cost(theta_T: Floats) -> tuple[float, Floats]:
        value, slope_T = log_likelihood(problem, theta_T)
        from_T = (theta_T - middle_T) / apart_T
        return 0.5 * float(from_T @ from_T) - value, from_T / apart_T - slope_T

    return scales_at(minimize(cost, first_T, jac=True, method="L-BFGS-B", bounds=bounds).x)


def problem_of(space: Space, runs: Sequence[Run]) -> Problem:
    """Returns the runs, or MOST_RUNS of them: of each size in proportion to how many it has.

    Raises AnalysisError where a training is given twice at one budget.
    """
    require_distinct(runs)
    by_size = sorted(runs, key=lambda run: run.candidate.parameters)
    chosen = [by_size[place] for place in np.unique(np.linspace(0, len(runs) - 1, MOST_RUNS).astype(int))]
    points = space.points([run.candidate for run in chosen], seeds=[run.seed for run in chosen])
    apart_N = np.array([run.value for run in chosen]) - prior_mean(space, points)
    return Problem(space=space, points=points, apart_N=apart_N)


def log_likelihood(problem: Problem, theta_T: Floats) -> tuple[float, Floats]:
    """Returns the logarithm of the runs' density (R & W, eq. 5.8), and its gradient (eq. 5.9)."""
    space, points, scales = problem.space, problem.points, scales_at(theta_T)
    noise_NN = noise_covariance(space, points, scales=scales)
    root_NN = cholesky(
        covariance(points, points, space=space, scales=scales) + noise_NN, lower=True, check_finite=False
    )
    inverse_NN = cho_solve((root_NN, True), np.eye(len(root_NN)), check_finite=False)
    alpha_N = inverse_NN @ problem.apart_N
    logs = 2 * float(np.log(np.diag(root_NN)).sum()) + len(alpha_N) * math.log(2 * math.pi)
    value = -0.5 * (float(problem.apart_N @ alpha_N) + logs)
    weight_NN = 0.5 * (np.outer(alpha_N, alpha_N) - inverse_NN)
    slopes = [float((weight_NN * each_NN).sum()) for each_NN in _slopes(problem, scales, noise_NN=noise_NN)]
    return value, np.array(slopes)


def _slopes(problem: Problem, scales: Scales, *, noise_NN: Floats) -> list[Floats]:
    """Returns how the covariance of the runs changes with each hyperparameter."""
    space, points = problem.space, problem.points
    s = np.sqrt(5 * squared_distances(points, points, space=space, lengths=scales.lengths))
    shrunk_NN = scales.amplitude**2 * np.exp(-s)
    lengths = []
    for group, length in enumerate(scales.lengths):
        x_NF = points.x_NF[:, space.groups == group]
        squares_NN = ((x_NF[:, None] - x_NF) ** 2).sum(axis=2)
        lengths.append(5 / 3 * shrunk_NN * (1 + s) * squares_NN / length**2)
    small_N = smallness(space, points)
    return [
        2 * shrunk_NN * (1 + s + s * s / 3),
        *lengths,
        2 * scales.own**2 * (points.student_N[:, None] == points.student_N),
        2 * noise_NN,
        noise_NN * (small_N[:, None] + small_N),
    ]


def theta_of(scales: Scales) -> Floats:
    """Returns hyperparameters as the search has them."""
    positive = np.log([scales.amplitude, *scales.lengths, scales.own, scales.noise])
    return np.append(positive, scales.growth)


def scales_at(theta_T: Floats) -> Scales:
    """Returns the hyperparameters that the search has as `theta_T`."""
    amplitude, *lengths, own, noise = np.exp(theta_T[:-1]).tolist()
    return Scales(amplitude=amplitude, lengths=tuple(lengths), own=own, noise=noise, growth=float(theta_T[-1]))
