"""This module computes by what a teacher and its pools are known: digests of all that they are made from."""

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from torch import Tensor

from gan import (
    AnyGenerator,
    GeneratorCard,
    ImageDataset,
    ImportedCard,
    ImportedConfig,
    ImportedGenerator,
    generate,
    load_imported,
)
from gan.digests import array_digest, file_digest, value_digest
from sweeps.ledger.tracking import Tracking
from sweeps.spec.earlier import unsaid_before
from sweeps.spec.models import ImportedTeacherSpec
from sweeps.spec.sweep import SweepSpec

_PROBES = 64  # images by which a factory's network is known


@dataclass(frozen=True)
class ModelIdentity:
    """A ModelIdentity is the name of a registered model and the digest of all that the version is made from."""

    model: str
    digest: str


def registered_teacher(spec: SweepSpec, dataset: ImageDataset, *, tracking: Tracking) -> ModelVersion | None:
    """Returns the version of the spec's teacher; None where the registry has none.

    Raises GanError where a generator of the user's own cannot be loaded.
    """
    if isinstance(spec.teacher, ImportedTeacherSpec):
        identity = imported_identity(load_imported(spec.teacher.imported), dataset)
    else:
        identity = trained_identity(spec, dataset)
    return tracking.registry.find_made(identity.model, identity.digest)


def trained_identity(spec: SweepSpec, dataset: ImageDataset) -> ModelIdentity:
    """Returns the identity of the teacher that the spec has trained."""
    training = spec.trained_teacher.training
    content = {
        "kind": "teacher",
        "architecture": spec.teacher_architecture.model_dump(),
        "training": training.model_dump(mode="json", exclude=unsaid_before(training)),
        "dataset": dataset.digest,
        "seed": spec.seed,
        "compute": spec.resources.compute.model_dump(),
    }
    return ModelIdentity(f"{dataset.name}-teacher", value_digest(content))


def imported_identity(generator: ImportedGenerator, dataset: ImageDataset) -> ModelIdentity:
    """Returns the identity of a generator of the user's own. Raises OSError where its file is missing."""
    imported = generator.imported
    content = {"kind": "imported", **stated(imported), **_made(generator), "content": file_digest(imported.path)}
    return ModelIdentity(f"{dataset.name}-imported-teacher", value_digest(content))


def pool_digest(generator: AnyGenerator, card: GeneratorCard | ImportedCard, *, latents_NL: Tensor) -> str:
    """Returns the digest of all that the images of a pool are made from: generator and latents.

    Our generators are their weights. One of the user's own is also how it is called, and what its images are taken for:
    one whose `output_range` was corrected makes other images.
    """
    content: dict[str, object] = {"teacher": card.weights_digest, "latents": array_digest(latents_NL.numpy())}
    if isinstance(card, ImportedCard):
        assert isinstance(generator, ImportedGenerator), "the card is of this generator"
        content |= {"imported": {**stated(card.imported), "kimg": None}, **_made(generator)}
    return value_digest(content)


def _made(generator: ImportedGenerator) -> dict[str, object]:
    """Returns the digest of images that a factory's network makes; nothing of a file, which holds all that makes them.

    What a factory makes of the weights is in its package, in those that this imports, and in what it finds around it.
    """
    if generator.imported.factory is None:
        return {}
    inputs_NI = generator.imported.space.inputs(_PROBES, "fingerprint", seed=0)
    return {"images": array_digest(generate(generator, inputs_NI).numpy())}


def stated(imported: ImportedConfig) -> dict[str, object]:
    """Returns what the spec states of a generator of the user's own, without where it lies."""
    return imported.model_dump(exclude={"file", "weights"})
