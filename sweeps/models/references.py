"""This module provides the real images as an extractor sees them: computed once and kept, or as published."""

from dataclasses import dataclass
from pathlib import Path

from gan import FeatureExtractor, ImageDataset, RealReference, load_statistics
from gan.digests import value_digest
from gan.measuring.metrics import FeatureStatistics
from gan.measuring.published import statistics_digest
from gan.measuring.reference import require_enough
from sweeps.errors import SweepError
from sweeps.models.workshop import Workshop
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True, kw_only=True)
class Published:
    """These are statistics that others published, and whose they are."""

    statistics: FeatureStatistics
    digest: str
    by: str


def published_reference(spec: SweepSpec) -> Published | None:
    """Returns the statistics that a sweep measures against; None where they are its data set's own.

    Raises GanError for a file that holds none, and SweepError where they are of another extractor's features.
    """
    stated = spec.evaluation.reference
    if stated is None:
        return None
    statistics = load_statistics(Path(stated.file).expanduser())
    if len(statistics.mean) != spec.extractor.features:
        raise SweepError(
            f"Reference statistics are of the extractor's {spec.extractor.features} features",
            f"{len(statistics.mean)} in {stated.file}",
            "Choose the extractor that they were computed with, or statistics of this one.",
        )
    return Published(statistics=statistics, digest=statistics_digest(statistics), by=stated.by)


def find_or_make_reference(
    network: FeatureExtractor,
    dataset: ImageDataset,
    *,
    digest: str,
    published: Published | None,
    workshop: Workshop,
    num_classes: int = 0,
    few: bool = False,
) -> Path:
    """Returns the file of the real images as the extractor with this digest sees them, or of what is published.

    With `num_classes` it has them class by class as well. few: fewer than 2F are taken, for an examination alone.
    Raises GanError for them without it.
    """
    if not (published or few):
        require_enough(dataset, network.num_features)
    identity: dict[str, object] = {"dataset": dataset.digest, "extractor": digest}
    if num_classes:
        identity["classes"] = num_classes
    if published:
        identity["reference"] = published.digest
    path = workshop.workspace.references / f"{value_digest(identity)[:32]}.safetensors"
    if not path.exists() and published:
        RealReference(published.statistics).save(path)
    elif not path.exists():
        with workshop.display.step("real images", 1) as update:
            RealReference.of(network, dataset, num_classes=num_classes, few=few).save(path)
            update(1, "")
    return path
