"""This module keeps the real images as measurements see them: computed once per data set and extractor, in a file.

Shapes: N training images, M of them kept one by one, F features.
"""

import os
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan.datasets import ImageDataset
from gan.digests import array_digest, value_digest
from gan.errors import DAMAGED, AbsentScoreError, ArtifactError
from gan.extractors.features import FeatureExtractor, extract
from gan.measuring.metrics import LARGEST_MANIFOLD, FeatureStatistics
from gan.seeds import generator_at

MOST_KEPT = LARGEST_MANIFOLD
_DIGEST = "digest"


@dataclass(frozen=True, eq=False)
class RealReference:
    """A RealReference holds statistics of all training images' features, and the features MF of up to MOST_KEPT.

    FID needs the statistics, and FID per class those of the classes; KID, precision and recall need samples. Published
    statistics come without either.

    >>> reference = RealReference.of(Classifier(ClassifierConfig(features=8), 1, num_classes=10).eval(), dataset)
    >>> reference.save(folder / "reference")
    >>> RealReference.load(folder / "reference").features_MF.shape
    (1438, 8)
    """

    statistics: FeatureStatistics
    features_MF: npt.NDArray[np.float32] | None = None
    _: KW_ONLY
    classes: Mapping[int, FeatureStatistics] = field(default_factory=dict)

    @classmethod
    def of(
        cls, extractor: FeatureExtractor, dataset: ImageDataset, *, num_classes: int = 0, few: bool = False
    ) -> "RealReference":
        """Returns the training images' reference; a fixed choice is kept.

        It has the statistics of each class of 2F images or more where the data set has exactly `num_classes`.
        few: fewer than 2F images are taken, for an examination. Raises GanError for them without it.
        """
        if not few:
            require_enough(dataset, extractor.num_features)
        features_NF, _ = extract(extractor, dataset.train_images)
        labels_N = dataset.train_labels.numpy()
        labels = range(num_classes) if num_classes == dataset.num_classes else ()
        parts = {label: features_NF[labels_N == label] for label in labels}
        enough = {label: own for label, own in parts.items() if len(own) >= 2 * features_NF.shape[1]}
        order = torch.randperm(len(features_NF), generator=generator_at(0, "reference")).numpy()
        kept = features_NF if len(features_NF) <= MOST_KEPT else features_NF[np.sort(order[:MOST_KEPT])]
        classes = {label: FeatureStatistics.of(own) for label, own in enough.items()}
        return cls(FeatureStatistics.of_few(features_NF), kept, classes=classes)

    def of_class(self, label: int) -> FeatureStatistics:
        """Returns the statistics of a class's images. Raises AbsentScoreError where there are none of it."""
        if label not in self.classes:
            raise AbsentScoreError(
                f"FID of a class needs at least 2 * {len(self.statistics.mean)} real images of it",
                "fewer, or a data set of other classes",
                "Leave evaluation.fid_per_class out, or use more images.",
            )
        return self.classes[label]

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
        for label, own in self.classes.items():
            arrays |= {f"mean/{label}": own.mean, f"covariance/{label}": own.covariance}
            arrays[f"count/{label}"] = np.array(own.count)
        try:
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            save_file(tensors, unfinished, metadata={_DIGEST: _digest(tensors)})
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "RealReference":
        """Returns the reference at `path`. Raises ArtifactError."""
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            if metadata.get(_DIGEST, _digest(found)) != _digest(found):  # there were none before
                raise ValueError("its content has another digest")
            count, features = found.get("count"), found.get("features")
            statistics = FeatureStatistics(
                found["mean"].numpy(), found["covariance"].numpy(), count=None if count is None else int(count)
            )
            classes = {int(name.partition("/")[2]): _of_class(found, name) for name in found if "mean/" in name}
            return cls(statistics, None if features is None else features.numpy(), classes=classes)
        except (OSError, *DAMAGED, SafetensorError) as error:
            raise ArtifactError(
                "The real images' features are a file that ganlimit wrote",
                f"{path} ({error})",
                "Delete it and run the same command again.",
            ) from error


def _digest(tensors: Mapping[str, Tensor]) -> str:
    return value_digest({name: array_digest(tensor.numpy()) for name, tensor in tensors.items()})


def require_enough(dataset: ImageDataset, num_features: int) -> None:
    """Raise AbsentScoreError for too few training images for FIDs against them."""
    if (count := len(dataset.train_images)) < 2 * num_features:
        raise AbsentScoreError(
            f"FID needs at least 2 * {num_features} real images for {num_features} features",
            count,
            "Use more images, or an extractor with fewer features.",
        )


def _of_class(found: Mapping[str, Tensor], name: str) -> FeatureStatistics:
    label = name.partition("/")[2]
    mean, covariance = found[name].numpy(), found[f"covariance/{label}"].numpy()
    return FeatureStatistics(mean, covariance, count=int(found[f"count/{label}"]))
