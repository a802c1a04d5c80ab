"""This module keeps the real images as measurements see them: computed once per data set and extractor, in a file.

Shapes: N training images, M of them kept one by one, F features.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gan.datasets import ImageDataset
from gan.errors import AbsentScoreError, ArtifactError
from gan.extractors.features import FeatureExtractor, extract
from gan.measuring.metrics import LARGEST_MANIFOLD, FeatureStatistics
from gan.seeds import generator_at

MOST_KEPT = LARGEST_MANIFOLD


@dataclass(frozen=True, eq=False)
class RealReference:
    """A RealReference holds statistics of all training images' features, and the features MF of up to MOST_KEPT.

    FID needs the statistics; KID, precision and recall need samples, which published statistics come without.

    >>> reference = RealReference.of(Classifier(ClassifierConfig(features=8), 1, num_classes=10).eval(), dataset)
    >>> reference.save(folder / "reference")
    >>> RealReference.load(folder / "reference").features_MF.shape
    (1438, 8)
    """

    statistics: FeatureStatistics
    features_MF: npt.NDArray[np.float32] | None = None

    @classmethod
    def of(cls, extractor: FeatureExtractor, dataset: ImageDataset) -> "RealReference":
        """Returns the training images' reference; a fixed choice is kept. Raises GanError for fewer than 2F images."""
        features_NF, _ = extract(extractor, dataset.train_images)
        order = torch.randperm(len(features_NF), generator=generator_at(0, "reference")).numpy()
        kept = features_NF if len(features_NF) <= MOST_KEPT else features_NF[np.sort(order[:MOST_KEPT])]
        return cls(FeatureStatistics.of(features_NF), kept)

    @property
    def samples(self) -> npt.NDArray[np.float32]:
        """Returns the features MF that were kept. Raises AbsentScoreError where there are statistics alone."""
        if self.features_MF is None:
            raise AbsentScoreError(
                "KID, precision and recall need features of real images",
                "published statistics alone",
                "Leave evaluation.reference out.",
            )
        return self.features_MF

    def save(self, path: Path) -> None:
        """Write it to `path`, all or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        statistics = self.statistics
        arrays: dict[str, npt.NDArray[Any]] = {"mean": statistics.mean, "covariance": statistics.covariance}
        if self.features_MF is not None:
            arrays["features"] = self.features_MF
        if statistics.count is not None:
            arrays["count"] = np.array(statistics.count)
        try:
            save_file({name: torch.from_numpy(array) for name, array in arrays.items()}, unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "RealReference":
        """Returns the reference at `path`. Raises ArtifactError."""
        try:
            found = load_file(path)
            count, features = found.get("count"), found.get("features")
            statistics = FeatureStatistics(
                found["mean"].numpy(), found["covariance"].numpy(), count=None if count is None else int(count)
            )
            return cls(statistics, None if features is None else features.numpy())
        except (OSError, KeyError, SafetensorError) as error:
            raise ArtifactError(
                "The real images' features are a file that ganlimit wrote",
                f"{path} ({error})",
                "Delete it and run the same command again.",
            ) from error
