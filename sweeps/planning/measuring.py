"""This module times what an evaluation takes beside the generator: its features and its scores.

What is extrapolated: features, sharpness and structural similarity are linear in the samples, as is a covariance; what
FID does with covariances grows with the third power of the features; KID with the square of its subsets' size, and
precision and recall with that of the samples. None is computed on all samples that a sweep evaluates.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gan import (
    Classifier,
    DataRoot,
    FeatureExtractor,
    SelfSupervised,
    SelfSupervisedConfig,
    find_weights,
    import_extractor,
    load_extractor,
)
from gan.datasets.images import HELD_OUT_FRACTION
from gan.extractors.features import extract
from gan.measuring.agreement import LINES, POINTS, SINGLE, mean_ssim
from gan.measuring.metrics import (
    KID_SUBSETS,
    FeatureStatistics,
    fid,
    inception_score,
    kid,
    precision_and_recall,
    sharpness,
)
from gan.measuring.reference import MOST_KEPT
from sweeps.planning.paces import clock_s, seconds_each
from sweeps.spec.models import OwnExtractorSpec, PretrainedSpec
from sweeps.spec.sweep import SweepSpec

EXTRACTED, EXTRACTION_S = 256, 0.4
ROWS, NARROW = 256, 256  # of features whose covariance is timed, and columns
COMPARED = 800  # samples whose kernels and distances are timed
TIMED_SUBSETS = 2
PAIRS = 16
TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """A Measuring has the seconds of an evaluation at a rung, and of what is measured at the end alone."""

    rung_s: float
    whole_s: float
    agreement_s: float


def time_measuring(spec: SweepSpec, data_root: DataRoot, *, images_NCHW: torch.Tensor) -> Measuring:
    """Returns what measuring `evaluation.num_samples` images like these takes.

    Raises GanError where the extractor is one of which the weights are not here.
    """
    network, samples = _network(spec, data_root, channels=images_NCHW.shape[1]), spec.evaluation.num_samples
    with torch.inference_mode():
        each_s = seconds_each(
            lambda count: extract(network, images_NCHW[:count]), most=EXTRACTED, budget_s=EXTRACTION_S
        )
        _, logits_NK = extract(network, images_NCHW[:2])
    each_s += seconds_each(lambda count: sharpness(images_NCHW[:count].numpy()), most=64, budget_s=0.05)
    if logits_NK is not None:
        logits = np.zeros((ROWS, logits_NK.shape[1]), dtype=np.float32)
        each_s += _seconds(lambda: inception_score(logits, 1)) / ROWS
    pairs = images_NCHW[:PAIRS].numpy()
    single_s = _seconds(lambda: mean_ssim(pairs, pairs)) / PAIRS
    return Measuring(
        rung_s=samples * each_s + _fid_s(spec.extractor.features, samples),
        whole_s=_whole_s(spec.extractor.features, samples, kept=kept_images(spec)),
        agreement_s=SINGLE * single_s,
    )


def agreement_images() -> int:
    """Returns how many images a student makes to be compared with its teacher's."""
    return SINGLE + LINES * POINTS


def _network(spec: SweepSpec, data_root: DataRoot, *, channels: int) -> FeatureExtractor:
    """Returns the extractor: an untrained one in place of one that is trained first, which takes as long."""
    extractor, device = spec.extractor, spec.resources.compute.torch_device
    if isinstance(extractor, PretrainedSpec):
        weights = find_weights(extractor.kind, extractor.weights_in(data_root), download=False)
        return load_extractor(extractor.kind, weights.path, device=device).network
    if isinstance(extractor, OwnExtractorSpec):
        return import_extractor(extractor.own, device)
    if isinstance(extractor, SelfSupervisedConfig):
        return SelfSupervised(extractor, channels, image_size=spec.dataset.image_shape[1]).eval().to(device)
    return Classifier(extractor, channels, num_classes=10).eval().to(device)


def _fid_s(features: int, samples: int) -> float:
    """Returns the seconds of a covariance of all samples, and of comparing it with that of the real images."""
    rows = np.random.default_rng(0).standard_normal((2 * NARROW, features))
    covariance_s = _seconds(lambda: np.cov(rows[:ROWS], rowvar=False)) * samples / ROWS
    narrow = min(features, NARROW)
    real, fake = (FeatureStatistics.of(rows[place : 2 * narrow, :narrow]) for place in (0, 0))
    real.covariance_root  # noqa: B018  # computed once for all evaluations
    return covariance_s + _seconds(lambda: fid(real, fake)) * (features / narrow) ** 3


def kept_images(spec: SweepSpec) -> int:
    """Returns about how many real images KID, precision and recall are computed with; no image is read for it."""
    dataset, most = spec.dataset, round(MOST_KEPT / (1 - HELD_OUT_FRACTION))
    known = {"digits": 1797}.get(dataset.name, dataset.num_images or most)
    if dataset.path is not None and (folder := Path(dataset.path)).is_dir():
        known = sum(1 for path in itertools.islice(folder.rglob("*"), most) if path.is_file())
    return min(MOST_KEPT, round(known * (1 - HELD_OUT_FRACTION)))


def _whole_s(features: int, samples: int, *, kept: int) -> float:
    real, fake = np.random.default_rng(0).standard_normal((2, COMPARED, features), dtype=np.float32)
    fewer = min(samples, kept)
    kid(real, fake, subsets=1)  # slow to import
    subset_s = _seconds(lambda: kid(real, fake, subsets=TIMED_SUBSETS)) / TIMED_SUBSETS
    kid_s = KID_SUBSETS * subset_s * (min(1000, fewer // 2) / (COMPARED // 2)) ** 2
    precision_and_recall(real[:100], fake[:100])
    distances_s = _seconds(lambda: precision_and_recall(real, fake))
    return kid_s + distances_s * ((samples + kept) / (2 * COMPARED)) ** 2 * (samples <= MOST_KEPT)


def _seconds(work: Callable[[], object]) -> float:
    """Returns the least of some tries: what is extrapolated from so little must have no hitch in it."""
    tries = []
    for _ in range(TRIES):
        began = clock_s()
        work()
        tries.append(clock_s() - began)
    return min(tries)
