"""This module provides what a sweep measures with: an extractor trained once per data set and kept, or one looked up.

What the real images look like to the extractor is computed once and kept.
"""

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gan import (
    ArtifactError,
    Compute,
    Evaluator,
    Examination,
    FeatureExtractor,
    ImageDataset,
    OwnExtractorConfig,
    Protocol,
    RealReference,
    Scores,
    find_weights,
    import_extractor,
    load_extractor,
    save_own_extractor,
)
from sweeps.errors import SweepError
from sweeps.models.embedded import find_or_train
from sweeps.models.examining import find_or_make_examination, require_straight
from sweeps.models.references import Published, find_or_make_reference, published_reference
from sweeps.models.workshop import Workshop
from sweeps.spec.models import ExtractorSpec, OwnExtractorSpec, PretrainedSpec
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True)
class ExtractorFiles:
    """These are the files where a worker finds an extractor, and the real images as that extractor sees them."""

    model: Path  # a folder with a card, or the weights of a pretrained one
    reference: Path


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """An Extractor has its evaluator, and the scores of the real held-out images under the protocol."""

    version: str
    about: str
    files: ExtractorFiles
    evaluator: Evaluator
    real: Scores
    examination: Examination

    @property
    def protocol(self) -> Protocol:
        return self.evaluator.protocol


@dataclass(frozen=True)
class _Found:
    path: Path
    version: str = ""  # of what is in the registry


def find_or_make_extractor(spec: SweepSpec, dataset: ImageDataset, *, workshop: Workshop) -> Extractor:
    """Returns the spec's extractor: the data set's own, trained only if the registry has none, or one looked up.

    Raises ArtifactError when a stored one is damaged, GanError when weights are missing, a network is not what the spec
    says, or a classifier cannot tell the data set's classes apart, and SweepError where published statistics are not of
    its features, or it fails its examination.
    """
    published = published_reference(spec)  # which is refused before anything is trained
    references, kind = workshop.workspace.references, spec.extractor.kind
    found = _find_or_make(spec.extractor, dataset, workshop=workshop)
    loaded = load_extractor(kind, found.path, device=spec.resources.compute.torch_device)
    reference_of = partial(find_or_make_reference, loaded.network, dataset, digest=loaded.digest, workshop=workshop)
    num_classes = spec.teacher.space.num_classes if spec.evaluation.fid_per_class else 0
    path = reference_of(published=published, num_classes=num_classes)
    # Whatever FIDs are against, the extractor is examined on what the data set's own images are to it.
    own = reference_of(published=None, few=True) if published else path
    examination = find_or_make_examination(
        loaded.network, dataset, digest=loaded.digest, reference=own, workshop=workshop
    )
    require_straight(examination, spec)
    protocol = _protocol(spec, dataset, extractor_digest=loaded.digest, published=published)
    evaluator = Evaluator(protocol, loaded.network, real=RealReference.load(path))
    version = found.version or f"{kind}/{loaded.digest[:8]}"
    return Extractor(
        version=f"{version} against {published.by}" if published else version,
        about=loaded.about,
        files=ExtractorFiles(found.path, path),
        evaluator=evaluator,
        real=_real_metrics(evaluator, dataset, folder=references),
        examination=examination,
    )


def _protocol(
    spec: SweepSpec, dataset: ImageDataset, *, extractor_digest: str, published: Published | None
) -> Protocol:
    evaluation = spec.evaluation
    return Protocol(
        dataset_digest=dataset.digest,
        extractor=spec.extractor.kind,
        extractor_digest=extractor_digest,
        num_samples=evaluation.num_samples,
        latent_seed=evaluation.latent_seed,
        inception_splits=evaluation.inception_splits,
        fid_infinity=evaluation.fid_infinity,
        reference_digest=published.digest if published else None,
        reference_by=published.by if published else None,
        class_shares=dataset.class_shares(spec.teacher.space.num_classes),
        fid_per_class=evaluation.fid_per_class,
    )


def load_network(protocol: Protocol, path: Path, *, compute: Compute) -> FeatureExtractor:
    """Returns the protocol's extractor, loaded from its files.

    Raises ArtifactError where they are damaged, and SweepError where they are another extractor's.
    """
    found = load_extractor(protocol.extractor, path, device=compute.torch_device)
    if found.digest != protocol.extractor_digest:
        raise SweepError(
            f"The protocol's extractor has the digest {protocol.extractor_digest}",
            f"{found.digest} in {path}",
            "Resolve the extractor from the registry again.",
        )
    return found.network


def _real_metrics(evaluator: Evaluator, dataset: ImageDataset, *, folder: Path) -> Scores:
    """Returns the metrics of the held-out images, kept in `folder` by the digest of the protocol.

    With Inception they take minutes.
    """
    path = folder / f"{evaluator.protocol.digest[:32]}.json"
    try:
        return Scores.model_validate_json(path.read_text())
    except FileNotFoundError:
        metrics = evaluator.evaluate_held_out(dataset)
    except ValueError as error:
        remedy = "Delete it and run the same command again."
        raise ArtifactError("The real images' metrics are a file that ganlimit wrote", path, remedy) from error
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(metrics.model_dump_json())
    unfinished.replace(path)
    return metrics


def _find_or_make(extractor: ExtractorSpec, dataset: ImageDataset, *, workshop: Workshop) -> _Found:
    if isinstance(extractor, PretrainedSpec):
        root = workshop.data_root
        return _Found(find_weights(extractor.kind, extractor.weights_in(root), download=root.download).path)
    if isinstance(extractor, OwnExtractorSpec):
        return _Found(_kept_copy(extractor.own, workshop.workspace.references))
    return _Found(*find_or_train(extractor, dataset, workshop=workshop))


def _kept_copy(own: OwnExtractorConfig, references: Path) -> Path:
    """Returns a folder with a network of the user's own, which stays as it is when the user's file changes."""
    import_extractor(own)
    references.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=references) as name:
        card = save_own_extractor(Path(name) / "extractor", own)
        folder = references / f"{card.digest[:32]}.extractor"
        if not folder.exists():
            (Path(name) / "extractor").rename(folder)
    return folder
