"""This module registers a teacher's files as a version of its model, and makes the best of them the champion."""

from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import AnyGenerator, CriticJudgement, GeneratorCard, ImportedCard, generate
from gan.images import save_grid
from sweeps.ledger.tags import CRITIC_ACCURACY, IDENTITY
from sweeps.ledger.tracking import Tracking
from sweeps.models.extractors import Extractor
from sweeps.models.identity import ModelIdentity

LAST = "last"  # the folder of the generator at the end of the training, where that is not the best


def save_samples(generator: AnyGenerator, folder: Path, *, extractor: Extractor) -> None:
    """Writes 64 of the generator's images to `folder`."""
    save_grid(generate(generator, extractor.evaluator.latents(generator.config)[:64]), folder / "samples.png")


def register_teacher(
    tracking: Tracking,
    identity: ModelIdentity,
    *,
    run_id: str,
    folder: Path,
    card: GeneratorCard | ImportedCard,
    judgement: CriticJudgement | None = None,
) -> ModelVersion:
    """Registers a teacher. The champion is the one of the lowest FID of those that were measured as it was."""
    tags = {
        IDENTITY: identity.digest,
        "weights_digest": card.weights_digest,
        "protocol_digest": card.protocol_digest,
        "fid": repr(card.metrics["fid"]),
        "parameters": str(card.parameters),
        "kimg": str(card.kimg),
    }
    if judgement:
        tags[CRITIC_ACCURACY] = repr(judgement.accuracy)
    version = tracking.registry.register(identity.model, run_id, folder=folder, tags=tags)
    _crown_best(tracking, version)
    return version


def crown_if_none(tracking: Tracking, version: ModelVersion) -> None:
    """Makes the best that was measured as `version` was the champion, where its model has none.

    So it is left where a process was killed between the registration of the first version and its crowning.
    """
    if tracking.registry.champion(version.name) is None:
        _crown_best(tracking, version)


def _crown_best(tracking: Tracking, version: ModelVersion) -> None:
    digest = version.tags.get("protocol_digest")
    rivals = [each for each in tracking.registry.versions(version.name) if each.tags.get("protocol_digest") == digest]
    tracking.registry.crown(min(rivals, key=lambda rival: float(rival.tags["fid"])))
