"""What a preset's students stand on: extractor, teacher, its critic and its pool, made once into a folder by gan alone.

The teacher is that of the lowest FID among the reports of its training, with the critic of the same report. It is
trained where the preset's `resources` say.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan import (
    Critic,
    CriticCard,
    Evaluator,
    Generator,
    GeneratorCard,
    ImageDataset,
    Lesson,
    Metrics,
    Protocol,
    RealReference,
    Scores,
    build_pool,
    count_parameters,
    default_data_root,
    load_classifier,
    load_critic,
    load_dataset,
    load_generator,
    open_pool,
    pool_latents,
    save_classifier,
    save_critic,
    save_generator,
    train_classifier,
    train_gan,
)
from gan.extractors.classifier import Classifier, ClassifierCard
from sweeps import SweepSpec
from sweeps.spec.models import ClassifierSpec

REPORTS = 16  # of the teacher's training: the best of so many is kept

Say = Callable[[str], None]


@dataclass(frozen=True)
class Standing:
    """All of it, loaded; `teacher` has the card's metrics, `real` those of held-out images."""

    dataset: ImageDataset
    evaluator: Evaluator
    lesson: Lesson
    teacher: GeneratorCard
    real: Scores


def standing_of(spec: SweepSpec, folder: Path, say: Say) -> Standing:
    """What `folder` has of the spec's data set and teacher, and makes what it has not."""
    folder.mkdir(parents=True, exist_ok=True)
    _require_same(spec, folder)
    dataset = load_dataset(spec.dataset, default_data_root())
    evaluator = evaluator_of(spec, dataset, folder=folder, say=say)
    if not (folder / "teacher" / "card.json").exists():
        _train_teacher(spec, dataset, evaluator=evaluator, folder=folder, say=say)
    teacher, card = load_generator(folder / "teacher")
    teacher.to(spec.resources.compute.torch_device)
    pool = folder / "pool.arrow"
    if not pool.exists():
        latents = pool_latents(spec.teacher.pool_size, teacher.config, seed=spec.seed)
        list(build_pool(teacher, card.weights_digest, path=pool, latents_NL=latents))
    lesson = Lesson(open_pool(pool), dataset, critic=load_critic(folder / "critic")[0], teacher=teacher)
    return Standing(dataset, evaluator, lesson, card, evaluator.evaluate_held_out(dataset))


def _require_same(spec: SweepSpec, folder: Path) -> None:
    """A folder belongs to one data set, extractor, teacher and measurement."""
    made_by = spec.model_dump_json(include={"dataset", "extractor", "teacher", "seed", "evaluation"}, indent=1)
    path = folder / "made-by.json"
    if path.exists() and path.read_text() != made_by:
        raise SystemExit(f"{path} states another data set, extractor, teacher or evaluation: give another --folder.")
    path.write_text(made_by)


def evaluator_of(spec: SweepSpec, dataset: ImageDataset, *, folder: Path, say: Say) -> Evaluator:
    """The measurement by the preset's classifier, which is trained where `folder` has none."""
    if not isinstance(spec.extractor, ClassifierSpec):
        raise SystemExit("The extractor is a classifier here: give a preset that has one.")
    place = folder / "extractor"
    if not (place / "card.json").exists():
        *_, trained = train_classifier(spec.extractor, dataset)
        card = ClassifierCard(
            config=spec.extractor,
            image_channels=dataset.image_channels,
            num_classes=dataset.num_classes,
            dataset=dataset.name,
            dataset_digest=dataset.digest,
            held_out_accuracy=trained.held_out_accuracy,
        )
        save_classifier(place, trained.classifier, card=card)
        say(f"extractor: accuracy {trained.held_out_accuracy:.1%}")
    classifier, kept = load_classifier(place)
    classifier.to(spec.resources.compute.torch_device)
    protocol = Protocol(
        dataset_digest=dataset.digest,
        extractor="classifier",
        extractor_digest=kept.weights_digest,
        num_samples=spec.evaluation.num_samples,
        inception_splits=spec.evaluation.inception_splits,
    )
    return Evaluator(protocol, classifier, real=_reference(classifier, dataset, folder))


def _reference(classifier: Classifier, dataset: ImageDataset, folder: Path) -> RealReference:
    path = folder / "reference.safetensors"
    if not path.exists():
        RealReference.of(classifier, dataset).save(path)
    return RealReference.load(path)


@dataclass(frozen=True, kw_only=True)
class _Best:
    """The teacher at its best report."""

    generator: Generator
    critic: Critic
    kimg: float
    metrics: Metrics


def _train_teacher(spec: SweepSpec, dataset: ImageDataset, *, evaluator: Evaluator, folder: Path, say: Say) -> None:
    training, architecture = spec.trained_teacher.training, spec.teacher_architecture
    began = time.process_time()
    best = _best_of_training(spec, dataset, evaluator=evaluator, say=say)
    cpu_s = time.process_time() - began
    critic = best.critic
    about: dict[str, Any] = {
        "dataset": dataset.name,
        "dataset_digest": dataset.digest,
        "training": training.model_dump(mode="json"),
        "kimg": best.kimg,
        "seed": spec.seed,
    }
    critic_card = CriticCard(
        architecture=critic.config,
        norm=critic.norm,
        image_size=architecture.image_size,
        image_channels=architecture.image_channels,
        num_classes=critic.num_classes,
        **about,
    )
    save_critic(folder / "critic", critic, card=critic_card)
    card = GeneratorCard(
        architecture=architecture,
        parameters=count_parameters(architecture),
        metrics={**best.metrics.as_dict(), "cpu_s": cpu_s},
        protocol_digest=evaluator.protocol.digest,
        **about,
    )
    save_generator(folder / "teacher", best.generator, card=card)
    say(f"teacher: FID {best.metrics.fid:.1f} at {best.kimg:g} kimg, {cpu_s:.0f} CPU s with its reports")


def _best_of_training(spec: SweepSpec, dataset: ImageDataset, *, evaluator: Evaluator, say: Say) -> _Best:
    training, architecture = spec.trained_teacher.training, spec.teacher_architecture
    points = [training.kimg * (number + 1) / REPORTS for number in range(REPORTS)]
    best: _Best | None = None
    trained = train_gan(
        architecture,
        training,
        dataset=dataset,
        seed=spec.seed,
        report_at_kimg=points,
        compute=spec.resources.compute,
    )
    for progress in trained:
        if progress.diverged:
            break
        metrics = evaluator.evaluate(progress.generator)
        critic_loss = progress.losses["critic_loss"]
        say(f"teacher at {progress.kimg:g} kimg: FID {metrics.fid:.1f}, critic's loss {critic_loss:.2f}")
        if best is None or metrics.fid < best.metrics.fid:
            assert progress.critic
            best = _Best(
                generator=copy.deepcopy(progress.generator),
                critic=copy.deepcopy(progress.critic),
                kimg=progress.kimg,
                metrics=metrics,
            )
    if best is None:
        raise SystemExit("The teacher's training diverged: give it another recipe with --set.")
    return best
