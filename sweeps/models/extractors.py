"""This module provides what a sweep measures with: a classifier trained once per data set and kept, or Inception.

A classifier is found in the registry by its identity, a digest of everything it is trained from; it is trained only if
no version has that identity. What the real images look like to the extractor is computed once and kept.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from mlflow.entities.model_registry import ModelVersion

from gan import (
    ArtifactError,
    ClassifierCard,
    ClassifierConfig,
    Compute,
    Evaluator,
    FeatureExtractor,
    ImageDataset,
    Inception,
    InceptionWeights,
    Metrics,
    Protocol,
    RealReference,
    find_inception_weights,
    load_classifier,
    save_classifier,
    train_classifier,
)
from gan.digests import value_digest
from sweeps.errors import SweepError
from sweeps.ledger.tags import IDENTITY, KIND
from sweeps.models.identity import ModelIdentity
from sweeps.models.workshop import Workshop
from sweeps.spec.models import InceptionSpec
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True)
class ExtractorFiles:
    """These are the files where a worker finds an extractor, and the real images as that extractor sees them."""

    model: Path  # a folder for a classifier, a file of weights for Inception
    reference: Path


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """An Extractor has its evaluator, and the metrics of the real held-out images under the protocol."""

    version: str
    about: str
    files: ExtractorFiles
    evaluator: Evaluator
    real: Metrics

    @property
    def protocol(self) -> Protocol:
        return self.evaluator.protocol


@dataclass(frozen=True, kw_only=True)
class _Found:
    kind: str
    network: FeatureExtractor
    digest: str
    version: str
    about: str
    path: Path


def find_or_make_extractor(spec: SweepSpec, dataset: ImageDataset, *, workshop: Workshop) -> Extractor:
    """Returns the spec's extractor. A classifier is trained only if the registry has none; Inception is looked up.

    Raises ArtifactError when a stored one is damaged, GanError when weights are missing.
    """
    data_root, references = workshop.data_root, workshop.workspace.references
    device = spec.resources.compute.torch_device
    if isinstance(spec.extractor, InceptionSpec):
        found = _inception(find_inception_weights(data_root.inception_weights, download=data_root.download), device)
    else:
        folder, version = _find_or_train_classifier(spec.extractor, dataset, workshop=workshop)
        found = _classifier(folder, device, version=version)
    evaluation = spec.evaluation
    protocol = Protocol(
        dataset_digest=dataset.digest,
        extractor=found.kind,
        extractor_digest=found.digest,
        num_samples=evaluation.num_samples,
        latent_seed=evaluation.latent_seed,
        inception_splits=evaluation.inception_splits,
        fid_infinity=evaluation.fid_infinity,
        class_shares=dataset.class_shares(spec.teacher.space.num_classes),
    )
    identity = value_digest({"dataset": dataset.digest, "extractor": found.digest})
    path = references / f"{identity[:32]}.safetensors"
    if not path.exists():
        with workshop.display.step("real images", 1) as update:
            RealReference.of(found.network, dataset).save(path)
            update(1, "")
    evaluator = Evaluator(protocol, found.network, real=RealReference.load(path))
    return Extractor(
        version=found.version,
        about=found.about,
        files=ExtractorFiles(found.path, path),
        evaluator=evaluator,
        real=_real_metrics(evaluator, dataset, folder=references),
    )


def load_network(protocol: Protocol, path: Path, *, compute: Compute) -> FeatureExtractor:
    """Returns the protocol's extractor, loaded from its files.

    Raises ArtifactError where they are damaged, and SweepError where they are another extractor's.
    """
    inception, device = protocol.extractor == "inception", compute.torch_device
    found = _inception(find_inception_weights(path), device) if inception else _classifier(path, device)
    if found.digest != protocol.extractor_digest:
        raise SweepError(
            f"The protocol's extractor has the digest {protocol.extractor_digest}",
            f"{found.digest} in {path}",
            "Resolve the extractor from the registry again.",
        )
    return found.network


def _real_metrics(evaluator: Evaluator, dataset: ImageDataset, *, folder: Path) -> Metrics:
    """Returns the metrics of the held-out images, kept in `folder` by the digest of the protocol.

    With Inception they take minutes.
    """
    path = folder / f"{evaluator.protocol.digest[:32]}.json"
    try:
        return Metrics.model_validate_json(path.read_text())
    except FileNotFoundError:
        metrics = evaluator.evaluate_held_out(dataset)
    except ValueError as error:
        remedy = "Delete it and run the same command again."
        raise ArtifactError("The real images' metrics are a file that ganlimit wrote", path, remedy) from error
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(metrics.model_dump_json())
    unfinished.replace(path)
    return metrics


def _inception(weights: InceptionWeights, device: torch.device) -> _Found:
    about = "the customary weights" if weights.customary else "other weights than the customary ones"
    return _Found(
        kind="inception",
        network=Inception(weights, device),
        digest=weights.digest,
        version=f"inception/{weights.digest[:8]}",
        about=about,
        path=weights.path,
    )


def _classifier(folder: Path, device: torch.device, *, version: str = "") -> _Found:
    classifier, card = load_classifier(folder)
    about = f"held-out accuracy {card.held_out_accuracy:.1%}"
    return _Found(
        kind=card.kind,
        network=classifier.to(device),
        digest=card.weights_digest,
        version=version,
        about=about,
        path=folder,
    )


def _find_or_train_classifier(
    config: ClassifierConfig, dataset: ImageDataset, *, workshop: Workshop
) -> tuple[Path, str]:
    """Returns the classifier's folder and the name of its version."""
    digest = value_digest({"kind": "classifier", "config": config.model_dump(), "dataset": dataset.digest})
    identity, registry = ModelIdentity(f"{dataset.name}-classifier", digest), workshop.tracking.registry
    version = registry.find_version(identity.model, identity.digest)
    if version is None:
        version = _train_classifier(config, dataset, identity=identity, workshop=workshop)
    return registry.fetch(version), f"{identity.model}/{version.version}"


def _train_classifier(
    config: ClassifierConfig, dataset: ImageDataset, *, identity: ModelIdentity, workshop: Workshop
) -> ModelVersion:
    tracking = workshop.tracking
    with tracking.model_run(identity.model, {KIND: "classifier", IDENTITY: identity.digest}) as run_id:
        with workshop.display.step("classifier", config.epochs) as update:
            for progress in train_classifier(config, dataset):
                update(progress.epoch, f"held-out accuracy {progress.held_out_accuracy:.1%}")
        card = ClassifierCard(
            config=config,
            image_channels=dataset.image_channels,
            num_classes=dataset.num_classes,
            dataset=dataset.name,
            dataset_digest=dataset.digest,
            held_out_accuracy=progress.held_out_accuracy,
        )
        tracking.log(run_id, {"held_out_accuracy": card.held_out_accuracy}, params=config.model_dump())
        with tempfile.TemporaryDirectory() as folder:
            card = save_classifier(Path(folder), progress.classifier, card=card)
            tags = {IDENTITY: identity.digest, "weights_digest": card.weights_digest}
            return tracking.registry.register(identity.model, run_id, folder=Path(folder), tags=tags)
