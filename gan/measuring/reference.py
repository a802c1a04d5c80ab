"""This module keeps the real images as measurements see them: computed once per data set and extractor, in a file.

Shapes: N training images, M of them kept one by one, F features.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gan.datasets import ImageDataset
from gan.errors import ArtifactError
from gan.extractors.features import FeatureExtractor, extract
from gan.measuring.metrics import LARGEST_MANIFOLD, FeatureStatistics
from gan.seeds import generator_at

MOST_KEPT = LARGEST_MANIFOLD


@dataclass(frozen=True, eq=False)
class RealReference:
    """A RealReference holds statistics of all training images' features, and the features MF of up to MOST_KEPT.

    FID needs the statistics; KID, precision and recall need samples.

    >>> reference = RealReference.of(Classifier(ClassifierConfig(features=8), 1, num_classes=10).eval(), dataset)
    >>> reference.save(folder / "reference")
    >>> RealReference.load(folder / "reference").features_MF.shape
    (1438, 8)
    """

    statistics: FeatureStatistics
    features_MF: npt.NDArray[np.float32]

    @classmethod
    def of(cls, extractor: FeatureExtractor, dataset: ImageDataset) -> "RealReference":
        """Returns the training images' reference; a fixed choice is kept. Raises GanError for fewer than 2F images."""
        features_NF, _ = extract(extractor, dataset.train_images)
        order = torch.randperm(len(features_NF), generator=generator_at(0, "reference")).numpy()
        kept = features_NF if len(features_NF) <= MOST_KEPT else features_NF[np.sort(order[:MOST_KEPT])]
        return cls(FeatureStatistics.of(features_NF), kept)

    def save(self, path: Path) -> None:
        """Write it to `path`, all or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        statistics = self.statistics
        tensors = {"mean": statistics.mean, "covariance": statistics.covariance, "features": self.features_MF}
        named = {name: torch.from_numpy(array) for name, array in tensors.items()}
        try:
            save_file({**named, "count": torch.tensor(statistics.count)}, unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "RealReference":
        """Returns the reference at `path`. Raises ArtifactError."""
        try:
            found = load_file(path)
            mean, covariance, features = (found[name].numpy() for name in ("mean", "covariance", "features"))
            return cls(FeatureStatistics(mean, covariance, count=int(found["count"])), features)
        except (OSError, KeyError, SafetensorError) as error:
            raise ArtifactError(
                "The real images' features are a file that ganlimit wrote",
                f"{path} ({error})",
                "Delete it and run the same command again.",
            ) from error
