"""The feature extractor of a sweep: a classifier trained once per data set and kept as a version.

It is found in the registry by its identity, a digest of everything it is trained from; only if no
version has it is it trained.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import (
    Classifier,
    ClassifierCard,
    Evaluator,
    ImageDataset,
    Metrics,
    Protocol,
    load_classifier,
    real_statistics,
    save_classifier,
    train_classifier,
)
from gan.digests import value_digest
from sweeps.errors import SweepError
from sweeps.progress import Display, QuietDisplay
from sweeps.spec import EvaluationSpec, SweepSpec
from sweeps.tracking import IDENTITY, KIND, Tracking


@dataclass(frozen=True)
class Extractor:
    """A classifier of the registry, and what it says of the real held-out images under a protocol."""

    classifier: Classifier
    card: ClassifierCard
    version: str
    folder: Path
    evaluator: Evaluator
    real: Metrics

    @property
    def protocol(self) -> Protocol:
        return self.evaluator.protocol


def find_or_train_extractor(
    spec: SweepSpec, dataset: ImageDataset, tracking: Tracking, display: Display | None = None
) -> Extractor:
    """The data set's classifier as the spec states it, trained only if the registry has none.

    Raises ArtifactError when the stored one is damaged.
    """
    model, config = f"{dataset.name}-classifier", spec.extractor
    identity = value_digest({"kind": "classifier", "config": config.model_dump(), "dataset": dataset.digest})
    version = tracking.find_version(model, identity)
    if version is None:
        version = _train_extractor(spec, dataset, tracking, display or QuietDisplay(), model, identity)
    folder = tracking.fetch(version)
    classifier, card = load_classifier(folder)
    evaluator = _evaluator(spec.evaluation, dataset, classifier, card)
    return Extractor(
        classifier=classifier,
        card=card,
        version=f"{model}/{version.version}",
        folder=folder,
        evaluator=evaluator,
        real=evaluator.evaluate_held_out(dataset),
    )


def load_evaluator(protocol: Protocol, folder: Path, dataset: ImageDataset) -> Evaluator:
    """The evaluator of `protocol` with the classifier stored in `folder`. Raises ArtifactError."""
    classifier, card = load_classifier(folder)
    if card.weights_digest != protocol.extractor_digest:
        raise SweepError(
            f"The protocol's extractor has the digest {protocol.extractor_digest}",
            f"{card.weights_digest} in {folder}",
            "Resolve the extractor from the registry again.",
        )
    return Evaluator(protocol, classifier, real_statistics(classifier, dataset))


def _evaluator(
    evaluation: EvaluationSpec, dataset: ImageDataset, classifier: Classifier, card: ClassifierCard
) -> Evaluator:
    protocol = Protocol(
        dataset_digest=dataset.digest,
        extractor=card.kind,
        extractor_digest=card.weights_digest,
        num_samples=evaluation.num_samples,
        latent_seed=evaluation.latent_seed,
        inception_splits=evaluation.inception_splits,
    )
    return Evaluator(protocol, classifier, real_statistics(classifier, dataset))


def _train_extractor(
    spec: SweepSpec, dataset: ImageDataset, tracking: Tracking, display: Display, model: str, identity: str
) -> ModelVersion:
    config = spec.extractor
    with tracking.model_run(model, {KIND: "classifier", IDENTITY: identity}) as run_id:
        with display.step("classifier", config.epochs) as update:
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
            card = save_classifier(Path(folder), progress.classifier, card)
            tags = {IDENTITY: identity, "weights_digest": card.weights_digest}
            return tracking.register(model, run_id, Path(folder), tags)
