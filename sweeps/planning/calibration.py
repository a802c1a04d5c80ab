"""This module measures for a moment, on this machine, how long a trial takes and how much memory it needs.

It does so in a process of its own, so that the peak of that process's memory is the peak of a trial.
"""

import itertools
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import torch

from analysis import Mode
from gan import (
    Classifier,
    ClassifierConfig,
    DataRoot,
    Evaluator,
    GanTrainingConfig,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Progress,
    Protocol,
    RealReference,
    TeacherPool,
    agreement,
    agreement_latents,
    build_generator,
    build_pool,
    distill,
    load_dataset,
    mac_g,
    open_pool,
    pool_latents,
    save_checkpoint,
    train_gan,
)
from sweeps.spec.sweep import SweepSpec

WARM_UP_STEPS, TIMED_STEPS = 3, 12
POOL_IMAGES = 1024
# What is timed apart: the two modes of a student, its distillation with a GAN term beside it, and a teacher.
JOINT, TEACHER = "joint", "teacher"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A Pace is what one kind of training takes for a generator of `mac_g`.

    `s_per_kimg` are seconds of training, `evaluation_s` those of a rung's measurement, `ending_s` those of the last
    one.
    """

    kind: str  # a Mode, JOINT or TEACHER
    mac_g: float
    s_per_kimg: float
    evaluation_s: float
    ending_s: float


@dataclass(frozen=True)
class Calibration:
    """A Calibration has the paces measured, the peak memory of the process, and the size of the largest checkpoint."""

    paces: tuple[Pace, ...]
    memory_gib: float
    _: KW_ONLY
    checkpoint_bytes: int

    def trial_s(self, kind: str, mac: float, *, kimg: float, rungs: int) -> float:
        """Returns the seconds of a training of `kind`, measured at `rungs` rungs and at the end.

        A generator of `mac` lies between the sizes that were timed, and so do its seconds.
        """
        paces = sorted((pace for pace in self.paces if pace.kind == kind), key=lambda pace: pace.mac_g)
        training_s = _between(paces, mac, name="s_per_kimg") * kimg + _between(paces, mac, name="evaluation_s") * rungs
        return training_s + _between(paces, mac, name="ending_s")


def calibrate(
    spec: SweepSpec, data_root: DataRoot, *, students: Sequence[GeneratorConfig], gan_weight: float
) -> Calibration:
    """Returns the paces of `students` and of the teacher, each timed for a few steps. This takes about 10 seconds."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    measured = {"data_root": data_root, "students": list(students), "gan_weight": gan_weight}
    process = context.Process(target=_measure_in_child, args=(sender, spec), kwargs=measured)
    process.start()
    sender.close()
    try:
        found: Calibration | Exception = receiver.recv()
    except EOFError:
        raise MemoryError("the calibration was ended, most likely for want of memory") from None
    finally:
        process.join()
    if isinstance(found, Exception):
        raise found
    return found


def _measure_in_child(
    sender: "multiprocessing.connection.Connection[Calibration | Exception, None]",
    spec: SweepSpec,
    *,
    data_root: DataRoot,
    students: list[GeneratorConfig],
    gan_weight: float,
) -> None:
    try:
        sender.send(_measure(spec, data_root, students=students, gan_weight=gan_weight))
    except Exception as error:
        sender.send(error)


def _measure(
    spec: SweepSpec, data_root: DataRoot, *, students: list[GeneratorConfig], gan_weight: float
) -> Calibration:
    torch.set_num_threads(min(spec.resources.cpus_per_trial, os.cpu_count() or 1))
    dataset = load_dataset(spec.dataset, data_root)
    evaluator = _evaluator(spec, dataset)
    # A student takes as long with an untrained teacher's images as with a trained one's.
    teacher, space = build_generator(students[-1], seed=0).eval(), spec.teacher.space
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = max(POOL_IMAGES, spec.student.batch_size)
        pool = _pool_at(folder / "pool.arrow", teacher, latents_NL=pool_latents(images, space, seed=0))
        held_out = _pool_at(folder / "agreement.arrow", teacher, latents_NL=agreement_latents(space, 0))
        lesson, paces = Lesson(pool, dataset), list[Pace]()
        for student in students:
            for kind, weight in ((Mode.DISTILLED, 0.0), (JOINT, gan_weight)):
                if kind == Mode.DISTILLED or weight:
                    steps = _distillation(spec, student, lesson=lesson, gan_weight=weight)
                    paces.append(_pace(kind, student, steps=steps, evaluator=evaluator, held_out=held_out))
            steps = _gan_training(spec, student, training=spec.baseline.training, dataset=dataset)
            paces.append(_pace(Mode.SCRATCH, student, steps=steps, evaluator=evaluator))
        size = _checkpoint_bytes(
            folder / "checkpoint", spec, student=students[-1], lesson=lesson, gan_weight=gan_weight
        )
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if not hasattr(spec.teacher, "path"):
        large = spec.teacher_architecture
        steps = _gan_training(spec, large, training=spec.trained_teacher.training, dataset=dataset)
        paces.append(_pace(TEACHER, large, steps=steps, evaluator=evaluator))
    return Calibration(tuple(paces), peak_kib / 2**20, checkpoint_bytes=size)


def _pool_at(path: Path, teacher: Generator, *, latents_NL: torch.Tensor) -> TeacherPool:
    list(build_pool(teacher, "untrained", path=path, latents_NL=latents_NL))
    return open_pool(path)


def _distillation(
    spec: SweepSpec, student: GeneratorConfig, *, lesson: Lesson, gan_weight: float
) -> Iterator[Progress]:
    recipe, points = spec.student, _points(spec.student.batch_size)
    recipe = recipe.model_copy(update={"gan_weight": gan_weight, "feature_weight": 0.0, "kimg": points[-1]})
    return distill(student, recipe, lesson=lesson, seed=0, report_at_kimg=points, compute=spec.resources.compute)


def _gan_training(
    spec: SweepSpec, architecture: GeneratorConfig, *, training: GanTrainingConfig, dataset: ImageDataset
) -> Iterator[Progress]:
    points = _points(training.batch_size)
    return train_gan(
        architecture,
        training.model_copy(update={"kimg": points[-1]}),
        dataset=dataset,
        seed=0,
        report_at_kimg=points,
        compute=spec.resources.compute,
    )


def _checkpoint_bytes(
    path: Path, spec: SweepSpec, *, student: GeneratorConfig, lesson: Lesson, gan_weight: float
) -> int:
    """Returns the size of a checkpoint, written at `path`, of a student's distillation."""
    recipe = spec.student.model_copy(update={"gan_weight": gan_weight, "kimg": 1e-3, "feature_weight": 0.0})
    *_, last = distill(student, recipe, lesson=lesson, seed=0, compute=spec.resources.compute)
    save_checkpoint(path, last.checkpoint(), identity="calibration")
    return path.stat().st_size


def _evaluator(spec: SweepSpec, dataset: ImageDataset) -> Evaluator:
    config = spec.extractor if isinstance(spec.extractor, ClassifierConfig) else ClassifierConfig()
    network = Classifier(config, dataset.image_channels, num_classes=dataset.num_classes).eval()
    protocol = Protocol(
        dataset_digest=dataset.digest,
        extractor="untrained",
        extractor_digest="untrained",
        num_samples=spec.evaluation.num_samples,
        inception_splits=spec.evaluation.inception_splits,
    )
    return Evaluator(protocol, network, real=RealReference.of(network, dataset))


def _points(batch_size: int) -> tuple[float, float]:
    return WARM_UP_STEPS * batch_size / 1000, (WARM_UP_STEPS + TIMED_STEPS) * batch_size / 1000


def _pace(
    kind: str,
    architecture: GeneratorConfig,
    *,
    steps: Iterator[Progress],
    evaluator: Evaluator,
    held_out: TeacherPool | None = None,
) -> Pace:
    warm = next(steps)
    began = time.perf_counter()
    last = next(steps)
    elapsed = time.perf_counter() - began
    began = time.perf_counter()
    evaluator.evaluate(last.generator)
    evaluation_s = time.perf_counter() - began
    began = time.perf_counter()
    evaluator.evaluate(last.generator, whole=True)
    if held_out:
        agreement(last.generator, held_out)
    ending_s = time.perf_counter() - began
    return Pace(
        kind=kind,
        mac_g=mac_g(architecture),
        s_per_kimg=elapsed / (last.kimg - warm.kimg),
        evaluation_s=evaluation_s,
        ending_s=ending_s,
    )


def _between(paces: Sequence[Pace], mac: float, *, name: str) -> float:
    """Returns the pace at `mac`: linear between the sizes that were timed, and constant beyond them."""
    points = [(pace.mac_g, float(getattr(pace, name))) for pace in paces]
    if mac <= points[0][0]:
        return points[0][1]
    for (low, at_low), (high, at_high) in itertools.pairwise(points):
        if low <= mac <= high:
            return at_low + (at_high - at_low) * (mac - low) / (high - low) if high > low else at_low
    return points[-1][1]
