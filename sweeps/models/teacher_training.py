"""This module trains a teacher and registers it: the generator of the lowest FID, the last one, and their critic."""

import copy
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import (
    Checkpoint,
    CriticCard,
    GanTrainingConfig,
    GeneratorCard,
    ImageDataset,
    Progress,
    count_parameters,
    save_critic,
    save_generator,
    train_gan,
)
from gan.digests import value_digest
from gan.seeds import seed_at
from gan.training.losses import AdversarialName
from sweeps.display import Update
from sweeps.errors import SweepError
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.tags import IDENTITY, KIND
from sweeps.models.critics import card_of, judged, metrics_of
from sweeps.models.extractors import Extractor
from sweeps.models.identity import ModelIdentity
from sweeps.models.mlflow_models import save_mlflow_model
from sweeps.models.teacher_progress import Reached, Report, Snapshot, Standing, TeacherProgress
from sweeps.models.teacher_versions import LAST, register_teacher, save_samples
from sweeps.models.workshop import Workshop
from sweeps.spec.sweep import SweepSpec

TEACHER_REPORTS = 10  # evaluations over a teacher's training
BAR_UPDATES = 100


def progress_of(identity: ModelIdentity, *, extractor: Extractor, workshop: Workshop) -> TeacherProgress:
    """Returns where the training of a teacher of this identity, measured by this extractor, is kept."""
    versions = [version(name) for name in ("ganlimit", "torch")]  # another may name or lay out its state otherwise
    place = value_digest([identity.digest, extractor.protocol.digest, *versions])[:32]
    return TeacherProgress(workshop.workspace, place)


def train_teacher(
    spec: SweepSpec, dataset: ImageDataset, *, extractor: Extractor, workshop: Workshop, identity: ModelIdentity
) -> ModelVersion:
    """Trains the spec's teacher. Returns the new version. Raises SweepError where the training diverged.

    One that was cut off here, under the same measurement, goes on from its last report.
    """
    tracking = workshop.tracking
    architecture, training = spec.teacher_architecture, spec.trained_teacher.training
    kept = progress_of(identity, extractor=extractor, workshop=workshop)
    standing = kept.found()
    with model_run(tracking, identity.model, tags={KIND: "teacher", IDENTITY: identity.digest}) as run_id:
        tracking.log(run_id, params={**architecture.model_dump(), "kimg": training.kimg, "seed": spec.seed})
        if standing.reports:
            workshop.display.say(f"teacher: goes on at {standing.reports[-1].kimg:g} of {training.kimg:g} kimg")
        for report in standing.reports:
            tracking.log(run_id, report.metrics, kimg=report.kimg)
        began = time.monotonic() - standing.spent_s
        with workshop.display.step("teacher", training.kimg) as update:
            for trained in _reports(spec, dataset, extractor=extractor, kept=kept, standing=standing, update=update):
                tracking.log(run_id, trained.reports[-1].metrics, kimg=trained.last.kimg)
                if not _is_end(trained.last.kimg, training):  # behind the end there is nothing to go on with
                    kept.keep(trained, spent_s=time.monotonic() - began)
        best, last = trained.best, trained.last
        places = {"best_fid": best.metrics.fid, "best_kimg": best.kimg, "last_fid": last.metrics.fid}
        tracking.log(run_id, {**places, "wall_s": time.monotonic() - began})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "model"
            stored, critic = _stored(folder, trained, spec=spec, dataset=dataset, extractor=extractor)
            registered = register_teacher(
                tracking, identity, run_id=run_id, folder=folder, card=stored, judgement=critic.judgement
            )
    kept.delete()
    return registered


def _stored(
    folder: Path, trained: Reached, *, spec: SweepSpec, dataset: ImageDataset, extractor: Extractor
) -> tuple[GeneratorCard, CriticCard]:
    """Writes all that a version has to `folder`. Returns the cards of the best generator and of its critic."""
    best, last = trained.best, trained.last
    save_mlflow_model(best.generator, folder)
    stored = save_generator(folder, best.generator, card=_card(spec, dataset, snapshot=best, extractor=extractor))
    if last.kimg > best.kimg:
        card = _card(spec, dataset, snapshot=last, extractor=extractor)
        save_generator(folder / LAST, last.generator, card=card)
    critic_card = card_of(
        best.critic,
        dataset,
        training=spec.trained_teacher.training.model_dump(mode="json"),
        kimg=best.kimg,
        seed=spec.seed,
        judgements=[report.judgement for report in trained.reports],
    )
    save_critic(folder / CRITIC, best.critic, card=critic_card)
    save_samples(best.generator, folder, extractor=extractor)
    return stored, critic_card


def _card(spec: SweepSpec, dataset: ImageDataset, *, snapshot: Snapshot, extractor: Extractor) -> GeneratorCard:
    architecture = spec.teacher_architecture
    return GeneratorCard(
        architecture=architecture,
        parameters=count_parameters(architecture),
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        training=spec.trained_teacher.training.model_dump(mode="json"),
        kimg=snapshot.kimg,
        seed=spec.seed,
        metrics=snapshot.metrics.as_dict(),
        absent=snapshot.metrics.absent,
        protocol_digest=extractor.protocol.digest,
    )


def _reports(
    spec: SweepSpec,
    dataset: ImageDataset,
    *,
    extractor: Extractor,
    kept: TeacherProgress,
    standing: Standing,
    update: Update,
) -> Iterator[Reached]:
    """Trains to the end from where it stood, and yields at each report. What diverged begins anew the next time."""
    training, note, reports = spec.trained_teacher.training, "", standing.reports
    best: Snapshot | None = None
    for number, progress in enumerate(_steps(spec, dataset, resume=standing.checkpoint), start=standing.updates + 1):
        if progress.diverged:
            kept.delete()
            raise SweepError(
                "A teacher's losses stay finite",
                f"NaN or infinity at {progress.kimg:.0f} kimg",
                "Lower the learning rates in teacher.training, or change spec.seed.",
            )
        if reports and best is None:
            best = _best_of(standing, progress, extractor=extractor)
        if number % (BAR_UPDATES // TEACHER_REPORTS) == 0 or _is_end(progress.kimg, training):
            last, report = _measured(progress, loss=training.adversarial.loss, dataset=dataset, extractor=extractor)
            reports = (*reports, report)
            if best is None or last.metrics.fid <= best.metrics.fid:
                best = copy.deepcopy(last)
            yield Reached(best=best, last=last, reports=reports, updates=number, progress=progress)
            note = f"FID {last.metrics.fid:.1f}, critic's accuracy {report.judgement.accuracy:.0%}"
        update(progress.kimg, note)


def _is_end(kimg: float, training: GanTrainingConfig) -> bool:
    """Returns whether a training has seen its images, which are whole ones."""
    return round(kimg * 1000) >= round(training.kimg * 1000)


def _measured(
    progress: Progress, *, loss: AdversarialName, dataset: ImageDataset, extractor: Extractor
) -> tuple[Snapshot, Report]:
    """Returns where a training stands, and its report."""
    generator, critic, kimg = progress.generator, progress.critic, progress.kimg
    assert critic, "a teacher learns from a critic"
    metrics = extractor.evaluator.evaluate(generator, whole=True)
    judgement = judged(critic, generator, loss=loss, dataset=dataset, extractor=extractor, kimg=kimg)
    report = Report(judgement, {**metrics.as_dict(), **progress.losses, **metrics_of(judgement)})
    return Snapshot(generator, kimg, critic=critic, metrics=metrics), report


def _best_of(standing: Standing, progress: Progress, *, extractor: Extractor) -> Snapshot:
    """Returns the snapshot of the lowest FID so far of a training that goes on, measured as it was then."""
    generator, critic = standing.best(progress)
    metrics = extractor.evaluator.evaluate(generator, whole=True)
    return Snapshot(generator, standing.best_kimg, critic=critic, metrics=metrics)


def _steps(spec: SweepSpec, dataset: ImageDataset, *, resume: Checkpoint | None) -> Iterator[Progress]:
    training = spec.trained_teacher.training
    return train_gan(
        spec.teacher_architecture,
        training,
        dataset=dataset,
        seed=seed_at(spec.seed, "teacher"),
        report_at_kimg=[training.kimg * i / BAR_UPDATES for i in range(1, BAR_UPDATES)],
        compute=spec.resources.compute,
        resume=resume,
    )
