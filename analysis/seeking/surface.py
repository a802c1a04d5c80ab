"""This module models quality over a space of students as a Gaussian process.

Equations are those of Rasmussen and Williams, Gaussian Processes for Machine Learning (2006). Values are turned so that
lower is better, less the rule's threshold. Shapes: N runs (and what is pending), C candidates.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from analysis.seeking.covariance import Scales, covariance, noise_at, noise_covariance, prior_mean
from analysis.seeking.space import Candidate, Run, Space, Training, require_distinct
from analysis.trials import Floats


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A Mean is of the values of `count` trainings, or of one whose other rungs have the same `seed`."""

    candidate: Candidate
    seed: int | None
    value: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A Surface says what is known of each candidate's quality, its seeds' noise left out: jointly normal.

    `noise_C` is the standard deviation of a fresh seed.
    """

    candidates: tuple[Candidate, ...]
    mean_C: Floats
    covariance_CC: Floats
    noise_C: Floats

    def draw(self, samples: int, random: np.random.Generator) -> Floats:
        """Returns samples x candidates of surfaces that may be the true one."""
        jitter = 1e-9 * np.trace(self.covariance_CC) * np.eye(len(self.mean_C))
        root_CC = cholesky(self.covariance_CC + jitter, lower=True, check_finite=False)
        return np.asarray(self.mean_C + random.standard_normal((samples, len(self.mean_C))) @ root_CC.T)


def tempered(value: float) -> float:
    """Returns a value less the threshold, more than 1 above it (e times a FID) by its logarithm.

    How far a student fails that fails by far says nothing of the limit, and would stretch the surface and its noise.

    >>> tempered(-0.5), tempered(1.0), round(tempered(math.e), 2)
    (-0.5, 1.0, 2.0)
    """
    return value if value <= 1 else 1 + math.log(value)


def surface_of(space: Space, runs: Sequence[Run], *, scales: Scales, pending: Sequence[Training] = ()) -> Surface:
    """Returns the surface that `runs` leave, over the candidates of `space`.

    `pending` are trainings that have no value yet. They narrow what is known as if they had ended, and move nothing
    (Desautels, Krause and Burdick 2014, batches of bandits), so that many workers do not all try the same. Raises
    AnalysisError where a training is given twice at one budget.
    """
    require_distinct([*runs, *pending])
    rungs = Counter(each.key for each in [*runs, *pending])
    means = merged(runs, rungs=rungs)
    awaited = [Run(candidate=each.candidate, seed=each.seed, value=0.0) for each in pending]
    rows = [*means, *merged(awaited, rungs=rungs)]
    seeds = [*(row.seed for row in rows), *[None] * len(space.candidates)]
    points = space.points([*(row.candidate for row in rows), *space.candidates], seeds=seeds)
    seen, asked = points.rows(slice(len(rows))), points.rows(slice(len(rows), None))
    mean_C, prior_CC = prior_mean(space, asked), covariance(asked, asked, space=space, scales=scales)
    noise_C = noise_at(space, asked, scales=scales)
    if rows:
        known_NN = covariance(seen, seen, space=space, scales=scales)
        known_NN += noise_covariance(space, seen, scales=scales) / np.array([row.count for row in rows])
        # Of runs and pending. A symmetric matrix is its own transpose, which LAPACK takes without a copy.
        root_NN = cholesky(known_NN.T, lower=True, check_finite=False, overwrite_a=True)
        cross_NC = covariance(seen, asked, space=space, scales=scales)
        halved_NC = solve_triangular(root_NN, cross_NC, lower=True, check_finite=False)  # R & W, eq. 2.25 and 2.26
        prior_CC = prior_CC - halved_NC.T @ halved_NC
        # The first rows of a Cholesky factor are the factor of the first rows: the runs without what is pending.
        measured = len(means)
        apart_N = np.array([row.value for row in means]) - prior_mean(space, seen.rows(slice(measured)))
        told_N = solve_triangular(root_NN[:measured, :measured], apart_N, lower=True, check_finite=False)
        mean_C = mean_C + halved_NC[:measured].T @ told_N
    return Surface(candidates=space.candidates, mean_C=mean_C, covariance_CC=prior_CC, noise_C=noise_C)


def merged(runs: Sequence[Run], *, rungs: Mapping[tuple[object, ...], int]) -> list[Mean]:
    """Returns the mean over the seeds of each candidate, which says all that they do of the surface.

    A training that has several rungs, by `rungs` at its key, stays as it is: they share its luck.
    """
    groups: dict[tuple[Candidate, int | None], list[float]] = {}
    for run in runs:
        alone = rungs[run.key] == 1
        groups.setdefault((run.candidate, None if alone else run.seed), []).append(run.value)
    return [
        Mean(candidate=candidate, seed=seed, value=sum(each) / len(each), count=len(each))
        for (candidate, seed), each in groups.items()
    ]
