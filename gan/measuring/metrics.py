"""This module has metrics as pure functions: features -> statistics -> number, in float64.

Shapes: N samples, F features, K classes, C H W image channels, height and width.
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.special
import torch

from gan.errors import AbsentScoreError, GanError

KID_SUBSETS = 100
NEIGHBOUR = 3  # to which a ball of a manifold reaches
SMALLEST_MANIFOLD = 20 * NEIGHBOUR + 1  # of a ball that holds a twentieth of the other samples: less is not local
LARGEST_MANIFOLD = 10_000  # whose distances, each to each, are computed

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """FeatureStatistics hold mean (F) and unbiased covariance (FF) of the features of `count` samples.

    Of published statistics the count is unknown, None.
    """

    mean: Array
    covariance: Array
    _: KW_ONLY
    count: int | None

    @classmethod
    def of(cls, features_NF: npt.ArrayLike) -> "FeatureStatistics":
        """Returns the statistics of features NF.

        Raises AbsentScoreError for fewer than 2F samples, where the covariance says little, and GanError for
        features that are not finite.
        """
        features = np.asarray(features_NF, dtype=np.float64)
        count, size = features.shape
        if count < 2 * size:
            raise AbsentScoreError(
                f"FID needs at least 2 * {size} samples for {size} features",
                count,
                "Raise evaluation.num_samples, or use more images.",
            )
        return cls.of_few(features)

    @classmethod
    def of_few(cls, features_NF: npt.ArrayLike) -> "FeatureStatistics":
        """Returns the statistics of any number of samples, against which sets of one size are put in order.

        Raises GanError for features that are not finite.
        """
        features = np.asarray(features_NF, dtype=np.float64)
        count, size = features.shape
        if not np.isfinite(features).all():
            raise GanError(
                "FID needs finite features",
                f"{int((~np.isfinite(features)).sum())} NaN or infinite values",
                "The generator has diverged, or the extractor is damaged.",
            )
        return cls(features.mean(axis=0), np.cov(features, rowvar=False).reshape(size, size), count=count)

    @cached_property
    def covariance_root(self) -> Array:
        """Returns the symmetric square root of the covariance, FF."""
        values, vectors = scipy.linalg.eigh(self.covariance)
        root: Array = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
        return root


def fid(real: FeatureStatistics, fake: FeatureStatistics) -> float:
    """Returns the Fréchet distance of two Gaussians (Heusel et al., 2017).

    It is |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) with means m and covariances C.

    tr (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is
    symmetric: no complex rounding, and `real`'s root is computed once for many `fake`.
    """
    product = real.covariance_root @ fake.covariance @ real.covariance_root
    eigenvalues = scipy.linalg.eigvalsh((product + product.T) / 2).clip(min=0)
    shift = real.mean - fake.mean
    trace = np.trace(real.covariance) + np.trace(fake.covariance) - 2 * np.sqrt(eigenvalues).sum()
    return float(shift @ shift + trace)


def fid_of_few(real: FeatureStatistics, features_NF: npt.ArrayLike) -> float:
    """Returns the Fréchet distance of any number of samples, to be compared with equally many alone.

    Below 2F samples its bias is large, and equal for equal numbers. With N samples of fewer than F features'
    number the eigenvalues are those of the N x N matrix X C X^T, X the centred features: no F x F root is needed.
    """
    features = np.asarray(features_NF, dtype=np.float64)
    count, size = features.shape
    mean = features.mean(axis=0)
    centred = (features - mean) / np.sqrt(count - 1)
    if count >= size:
        return fid(real, FeatureStatistics(mean, centred.T @ centred, count=count))
    eigenvalues = scipy.linalg.eigvalsh(centred @ real.covariance @ centred.T).clip(min=0)
    shift = real.mean - mean
    trace = np.trace(real.covariance) + np.square(centred).sum() - 2 * np.sqrt(eigenvalues).sum()
    return float(shift @ shift + trace)


def fid_at_infinity(real: FeatureStatistics, features_NF: npt.ArrayLike, *, sizes: int = 15) -> float:
    """Returns FID extrapolated to infinitely many samples (Chong & Forsyth, 2020, "Effectively unbiased FID").

    FID grows by about c / n for n samples, with a c that depends on the generator; a line through the FIDs of
    the first n samples over 1 / n, for `sizes` values of n from N / 10 (at least 2F) to N, meets 1 / n = 0 here.
    It removes the bias of the generated samples, not that of the real ones. Raises AbsentScoreError for fewer than
    4F.
    """
    features = np.asarray(features_NF)
    count, size = features.shape
    if count < 4 * size:
        raise AbsentScoreError(
            f"FID at infinity needs at least 4 * {size} samples for {size} features",
            count,
            "Raise evaluation.num_samples, or set evaluation.fid_infinity: false.",
        )
    counts = np.linspace(max(count // 10, 2 * size), count, sizes).astype(int)
    values = [fid(real, FeatureStatistics.of(features[:n])) for n in counts]
    _, intercept = np.polyfit(1 / counts, values, 1)
    return float(intercept)


def kid(
    real_MF: npt.NDArray[np.float32], fake_NF: npt.NDArray[np.float32], *, subsets: int = KID_SUBSETS
) -> tuple[float, float]:
    """Returns the Kernel Inception Distance (Binkowski et al., 2018) and its standard error, by torch-fidelity.

    The mean of the unbiased squared MMD over `subsets` of m samples, m = min(1000, half of the fewer
    samples n). Its standard error follows from the subsets' standard deviation s as s * sqrt(f / (1 - f)),
    f = m / n: what subsampling without replacement leaves of the spread. Raises AbsentScoreError for n below
    KID_SUBSETS, whose spread would be of the same few samples again and again.
    """
    fewer = min(len(real_MF), len(fake_NF))
    if fewer < KID_SUBSETS:
        raise AbsentScoreError(
            f"KID over {KID_SUBSETS} subsets needs at least {KID_SUBSETS} samples of each side",
            fewer,
            "Raise evaluation.num_samples, or use more images.",
        )
    from torch_fidelity.metric_kid import kid_features_to_metric  # half a second to import

    subset = min(1000, fewer // 2)
    found = kid_features_to_metric(
        torch.from_numpy(fake_NF).double(),  # float32 products differ in the seventh digit with how they are split
        torch.from_numpy(real_MF).double(),
        kid_subsets=subsets,
        kid_subset_size=subset,
        verbose=False,
    )
    share = subset / fewer
    error = found["kernel_inception_distance_std"] * np.sqrt(share / (1 - share))
    return found["kernel_inception_distance_mean"], float(error)


def precision_and_recall(real_MF: npt.NDArray[np.float32], fake_NF: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Returns improved precision and recall in [0, 1] (Kynkäänniemi et al., 2019), by torch-fidelity.

    A manifold is made of balls around its samples, each of which reaches to the third neighbour.

    The share of generated samples within the real ones' manifold, and of real within the generated. Raises
    AbsentScoreError for fewer than SMALLEST_MANIFOLD samples of either: the balls of four samples hold all of them,
    whatever was generated. Raises it for more than LARGEST_MANIFOLD as well.
    """
    fewer, more = sorted((len(real_MF), len(fake_NF)))
    if fewer < SMALLEST_MANIFOLD:
        raise AbsentScoreError(
            f"A manifold of third neighbours needs at least {SMALLEST_MANIFOLD} samples of each side",
            fewer,
            "Raise evaluation.num_samples, or use more images.",
        )
    if more > LARGEST_MANIFOLD:
        raise AbsentScoreError(
            f"A manifold has at most {LARGEST_MANIFOLD:,} samples of each side",
            f"{more:,}",
            "Lower evaluation.num_samples.",
        )
    from torch_fidelity.metric_prc import prc_features_to_metric

    # Distances a thousand rows at a time: all of ten thousand samples at once would be gigabytes.
    found = prc_features_to_metric(
        torch.from_numpy(fake_NF),
        torch.from_numpy(real_MF),
        prc_neighborhood=NEIGHBOUR,
        prc_batch_size=1000,
        save_cpu_ram=True,
        verbose=False,
    )
    return found["precision"], found["recall"]


def inception_score(logits_NK: npt.ArrayLike | None, splits: int = 10) -> tuple[float, float]:
    """Returns exp(E_x KL(p(y|x) || p(y))), its mean and deviation over `splits` (Salimans et al., 2016).

    The score lies between 1 and K. Raises AbsentScoreError without classes, for fewer than two, of which it would be
    1 whatever was generated, and for fewer samples than splits; GanError for logits that are not finite.
    """
    logits = np.empty((0, 0)) if logits_NK is None else np.asarray(logits_NK, dtype=np.float64)
    if logits.shape[1] < 2:
        raise AbsentScoreError(
            "Inception Score needs an extractor of at least two classes",
            "one" if logits.shape[1] else "one without classes",
            "Judge by FID, or choose an extractor with classes.",
        )
    if len(logits) < splits:
        raise AbsentScoreError(
            f"Inception Score over {splits} splits needs at least as many samples",
            len(logits),
            "Raise evaluation.num_samples or lower evaluation.inception_splits.",
        )
    if not np.isfinite(logits).all():
        raise GanError(
            "Inception Score needs finite logits",
            f"{int((~np.isfinite(logits)).sum())} NaN or infinite values",
            "The generator has diverged, or the extractor is damaged.",
        )
    log_p = logits - scipy.special.logsumexp(logits, axis=1, keepdims=True)
    scores = []
    for part in np.array_split(log_p, splits):
        log_marginal = scipy.special.logsumexp(part, axis=0) - np.log(len(part))
        divergence_N = (np.exp(part) * (part - log_marginal)).sum(axis=1)
        scores.append(np.exp(divergence_N.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def sharpness(images_NCHW: npt.NDArray[np.uint8]) -> float:
    """Returns the mean Variance of Laplacian over images, in squared grey levels (0 to 255). Higher is sharper."""
    return float(np.mean([cv2.Laplacian(_grey(image), cv2.CV_64F).var() for image in images_NCHW]))


def _grey(image_CHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if len(image_CHW) == 1:
        return np.asarray(image_CHW[0])
    return np.asarray(cv2.cvtColor(image_CHW.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
