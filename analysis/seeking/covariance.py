"""This module says how alike the qualities of two students are before either is trained: a covariance function.

Equations are those of Rasmussen and Williams, Gaussian Processes for Machine Learning (2006). Values are turned so that
lower is better, less the rule's threshold. Shapes: N rows, F coordinates, G groups of them with a length each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.seeking.space import Points, Space
from analysis.trials import Floats

# What is known before the first run, in log quality over logarithms of parameters and kimg, with standard deviations.
SLOPES = (0.0, -0.8, -0.3)  # at the middle size; over size; over budget
SLOPES_APART = (1.5, 0.5, 0.3)
LUCK = 2.0  # over how many e-folds of kimg a seed's luck stays: measured on tests/data/curves.parquet


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Scales are the hyperparameters of a surface, all in the units of the values but for `lengths` and `growth`.

    `amplitude` is of the surface about straight lines, and `lengths` say over which distance of each group of
    coordinates it changes; `own` is of what a student has of its own, beside all near it; `noise` is that of a seed at
    the middle size, and at the smallest it is exp(`growth`) times that at the largest.
    """

    amplitude: float
    lengths: tuple[float, ...]
    own: float
    noise: float
    growth: float


def prior_mean(space: Space, points: Points) -> Floats:
    """Returns what is expected before the first run: quality that improves with size and budget."""
    return np.asarray(basis(space, points) @ np.array(SLOPES), dtype=np.float64)


def covariance(a: Points, b: Points, *, space: Space, scales: Scales) -> Floats:
    """Returns the covariance of the surface between the rows of `a` and of `b`.

    It is the sum of straight lines over size and budget (R & W, sec. 2.7), of a Matern kernel of order 5/2 with
    a length for each group of coordinates (eq. 4.17), and of what each student has of its own.
    """
    # In place: of thousands of runs the time goes into touching memory.
    s = squared_distances(a, b, space=space, lengths=scales.lengths)
    s *= 5
    np.sqrt(s, out=s)
    total = s / 3
    total += 1
    total *= s
    total += 1
    np.negative(s, out=s)
    total *= np.exp(s, out=s)
    total *= scales.amplitude**2
    total += (basis(space, a) * np.square(SLOPES_APART)) @ basis(space, b).T
    total[a.student_N[:, None] == b.student_N] += scales.own**2
    return np.asarray(total)


def noise_covariance(space: Space, points: Points, *, scales: Scales) -> Floats:
    """Returns the covariance of the seeds' luck: of one training at several budgets it is alike, else independent."""
    noise_N = noise_at(space, points, scales=scales)
    total_NN = np.diag(noise_N**2)
    trainings = np.stack([points.student_N, points.seed_N])
    _, training_N, rungs = np.unique(trainings, axis=1, return_inverse=True, return_counts=True)
    several = np.flatnonzero(rungs[training_N] > 1)
    kimg, training, noise = points.x_NF[several, 1], training_N[several], noise_N[several]
    alike = np.exp(-np.abs(kimg[:, None] - kimg) / LUCK) * (training[:, None] == training)
    total_NN[np.ix_(several, several)] = noise[:, None] * noise * alike
    return total_NN


def noise_at(space: Space, points: Points, *, scales: Scales) -> Floats:
    """Returns the standard deviation of a seed at each row."""
    return np.asarray(scales.noise * np.exp(scales.growth * smallness(space, points)))


def smallness(space: Space, points: Points) -> Floats:
    """Returns -1/2 at the largest size of the space and 1/2 at the smallest, linear over the logarithm."""
    low, high = space.size_range
    return np.asarray(((low + high) / 2 - points.x_NF[:, 0]) / (high - low))


def basis(space: Space, points: Points) -> Floats:
    """Returns the columns of which the straight lines are made: one, size from the middle, budget from the whole."""
    size_N, kimg_N = points.x_NF[:, 0], points.x_NF[:, 1]
    middle = sum(space.size_range) / 2
    return np.stack([np.ones_like(size_N), size_N - middle, kimg_N - math.log(space.final_kimg)], axis=1)


def squared_distances(a: Points, b: Points, *, space: Space, lengths: Sequence[float]) -> Floats:
    """Returns the squared distances between rows, each coordinate over its length."""
    scale_F = np.array(lengths)[space.groups]
    a_NF, b_NF = a.x_NF / scale_F, b.x_NF / scale_F
    middle_F = b_NF.mean(axis=0)  # near 0, so that the difference of large squares keeps its digits
    a_NF, b_NF = a_NF - middle_F, b_NF - middle_F
    # |a|^2 + |b|^2 - 2 a b, as one product
    ones_A, ones_B = np.ones((len(a_NF), 1)), np.ones((len(b_NF), 1))
    left = np.concatenate([-2 * a_NF, (a_NF**2).sum(axis=1, keepdims=True), ones_A], axis=1)
    right = np.concatenate([b_NF, ones_B, (b_NF**2).sum(axis=1, keepdims=True)], axis=1)
    squares = left @ right.T
    return np.asarray(np.maximum(squares, 0.0, out=squares))
