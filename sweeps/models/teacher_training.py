"""This module trains a teacher and registers it: the generator of the lowest FID, the last one, and their critic."""

import copy
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import (
    Critic,
    CriticJudgement,
    Generator,
    GeneratorCard,
    ImageDataset,
    Metrics,
    Progress,
    count_parameters,
    save_critic,
    save_generator,
    train_gan,
)
from gan.seeds import seed_at
from sweeps.display import Update
from sweeps.errors import SweepError
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.tags import IDENTITY, KIND
from sweeps.models.critics import card_of, judged, metrics_of
from sweeps.models.extractors import Extractor
from sweeps.models.identity import ModelIdentity
from sweeps.models.mlflow_models import save_mlflow_model
from sweeps.models.teacher_versions import LAST, register_teacher, save_samples
from sweeps.models.workshop import Workshop
from sweeps.spec.sweep import SweepSpec

TEACHER_REPORTS = 10  # evaluations over a teacher's training
BAR_UPDATES = 100


@dataclass(frozen=True)
class _Snapshot:
    """A _Snapshot is a generator in training and its critic, as they were at `kimg`."""

    generator: Generator
    kimg: float
    _: KW_ONLY
    critic: Critic
    metrics: Metrics


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """A training has the snapshot of the lowest FID, the last one, and how the critic judged at each report."""

    best: _Snapshot
    last: _Snapshot
    judgements: tuple[CriticJudgement, ...]


def train_teacher(
    spec: SweepSpec, dataset: ImageDataset, *, extractor: Extractor, workshop: Workshop, identity: ModelIdentity
) -> ModelVersion:
    """Trains the spec's teacher. Returns the new version. Raises SweepError where the training diverged."""
    tracking = workshop.tracking
    architecture, training = spec.teacher_architecture, spec.trained_teacher.training
    with tracking.model_run(identity.model, {KIND: "teacher", IDENTITY: identity.digest}) as run_id:
        tracking.log(run_id, params={**architecture.model_dump(), "kimg": training.kimg, "seed": spec.seed})
        began = time.monotonic()

        def log(metrics: dict[str, float], kimg: float) -> None:
            tracking.log(run_id, metrics, kimg=kimg)

        with workshop.display.step("teacher", training.kimg) as update:
            trained = _train(spec, dataset, extractor=extractor, log=log, update=update)
        best, last = trained.best, trained.last
        places = {"best_fid": best.metrics.fid, "best_kimg": best.kimg, "last_fid": last.metrics.fid}
        tracking.log(run_id, {**places, "wall_s": time.monotonic() - began})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "model"
            save_mlflow_model(best.generator, folder)
            card = _card(spec, dataset, snapshot=best, extractor=extractor)
            stored = save_generator(folder, best.generator, card=card)
            if last.kimg > best.kimg:
                card = _card(spec, dataset, snapshot=last, extractor=extractor)
                save_generator(folder / LAST, last.generator, card=card)
            critic_card = card_of(
                best.critic,
                dataset,
                training=training.model_dump(mode="json"),
                kimg=best.kimg,
                seed=spec.seed,
                judgements=trained.judgements,
            )
            save_critic(folder / CRITIC, best.critic, card=critic_card)
            save_samples(best.generator, folder, extractor=extractor)
            return register_teacher(
                tracking, identity, run_id=run_id, folder=folder, card=stored, judgement=critic_card.judgement
            )


def _card(spec: SweepSpec, dataset: ImageDataset, *, snapshot: _Snapshot, extractor: Extractor) -> GeneratorCard:
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


def _train(
    spec: SweepSpec,
    dataset: ImageDataset,
    *,
    extractor: Extractor,
    log: Callable[[dict[str, float], float], None],
    update: Update,
) -> _Trained:
    """Trains to the end. `log` is given what was measured at each report."""
    training, note, judgements = spec.trained_teacher.training, "", []
    best: _Snapshot | None = None
    for number, progress in enumerate(_steps(spec, dataset), start=1):
        critic, kimg = progress.critic, progress.kimg
        assert critic, "a teacher learns from a critic"
        if progress.diverged:
            raise SweepError(
                "A teacher's losses stay finite",
                f"NaN or infinity at {kimg:.0f} kimg",
                "Lower the learning rates in teacher.training, or change spec.seed.",
            )
        if number % (BAR_UPDATES // TEACHER_REPORTS) == 0 or kimg >= training.kimg:
            generator, loss = progress.generator, training.adversarial.loss
            metrics = extractor.evaluator.evaluate(generator, whole=True)
            judgement = judged(critic, generator, loss=loss, dataset=dataset, extractor=extractor, kimg=kimg)
            judgements.append(judgement)
            log({**metrics.as_dict(), **progress.losses, **metrics_of(judgement)}, kimg)
            last = _Snapshot(generator, kimg, critic=critic, metrics=metrics)
            if best is None or metrics.fid <= best.metrics.fid:
                best = copy.deepcopy(last)
            note = f"FID {metrics.fid:.1f}, critic's accuracy {judgement.accuracy:.0%}"
        update(kimg, note)
    assert best is not None, "the end is a report"
    return _Trained(best=best, last=last, judgements=tuple(judgements))


def _steps(spec: SweepSpec, dataset: ImageDataset) -> Iterator[Progress]:
    training = spec.trained_teacher.training
    return train_gan(
        spec.teacher_architecture,
        training,
        dataset=dataset,
        seed=seed_at(spec.seed, "teacher"),
        report_at_kimg=[training.kimg * i / BAR_UPDATES for i in range(1, BAR_UPDATES)],
        compute=spec.resources.compute,
    )
