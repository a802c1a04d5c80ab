"""The teacher of a sweep and its pool of images, made once and kept.

A teacher is found in the registry by its identity, a digest of everything it is trained from; only if
no version has it is it trained. Its version never changes afterwards.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from torch import Tensor

from gan import (
    Generator,
    GeneratorCard,
    GeneratorConfig,
    ImageDataset,
    Metrics,
    TeacherPool,
    agreement_latents,
    build_pool,
    count_parameters,
    generate,
    load_generator,
    open_pool,
    pool_latents,
    save_generator,
    train_gan,
)
from gan.digests import array_digest, value_digest
from gan.images import save_grid
from gan.seeds import seed_at
from sweeps.errors import SweepError
from sweeps.extractors import Extractor
from sweeps.progress import Display, QuietDisplay
from sweeps.spec import SweepSpec
from sweeps.tracking import IDENTITY, KIND, Tracking

TEACHER_REPORTS = 10  # evaluations over a teacher's training
BAR_UPDATES = 100


@dataclass(frozen=True)
class Teacher:
    """One immutable version of a teacher, with its metrics under the extractor's protocol."""

    generator: Generator
    card: GeneratorCard
    version: str
    metrics: Metrics


def find_or_train_teacher(
    spec: SweepSpec,
    dataset: ImageDataset,
    extractor: Extractor,
    tracking: Tracking,
    display: Display | None = None,
    again: bool = False,
) -> Teacher:
    """The spec's teacher, trained only if the registry has none of its identity, or `again`.

    A new version becomes the champion when it has the lowest FID of all versions measured under its
    protocol. Raises ArtifactError when the stored one is damaged.
    """
    model, architecture = f"{dataset.name}-teacher", spec.teacher_architecture(dataset)
    identity = value_digest(
        {
            "kind": "teacher",
            "architecture": architecture.model_dump(),
            "training": spec.teacher.training.model_dump(mode="json"),
            "dataset": dataset.digest,
            "seed": spec.seed,
        }
    )
    version = None if again else tracking.find_version(model, identity)
    if version is None:
        version = _train_teacher(
            spec, dataset, architecture, extractor, tracking, display or QuietDisplay(), model, identity
        )
    generator, card = load_generator(tracking.fetch(version))
    same_protocol = card.protocol_digest == extractor.protocol.digest
    metrics = Metrics(**card.metrics) if same_protocol else extractor.evaluator.evaluate(generator)
    return Teacher(generator, card, f"{model}/{version.version}", metrics)


def find_or_build_pool(
    spec: SweepSpec, teacher: Teacher, folder: Path, display: Display | None = None
) -> tuple[Path, TeacherPool]:
    """The teacher's pool in `folder`, built if there is none, and checked. Raises ArtifactError."""
    latents_NL = pool_latents(spec.teacher.pool_size, spec.teacher.latent_size, seed_at(spec.seed, "pool"))
    return _find_or_build(teacher, latents_NL, folder, "teacher's pool", display)


def find_or_build_agreement_pool(
    spec: SweepSpec, teacher: Teacher, folder: Path, display: Display | None = None
) -> tuple[Path, TeacherPool]:
    """The teacher's images at latents that no student learns at, built if there are none, and checked."""
    latents_NL = agreement_latents(spec.teacher.latent_size, spec.evaluation.latent_seed)
    return _find_or_build(teacher, latents_NL, folder, "held-out latents", display)


def _find_or_build(
    teacher: Teacher, latents_NL: Tensor, folder: Path, name: str, display: Display | None
) -> tuple[Path, TeacherPool]:
    identity = value_digest({"teacher": teacher.card.weights_digest, "latents": array_digest(latents_NL.numpy())})
    path = folder / f"{identity[:32]}.arrow"
    if not path.exists():
        with (display or QuietDisplay()).step(name, len(latents_NL)) as update:
            for done in build_pool(teacher.generator, teacher.card.weights_digest, path, latents_NL):
                update(done, "")
    pool = open_pool(path)
    pool.verify()
    return path, pool


def _train_teacher(
    spec: SweepSpec,
    dataset: ImageDataset,
    architecture: GeneratorConfig,
    extractor: Extractor,
    tracking: Tracking,
    display: Display,
    model: str,
    identity: str,
) -> ModelVersion:
    training = spec.teacher.training
    with tracking.model_run(model, {KIND: "teacher", IDENTITY: identity}) as run_id:
        tracking.log(run_id, params={**architecture.model_dump(), "kimg": training.kimg, "seed": spec.seed})
        began = time.monotonic()
        points = [training.kimg * i / BAR_UPDATES for i in range(1, BAR_UPDATES)]
        with display.step("teacher", training.kimg) as update:
            note, metrics = "", None
            for number, progress in enumerate(
                train_gan(architecture, training, dataset, seed_at(spec.seed, "teacher"), points), start=1
            ):
                if progress.diverged:
                    raise SweepError(
                        "A teacher's losses stay finite",
                        f"NaN or infinity at {progress.kimg:.0f} kimg",
                        "Lower the learning rates in teacher.training, or change spec.seed.",
                    )
                if number % (BAR_UPDATES // TEACHER_REPORTS) == 0 or progress.kimg >= training.kimg:
                    metrics = extractor.evaluator.evaluate(progress.generator)
                    tracking.log(run_id, {**metrics.as_dict(), **progress.losses}, progress.kimg)
                    note = f"FID {metrics.fid:.1f}"
                update(progress.kimg, note)
        assert metrics is not None
        tracking.log(run_id, {"wall_s": time.monotonic() - began})
        card = GeneratorCard(
            architecture=architecture,
            parameters=count_parameters(architecture),
            dataset=dataset.name,
            dataset_digest=dataset.digest,
            training=training.model_dump(mode="json"),
            kimg=progress.kimg,
            seed=spec.seed,
            metrics=metrics.as_dict(),
            protocol_digest=extractor.protocol.digest,
        )
        return _register_teacher(tracking, extractor, model, run_id, identity, progress.generator, card)


def _register_teacher(
    tracking: Tracking,
    extractor: Extractor,
    model: str,
    run_id: str,
    identity: str,
    generator: Generator,
    card: GeneratorCard,
) -> ModelVersion:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card = save_generator(folder, generator, card)
        latents_BL = extractor.evaluator.latents(card.architecture.latent_size)[:64]
        save_grid(generate(generator, latents_BL), folder / "samples.png")
        tags = {
            IDENTITY: identity,
            "weights_digest": card.weights_digest,
            "protocol_digest": card.protocol_digest,
            "fid": repr(card.metrics["fid"]),
            "parameters": str(card.parameters),
            "kimg": str(card.kimg),
        }
        version = tracking.register(model, run_id, folder, tags)
    rivals = [v for v in tracking.versions(model) if v.tags.get("protocol_digest") == card.protocol_digest]
    tracking.crown(min(rivals, key=lambda rival: float(rival.tags["fid"])))
    return version
