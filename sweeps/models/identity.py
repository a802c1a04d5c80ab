"""This module computes by what a teacher and its pools are known: digests of all that they are made from."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from torch import Tensor

from gan import GeneratorCard, ImageDataset, ImportedCard, ImportedConfig
from gan.digests import array_digest, file_digest, value_digest
from sweeps.ledger.tracking import Tracking
from sweeps.spec.models import ImportedTeacherSpec
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True)
class ModelIdentity:
    """A ModelIdentity is the name of a registered model and the digest of all that the version is made from."""

    model: str
    digest: str


def registered_teacher(spec: SweepSpec, dataset: ImageDataset, *, tracking: Tracking) -> ModelVersion | None:
    """Returns the version of the spec's teacher; None where the registry has none.

    Raises OSError where a generator of the user's own is missing.
    """
    if isinstance(spec.teacher, ImportedTeacherSpec):
        identity = imported_identity(spec.teacher.imported, dataset)
    else:
        identity = trained_identity(spec, dataset)
    return tracking.registry.find_version(identity.model, identity.digest)


def trained_identity(spec: SweepSpec, dataset: ImageDataset) -> ModelIdentity:
    """Returns the identity of the teacher that the spec has trained."""
    content = {
        "kind": "teacher",
        "architecture": spec.teacher_architecture.model_dump(),
        "training": spec.trained_teacher.training.model_dump(mode="json"),
        "dataset": dataset.digest,
        "seed": spec.seed,
        "compute": spec.resources.compute.model_dump(),
    }
    return ModelIdentity(f"{dataset.name}-teacher", value_digest(content))


def imported_identity(imported: ImportedConfig, dataset: ImageDataset) -> ModelIdentity:
    """Returns the identity of a generator of the user's own. Raises OSError where its file is missing."""
    content = {"kind": "imported", **stated(imported), **_code(imported), "content": file_digest(imported.path)}
    return ModelIdentity(f"{dataset.name}-imported-teacher", value_digest(content))


def pool_digest(card: GeneratorCard | ImportedCard, latents_NL: Tensor) -> str:
    """Returns the digest of all that the images of a pool are made from: generator and latents.

    Our generators are their weights. One of the user's own is also how it is called, and what its images are taken for:
    one whose `output_range` was corrected makes other images.
    """
    content: dict[str, object] = {"teacher": card.weights_digest, "latents": array_digest(latents_NL.numpy())}
    if isinstance(card, ImportedCard):
        content |= {"imported": {**stated(card.imported), "kimg": None}, **_code(card.imported)}
    return value_digest(content)


def _code(imported: ImportedConfig) -> dict[str, object]:
    """Returns the digest of the file with the factory, where there is one: what it makes of the weights is in it."""
    if imported.factory is None:
        return {}
    found = importlib.util.find_spec(imported.factory.partition(":")[0])
    origin = Path(found.origin) if found and found.origin else None
    return {"code": file_digest(origin) if origin and origin.is_file() else None}


def stated(imported: ImportedConfig) -> dict[str, object]:
    """Returns what the spec states of a generator of the user's own, without where it lies."""
    return imported.model_dump(exclude={"file", "weights"})
