"""This module computes the identity by which the registry knows a teacher: a digest of all that it is made from."""

from mlflow.entities.model_registry import ModelVersion

from gan import ImageDataset, ImportedConfig
from gan.digests import file_digest, value_digest
from sweeps.ledger.tracking import Tracking
from sweeps.spec.models import ImportedTeacherSpec
from sweeps.spec.sweep import SweepSpec


def registered_teacher(spec: SweepSpec, dataset: ImageDataset, tracking: Tracking) -> ModelVersion | None:
    """Returns the version of the spec's teacher; None where the registry has none.

    Raises OSError where a generator of the user's own is missing.
    """
    if isinstance(spec.teacher, ImportedTeacherSpec):
        return tracking.registry.find_version(*imported_identity(spec.teacher.imported, dataset))
    return tracking.registry.find_version(*trained_identity(spec, dataset))


def trained_identity(spec: SweepSpec, dataset: ImageDataset) -> tuple[str, str]:
    """Returns the model's name and the identity of the teacher that the spec has trained."""
    return f"{dataset.name}-teacher", value_digest(
        {
            "kind": "teacher",
            "architecture": spec.teacher_architecture.model_dump(),
            "training": spec.trained_teacher.training.model_dump(mode="json"),
            "dataset": dataset.digest,
            "seed": spec.seed,
            "compute": spec.resources.compute.model_dump(),
        }
    )


def imported_identity(imported: ImportedConfig, dataset: ImageDataset) -> tuple[str, str]:
    """Returns the model's name and the identity of a generator of the user's own. Raises OSError if it is missing."""
    content = {"kind": "imported", **stated(imported), "content": file_digest(imported.path)}
    return f"{dataset.name}-imported-teacher", value_digest(content)


def stated(imported: ImportedConfig) -> dict[str, object]:
    """Returns what the spec states of a generator of the user's own, without where it lies."""
    return imported.model_dump(exclude={"file", "weights"})
