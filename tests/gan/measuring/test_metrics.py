import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric

from gan import AbsentScoreError, GanError
from gan.measuring.metrics import (
    FeatureStatistics,
    fid,
    fid_at_infinity,
    inception_score,
    kid,
    precision_and_recall,
    sharpness,
)


def gaussian(mean: list[float], covariance: list[list[float]]) -> FeatureStatistics:
    return FeatureStatistics(np.array(mean, dtype=float), np.array(covariance, dtype=float), count=1000)


class TestFid:
    @pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
    def test_isotropic_gaussians_differ_by_dimension_times_the_squared_difference(self, scale: float) -> None:
        size = 5
        real = gaussian([0] * size, np.eye(size).tolist())
        fake = gaussian([0] * size, (scale**2 * np.eye(size)).tolist())
        assert fid(real, fake) == pytest.approx(size * (scale - 1) ** 2, abs=1e-12)

    def test_a_shift_counts_its_squared_length(self) -> None:
        identity = np.eye(2).tolist()
        assert fid(gaussian([0, 0], identity), gaussian([3, 4], identity)) == pytest.approx(25)

    def test_covariances_that_do_not_commute(self) -> None:
        real, fake = gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([0, 0], [[1, 0], [0, 4]])
        assert fid(real, fake) == pytest.approx(0.7712204476543416, rel=1e-12)
        assert fid(fake, real) == pytest.approx(0.7712204476543416, rel=1e-12)

    @pytest.mark.parametrize("dead_features", [0, 13])
    def test_equals_torch_fidelity_and_scipy(self, dead_features: int) -> None:
        # Dead ReLU features make the covariances singular, as a classifier's are.
        random = np.random.default_rng(0)
        real, fake = (random.standard_normal((600, 64)) @ random.standard_normal((64, 64)) for _ in range(2))
        real[:, :dead_features] = fake[:, :dead_features] = 0
        ours = fid(FeatureStatistics.of(real), FeatureStatistics.of(fake + 0.3))
        statistics = [fid_features_to_statistics(torch.from_numpy(f)) for f in (real, fake + 0.3)]
        theirs = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
        assert ours == pytest.approx(theirs, rel=1e-6)
        if not dead_features:
            covariances = np.cov(real.T) @ np.cov(fake.T)
            shift = real.mean(0) - fake.mean(0) - 0.3
            by_scipy = shift @ shift + np.trace(np.cov(real.T) + np.cov(fake.T))
            by_scipy -= 2 * np.trace(scipy.linalg.sqrtm(covariances)).real
            assert ours == pytest.approx(by_scipy, rel=1e-9)

    def test_too_few_samples_are_refused(self) -> None:
        with pytest.raises(GanError, match=r"at least 2 \* 64 samples for 64 features, got 127"):
            FeatureStatistics.of(np.zeros((127, 64)))
        FeatureStatistics.of(np.zeros((128, 64)))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_features_that_are_not_finite_are_refused(self, value: float) -> None:
        features = np.zeros((20, 4))
        features[3, 1] = value
        with pytest.raises(GanError, match="finite features, got 1 NaN or infinite"):
            FeatureStatistics.of(features)


class TestInceptionScore:
    def test_certain_and_balanced_predictions_score_the_number_of_classes(self) -> None:
        logits = np.tile(np.eye(10) * 100, (20, 1))
        assert inception_score(logits, splits=2) == pytest.approx((10.0, 0.0))

    def test_one_class_or_no_knowledge_scores_one(self) -> None:
        one_class = np.zeros((40, 10))
        one_class[:, 3] = 50
        assert inception_score(one_class, splits=4)[0] == pytest.approx(1)
        assert inception_score(np.zeros((40, 10)), splits=4)[0] == pytest.approx(1)

    def test_equals_torch_fidelity(self) -> None:
        logits = np.random.default_rng(1).standard_normal((500, 10)) * 3
        theirs = isc_features_to_metric(torch.from_numpy(logits), splits=10, shuffle=False)
        mean, std = inception_score(logits, splits=10)
        assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
        assert std == pytest.approx(theirs["inception_score_std"], rel=1e-9)

    def test_fewer_samples_than_splits_are_refused(self) -> None:
        with pytest.raises(GanError, match="10 splits"):
            inception_score(np.zeros((9, 3)), splits=10)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_logits_that_are_not_finite_are_refused(self, value: float) -> None:
        logits = np.zeros((40, 10))
        logits[3, 1] = value
        with pytest.raises(GanError, match="finite logits, got 1 NaN or infinite"):
            inception_score(logits)


class TestSharpness:
    def test_equals_scipys_laplacian(self) -> None:
        images = np.random.default_rng(2).integers(0, 256, (4, 1, 16, 16), dtype=np.uint8)
        expected = np.mean([scipy.ndimage.laplace(image[0].astype(float), mode="mirror").var() for image in images])
        assert sharpness(images) == pytest.approx(expected, rel=1e-9)

    def test_blur_lowers_it_and_a_flat_image_has_none(self) -> None:
        images = np.random.default_rng(3).integers(0, 256, (4, 3, 16, 16), dtype=np.uint8)
        blurred = scipy.ndimage.gaussian_filter(images, sigma=(0, 0, 1, 1))
        assert sharpness(np.full((2, 3, 16, 16), 90, dtype=np.uint8)) == 0
        assert sharpness(blurred) < sharpness(images)


def samples(count: int, shift: float = 0.0, seed: int = 0, size: int = 8) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((count, size)) + shift / np.sqrt(size)).astype(np.float32)


class TestKernelDistance:
    def test_equals_the_unbiased_estimate_by_scikit_learns_kernel(self) -> None:
        real, fake = samples(1500, seed=1), samples(1500, shift=1.0, seed=2)
        same = [polynomial_kernel(part, degree=3, gamma=1 / 8, coef0=1) for part in (real, fake)]
        across = polynomial_kernel(real, fake, degree=3, gamma=1 / 8, coef0=1)
        pairs = [(kernel.sum() - kernel.trace()) / (1500 * 1499) for kernel in same]
        distance, error = kid(real, fake)
        assert distance == pytest.approx(sum(pairs) - 2 * across.mean(), abs=error / 2)

    def test_its_standard_error_is_the_spread_over_fresh_samples(self) -> None:
        found = [kid(samples(400, seed=n), samples(400, shift=1.0, seed=1000 + n)) for n in range(30)]
        distances, errors = zip(*found, strict=True)
        assert 0.6 < np.mean(errors) / np.std(distances) < 1.6

    def test_its_products_have_the_digits_that_float64_has(self) -> None:
        real, fake = samples(200, seed=1, size=64), samples(200, shift=200.0, seed=2, size=64)
        exact = kid(real.astype(np.float64), fake.astype(np.float64))
        assert kid(real, fake) == exact, "however float32 would round them"

    def test_fewer_samples_than_its_subsets_give_none(self) -> None:
        with pytest.raises(AbsentScoreError, match="at least 100 samples of each side, got 99"):
            kid(samples(99), samples(200))
        assert kid(samples(100), samples(200))[1] > 0


class TestPrecisionAndRecall:
    def test_the_same_samples_are_all_covered(self) -> None:
        assert precision_and_recall(samples(200), samples(200)) == (1.0, 1.0)

    def test_a_collapsed_generator_is_precise_and_recalls_nothing(self) -> None:
        real = samples(500)
        fake = real[:1] + 1e-3 * samples(500, seed=4)
        precision, recall = precision_and_recall(real, fake)
        assert precision == 1
        assert recall < 0.01

    def test_samples_far_away_are_not_precise(self) -> None:
        precision, _ = precision_and_recall(samples(300), samples(300, shift=50))
        assert precision == 0

    def test_a_dropped_mode_shows_with_the_fewest_samples_that_are_taken(self) -> None:
        real = np.concatenate([samples(31), samples(30, shift=20)])
        precision, recall = precision_and_recall(real, samples(61, seed=4))
        assert precision > 0.5
        assert 0.25 < recall < 0.55

    def test_fewer_samples_than_make_a_manifold_give_none_and_neither_do_more_than_are_kept(self) -> None:
        for real, fake, got in ((60, 200, "60"), (200, 60, "60"), (61, 10_001, "10,001")):
            with pytest.raises(AbsentScoreError, match=f"samples of each side, got {got}"):
                precision_and_recall(samples(real), samples(fake))


class TestFidAtInfinity:
    def test_is_nearer_to_the_truth_than_the_fid_of_few_samples(self) -> None:
        size = 16
        real = gaussian([0] * size, np.eye(size).tolist())
        plain, extrapolated = [], []
        for seed in range(10):
            fake = samples(600, shift=1.0, seed=seed, size=size)
            plain.append(fid(real, FeatureStatistics.of(fake)))
            extrapolated.append(fid_at_infinity(real, fake))
        assert np.mean(plain) > 1.15
        assert np.mean(extrapolated) == pytest.approx(1, abs=0.1)

    def test_too_few_samples_are_refused(self) -> None:
        with pytest.raises(GanError, match=r"at least 4 \* 8 samples"):
            fid_at_infinity(gaussian([0] * 8, np.eye(8).tolist()), samples(31))
