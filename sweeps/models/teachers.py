"""This module provides the teacher of a sweep and its pool of images, each made once and kept.

A teacher is found in the registry by its identity, a digest of everything it is trained from; it is trained only if no
version has that identity. Its version never changes afterwards.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from torch import Tensor

from gan import (
    AnyGenerator,
    GeneratorCard,
    ImageDataset,
    ImportedCard,
    ImportedConfig,
    ImportedGenerator,
    Metrics,
    TeacherPool,
    agreement_latents,
    build_pool,
    load_any_generator,
    load_generator,
    load_imported,
    open_pool,
    pool_latents,
    save_imported,
)
from gan.seeds import seed_at
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.tags import IDENTITY, KIND
from sweeps.ledger.tracking import Tracking
from sweeps.models.critics import TeacherCritic
from sweeps.models.extractors import Extractor
from sweeps.models.identity import imported_identity, pool_digest, stated, trained_identity
from sweeps.models.kept_versions import find_or_make_version
from sweeps.models.teacher_training import progress_of, train_teacher
from sweeps.models.teacher_versions import LAST, crown_if_none, register_teacher, save_samples
from sweeps.models.workshop import Workshop
from sweeps.spec.models import ImportedTeacherSpec
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A Teacher is one immutable version, with its metrics under the extractor's protocol.

    Its generator is the one with the lowest FID during its training. `last_fid` is the FID at the end of the training,
    where a GAN may have collapsed. `critic` is the one it was trained against; None where none was kept. `folder` has
    the files of one that was trained here; None for one of the user's own.
    """

    generator: AnyGenerator
    card: GeneratorCard | ImportedCard
    version: str
    metrics: Metrics
    last_fid: float
    critic: TeacherCritic | None = None
    folder: Path | None = None

    @property
    def collapse_note(self) -> str:
        """Returns a note for people where the training continued beyond its best; else nothing."""
        kimg, budget_kimg = self.card.kimg, self.card.budget_kimg
        if kimg >= budget_kimg:
            return ""
        return f" (the best, at {kimg:g} of {budget_kimg:g} kimg; at the end FID {self.last_fid:.1f})"


def find_or_make_teacher(
    spec: SweepSpec, dataset: ImageDataset, *, extractor: Extractor, workshop: Workshop, again: bool = False
) -> Teacher:
    """Returns the spec's teacher. It is trained only if the registry has none of its identity, or if `again`.

    A new version becomes the champion when it has the lowest FID of all versions measured under its protocol. A
    generator of the user's own is checked and registered once. Raises ArtifactError when the stored one is damaged,
    GanError when a generator of the user's own is not as declared.
    """
    if isinstance(spec.teacher, ImportedTeacherSpec):
        teacher = _find_or_import(spec.teacher.imported, dataset, extractor=extractor, workshop=workshop)
        teacher.generator.to(spec.resources.compute.torch_device)
        return teacher
    identity, registry = trained_identity(spec, dataset), workshop.tracking.registry
    make = partial(train_teacher, spec, dataset, extractor=extractor, workshop=workshop, identity=identity)
    version = find_or_make_version(identity, make, workshop=workshop, again=again)
    # A process that was killed as it registered the version left the rest.
    progress_of(identity, extractor=extractor, workshop=workshop).delete_before(version.creation_timestamp / 1000)
    crown_if_none(workshop.tracking, version)
    folder = registry.fetch(version)
    generator, card = load_generator(folder)
    generator.to(spec.resources.compute.torch_device)
    last, last_card = load_generator(folder / LAST) if (folder / LAST).is_dir() else (generator, card)
    metrics, last_metrics = _metrics(extractor, generator, card=card), _metrics(extractor, last, card=last_card)
    name = f"{version.name}/{version.version}"
    return Teacher(
        generator=generator,
        card=card,
        version=name,
        metrics=metrics,
        last_fid=last_metrics.fid,
        critic=TeacherCritic.among(folder, version=name),
        folder=folder,
    )


def _find_or_import(
    imported: ImportedConfig, dataset: ImageDataset, *, extractor: Extractor, workshop: Workshop
) -> Teacher:
    generator, tracking = load_imported(imported), workshop.tracking
    dataset.require_shape(generator.config.image_channels, generator.config.image_size)
    identity = imported_identity(generator, dataset)
    make = partial(_import, imported, dataset, generator=generator, extractor=extractor, tracking=tracking)
    version = find_or_make_version(identity, make, workshop=workshop)
    crown_if_none(tracking, version)
    kept, card = load_any_generator(tracking.registry.fetch(version))
    metrics = _metrics(extractor, kept, card=card)
    return Teacher(
        generator=kept,
        card=card,
        version=f"{version.name}/{version.version}",
        metrics=metrics,
        last_fid=metrics.fid,
    )


def _import(
    imported: ImportedConfig,
    dataset: ImageDataset,
    *,
    generator: ImportedGenerator,
    extractor: Extractor,
    tracking: Tracking,
) -> ModelVersion:
    identity = imported_identity(generator, dataset)
    metrics = extractor.evaluator.evaluate(generator, whole=True)
    card = ImportedCard(
        imported=imported,
        shape=generator.config,
        parameters=sum(parameter.numel() for parameter in generator.parameters()),
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        metrics=metrics.as_dict(),
        absent=metrics.absent,
        protocol_digest=extractor.protocol.digest,
    )
    with model_run(tracking, identity.model, tags={KIND: "teacher", IDENTITY: identity.digest}) as run_id:
        tracking.log(run_id, card.metrics, params={**stated(imported), "parameters": card.parameters})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            stored = save_imported(folder, imported, card=card)
            save_samples(generator, folder, extractor=extractor)
            return register_teacher(tracking, identity, run_id=run_id, folder=folder, card=stored)


def _metrics(extractor: Extractor, generator: AnyGenerator, *, card: GeneratorCard | ImportedCard) -> Metrics:
    if card.protocol_digest == extractor.protocol.digest:
        return Metrics.model_validate({**card.metrics, "absent": card.absent})
    return extractor.evaluator.evaluate(generator, whole=True)


def find_or_build_pool(
    spec: SweepSpec, teacher: Teacher, *, shares: Sequence[float], workshop: Workshop
) -> tuple[Path, TeacherPool]:
    """Returns the path of the teacher's pool, built if there is none, and the pool. Raises ArtifactError.

    A conditional teacher's classes are drawn by their `shares`. The pool is checked.
    """
    size, seed = spec.teacher.pool_size, seed_at(spec.seed, "pool")
    latents_NL = pool_latents(size, spec.teacher.space, seed=seed, shares=shares)
    return _find_or_build(teacher, latents_NL, name="teacher's pool", workshop=workshop)


def find_or_build_agreement_pool(
    spec: SweepSpec, teacher: Teacher, *, shares: Sequence[float], workshop: Workshop
) -> tuple[Path, TeacherPool]:
    """Returns the path and the pool of the teacher's images at latents that no student learns at.

    It is built if there is none, and checked.
    """
    latents_NL = agreement_latents(spec.teacher.space, spec.evaluation.latent_seed, shares=shares)
    return _find_or_build(teacher, latents_NL, name="held-out latents", workshop=workshop)


def _find_or_build(teacher: Teacher, latents_NL: Tensor, *, name: str, workshop: Workshop) -> tuple[Path, TeacherPool]:
    digest = pool_digest(teacher.generator, teacher.card, latents_NL=latents_NL)
    path = workshop.workspace.pools / f"{digest[:32]}.arrow"
    if not path.exists():
        with workshop.display.step(name, len(latents_NL)) as update:
            for done in build_pool(teacher.generator, teacher.card.weights_digest, path=path, latents_NL=latents_NL):
                update(done, "")
    pool = open_pool(path)
    pool.verify()
    return path, pool
