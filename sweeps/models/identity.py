"""This module computes the identity by which the registry knows a teacher: a digest of all that it is made from."""

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion

from gan import ImageDataset, ImportedConfig
from gan.digests import file_digest, value_digest
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
    content = {"kind": "imported", **stated(imported), "content": file_digest(imported.path)}
    return ModelIdentity(f"{dataset.name}-imported-teacher", value_digest(content))


def stated(imported: ImportedConfig) -> dict[str, object]:
    """Returns what the spec states of a generator of the user's own, without where it lies."""
    return imported.model_dump(exclude={"file", "weights"})
