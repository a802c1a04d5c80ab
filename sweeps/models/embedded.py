"""This module finds or trains the extractors of a data set's own: each is trained once and registered.

One is found in the registry by its identity, a digest of everything it is trained from.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import (
    ClassifierCard,
    ClassifierConfig,
    ClassifierProgress,
    ImageDataset,
    SelfSupervised,
    SelfSupervisedCard,
    SelfSupervisedConfig,
    load_classifier,
    require_learnt,
    save_classifier,
    save_selfsupervised,
    train_classifier,
    train_selfsupervised,
)
from gan.digests import value_digest
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.tags import IDENTITY, KIND
from sweeps.models.identity import ModelIdentity
from sweeps.models.kept_versions import find_or_make_version
from sweeps.models.workshop import Workshop
from sweeps.spec.models import EmbeddedSpec


@dataclass(frozen=True)
class _Stage:
    """This is an extractor on its way: how much is done, what is said, its metrics, and how it is kept in a folder."""

    done: int
    said: str
    _: KW_ONLY
    metrics: dict[str, float]
    keep: Callable[[Path], str]  # returns the digest of the weights


@dataclass(frozen=True)
class _Kind:
    """This is how extractors of a kind are trained, in how many stages, and how one that was kept is checked again."""

    train: Callable[..., Iterator[_Stage]]
    _: KW_ONLY
    stages: Callable[..., int]
    check: Callable[[Path, ImageDataset], None]


def find_or_train(extractor: EmbeddedSpec, dataset: ImageDataset, *, workshop: Workshop) -> tuple[Path, str]:
    """Returns the folder of the data set's own extractor, and the name of its version in the registry.

    Raises GanError where the data set gives no extractor of this kind, before it is registered.
    """
    config = {"kind": extractor.kind, "config": extractor.model_dump(exclude={"kind"}), "dataset": dataset.digest}
    identity = ModelIdentity(f"{dataset.name}-{extractor.kind}", value_digest(config))
    make = partial(_train, extractor, dataset, identity=identity, workshop=workshop)
    version = find_or_make_version(identity, make, workshop=workshop)
    folder = workshop.tracking.registry.fetch(version)
    _KINDS[extractor.kind].check(folder, dataset)
    return folder, f"{version.name}/{version.version}"


def _train(
    extractor: EmbeddedSpec, dataset: ImageDataset, *, identity: ModelIdentity, workshop: Workshop
) -> ModelVersion:
    tracking, kind = workshop.tracking, extractor.kind
    with model_run(tracking, identity.model, tags={KIND: kind, IDENTITY: identity.digest}) as run_id:
        with workshop.display.step(kind, _KINDS[kind].stages(extractor, dataset)) as update:
            for stage in _KINDS[kind].train(extractor, dataset):
                update(stage.done, stage.said)
        tracking.log(run_id, stage.metrics, params=extractor.model_dump(exclude={"kind"}))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tags = {IDENTITY: identity.digest, "weights_digest": stage.keep(folder)}
            _KINDS[kind].check(folder, dataset)
            return tracking.registry.register(identity.model, run_id, folder=folder, tags=tags)


def _classifier_stages(config: ClassifierConfig, dataset: ImageDataset) -> Iterator[_Stage]:
    for progress in train_classifier(config, dataset):
        yield _Stage(
            progress.epoch,
            f"held-out accuracy {progress.held_out_accuracy:.1%}",
            metrics={"held_out_accuracy": progress.held_out_accuracy},
            keep=partial(_keep_classifier, progress, config=config, dataset=dataset),
        )


def _keep_classifier(
    progress: ClassifierProgress, folder: Path, *, config: ClassifierConfig, dataset: ImageDataset
) -> str:
    card = ClassifierCard(
        config=config,
        image_channels=dataset.image_channels,
        num_classes=dataset.num_classes,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        held_out_accuracy=progress.held_out_accuracy,
    )
    return save_classifier(folder, progress.classifier, card=card).weights_digest


def _check_classifier(folder: Path, dataset: ImageDataset) -> None:
    require_learnt(load_classifier(folder)[1].held_out_accuracy, dataset)


def _selfsupervised_stages(config: SelfSupervisedConfig, dataset: ImageDataset) -> Iterator[_Stage]:
    for progress in train_selfsupervised(config, dataset):
        keep = partial(_keep_selfsupervised, progress.network, config=config, dataset=dataset)
        yield _Stage(progress.done, "", metrics={}, keep=keep)


def _keep_selfsupervised(
    network: SelfSupervised, folder: Path, *, config: SelfSupervisedConfig, dataset: ImageDataset
) -> str:
    card = SelfSupervisedCard(
        config=config,
        image_channels=dataset.image_channels,
        image_size=dataset.image_size,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
    )
    return save_selfsupervised(folder, network, card=card).weights_digest


_KINDS = {
    "classifier": _Kind(_classifier_stages, stages=lambda config, dataset: int(config.epochs), check=_check_classifier),
    "selfsupervised": _Kind(
        _selfsupervised_stages,
        stages=lambda config, dataset: SelfSupervised.stages(dataset.image_size),
        check=lambda folder, dataset: None,  # the examination is its check
    ),
}
