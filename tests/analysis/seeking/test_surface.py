"""The surface over students, against scikit-learn's Gaussian process and closed forms."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Kernel, Matern

from analysis import AnalysisError
from analysis.seeking.covariance import (
    LUCK,
    SLOPES_APART,
    Scales,
    basis,
    noise_at,
    noise_covariance,
    prior_mean,
)
from analysis.seeking.space import Run, Space, Training
from analysis.seeking.surface import surface_of, tempered
from tests.analysis.seeking.conftest import MakeRuns, student

SCALES = Scales(amplitude=0.6, lengths=(1.3, 2.0, 0.9, 1.1), own=0.2, noise=0.15, growth=0.8)


class Columns(Kernel):  # type: ignore[misc]
    """A kernel of scikit-learn on some of the columns alone."""

    def __init__(self, kernel: Kernel, first: int, last: int) -> None:
        self.kernel, self.first, self.last = kernel, first, last

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        return self.kernel(X[:, self.first : self.last], None if Y is None else Y[:, self.first : self.last])

    def diag(self, X: Any) -> Any:
        return self.kernel.diag(X[:, self.first : self.last])

    def is_stationary(self) -> bool:
        return False

    @property
    def theta(self) -> Any:
        return np.array([])

    @theta.setter
    def theta(self, theta: Any) -> None:
        assert not len(theta)

    @property
    def bounds(self) -> Any:
        return np.empty((0, 2))


def test_it_is_the_posterior_of_scikit_learn(space: Space, make_runs: MakeRuns) -> None:
    """Lines and students' own parts are linear kernels there, on columns of their own."""
    runs = make_runs([*space.candidates[::3], *space.candidates[:4], student(2_000, block="separable", kimg=4.0)])
    rows = [*(run.candidate for run in runs), *space.candidates]
    points = space.points(rows, seeds=[*(run.seed for run in runs), *[None] * len(space.candidates)])
    own = SCALES.own * np.eye(points.student_N.max() + 1)[points.student_N]
    linear = np.concatenate([basis(space, points) * SLOPES_APART, own], axis=1)
    x, split = np.concatenate([points.x_NF, linear], axis=1), points.x_NF.shape[1]
    near = ConstantKernel(SCALES.amplitude**2) * Matern(np.array(SCALES.lengths)[space.groups], nu=2.5)
    kernel = Columns(near, 0, split) + Columns(DotProduct(1e-12), split, x.shape[1])
    seen, expected = points.rows(slice(len(runs))), prior_mean(space, points)
    theirs = GaussianProcessRegressor(kernel, alpha=noise_at(space, seen, scales=SCALES) ** 2, optimizer=None)
    theirs.fit(x[: len(runs)], np.array([run.value for run in runs]) - expected[: len(runs)])
    mean_C, covariance_CC = theirs.predict(x[len(runs) :], return_cov=True)
    ours = surface_of(space, runs, scales=SCALES)
    assert ours.mean_C == pytest.approx(mean_C + expected[len(runs) :], abs=1e-9)
    assert ours.covariance_CC == pytest.approx(covariance_CC, abs=1e-9)


def test_before_the_first_run_quality_improves_with_size(space: Space) -> None:
    surface = surface_of(space, [], scales=SCALES)
    assert np.all(np.diff(surface.mean_C[::4]) < 0)
    assert surface.mean_C.max() == pytest.approx(-surface.mean_C.min()), "the rule is crossed in the middle"


def test_many_seeds_tell_a_students_own_quality(space: Space) -> None:
    chosen = space.candidates[17]
    runs = [Run(candidate=chosen, seed=seed, value=0.4) for seed in range(4_000)]
    surface = surface_of(space, runs[:400], scales=SCALES)
    noise = surface.noise_C[17]
    assert surface.mean_C[17] == pytest.approx(0.4, abs=1e-3)
    assert surface.covariance_CC[17, 17] == pytest.approx(noise**2 / 400, rel=0.01), "the noise of a mean of 400"
    twin = surface.covariance_CC[16, 16]
    assert twin > 2 * SCALES.own**2 * 0.9, "a student beside it keeps its own, and does not know the other's"


def test_pending_narrows_and_moves_nothing(space: Space, make_runs: MakeRuns) -> None:
    runs, pending = make_runs(space.candidates[::3]), [Training(candidate=c, seed=99) for c in space.candidates[5:8]]
    before = surface_of(space, runs, scales=SCALES)
    during = surface_of(space, runs, scales=SCALES, pending=pending)
    assert during.mean_C == pytest.approx(before.mean_C, abs=1e-9)
    assert np.all(np.diag(during.covariance_CC) < np.diag(before.covariance_CC))
    ended = [*runs, *(Run(candidate=each.candidate, seed=each.seed, value=5.0) for each in pending)]
    after = surface_of(space, ended, scales=SCALES)
    assert during.covariance_CC == pytest.approx(after.covariance_CC, abs=1e-9), "whatever the values then are"


def test_pending_alone_leaves_what_was_expected(space: Space) -> None:
    pending = [Training(candidate=each, seed=0) for each in space.candidates[:3]]
    during = surface_of(space, [], scales=SCALES, pending=pending)
    assert during.mean_C == pytest.approx(surface_of(space, [], scales=SCALES).mean_C)


def test_a_pending_training_shares_the_luck_of_its_rungs(space: Space) -> None:
    rung = Run(candidate=student(3_375, kimg=4.0), seed=0, value=0.3)
    before = surface_of(space, [rung], scales=SCALES)
    during = surface_of(space, [rung], scales=SCALES, pending=[Training(candidate=student(3_375), seed=0)])
    ended = surface_of(space, [rung, Run(candidate=student(3_375), seed=0, value=0.1)], scales=SCALES)
    assert during.mean_C == pytest.approx(before.mean_C, abs=1e-9)
    assert during.covariance_CC == pytest.approx(ended.covariance_CC, abs=1e-9)


def test_a_training_twice_at_one_budget_is_refused(space: Space, make_runs: MakeRuns) -> None:
    runs = make_runs(space.candidates[:3])
    for again in ({"runs": [*runs, runs[1]]}, {"runs": runs, "pending": [runs[1]]}):
        with pytest.raises(AnalysisError, match=r"once at each budget, got seed 1 of a student of 1,000 .* at 16 kimg"):
            surface_of(space, scales=SCALES, **again)


def test_noise_grows_towards_small_sizes(space: Space) -> None:
    noise_C = surface_of(space, [], scales=SCALES).noise_C
    assert noise_C[0] / noise_C[-1] == pytest.approx(math.exp(SCALES.growth))
    assert math.sqrt(noise_C[0] * noise_C[-1]) == pytest.approx(SCALES.noise)


def test_the_rungs_of_one_training_share_their_luck(space: Space) -> None:
    rungs = [student(3_375, kimg=kimg) for kimg in (4.0, 16.0, 16.0)]
    points = space.points(rungs, seeds=[0, 0, 1])
    shared_NN = noise_covariance(space, points, scales=SCALES)
    assert shared_NN[0, 1] / shared_NN[0, 0] == pytest.approx(math.exp(-math.log(4) / LUCK))
    assert shared_NN[0, 2] == shared_NN[1, 2] == 0

    def left(*seeds: int) -> float:
        runs = [Run(candidate=each, seed=seed, value=0.1) for each, seed in zip(rungs[:2], seeds, strict=True)]
        return float(np.trace(surface_of(space, runs, scales=SCALES).covariance_CC))

    assert left(0, 1) < left(0, 0), "two trainings tell more than two moments of one"


def test_samples_have_its_mean_and_covariance(space: Space, make_runs: MakeRuns) -> None:
    surface = surface_of(space, make_runs(space.candidates[::7]), scales=SCALES)
    drawn_SC = surface.draw(20_000, np.random.default_rng(0))
    assert drawn_SC.mean(axis=0) == pytest.approx(surface.mean_C, abs=0.03)
    assert np.cov(drawn_SC.T) == pytest.approx(surface.covariance_CC, abs=0.03)


def test_what_fails_by_far_is_told_by_its_logarithm() -> None:
    assert [tempered(value) for value in (-3.0, 0.0, 1.0)] == [-3.0, 0.0, 1.0]
    assert tempered(math.e**2) == pytest.approx(3)
    assert (tempered(1 + 1e-6) - 1) / 1e-6 == pytest.approx(1, abs=1e-3), "without a corner"
