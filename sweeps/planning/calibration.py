"""This module measures for some seconds, on this machine, how long a trial takes and how much memory it needs.

It does so in a process of its own, so that the peak of that process's memory is the peak of a trial, and on random
images, whose content changes neither: a plan needs no data. What is extrapolated `paces` and `measuring` say; memory is
measured where a batch is not too slow, and what a whole batch and all samples of an evaluation hold beyond it is added.
"""

import itertools
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path

from analysis import Mode
from gan import (
    CriticProgress,
    DataRoot,
    DistillationConfig,
    GanError,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Progress,
    TeacherPool,
    distill,
    mac_g,
    save_checkpoint,
    train_critic,
    train_gan,
    training_bytes,
)
from gan.training.optimisation import STATISTICS_IMAGES
from sweeps.planning.measuring import EXTRACTED, Measuring, agreement_images, time_measuring
from sweeps.planning.paces import Timing, seconds_per_kimg, set_threads, stored_bytes, time_training
from sweeps.planning.random_images import random_images, untrained_critic
from sweeps.spec.critics import critic_opponent, critic_training, makes_critic
from sweeps.spec.models import TeacherSpec
from sweeps.spec.sweep import SweepSpec

# What is timed apart: the two modes of a student, its distillation with a GAN term beside it, and a teacher.
JOINT, TEACHER = "joint", "teacher"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A Pace is what one kind of training takes for a generator of `mac_g`.

    `s_per_kimg` are seconds of training, `evaluation_s` those of a rung's measurement, `ending_s` those of the last
    one; None where they could not be timed.
    """

    kind: str  # a Mode, JOINT or TEACHER
    mac_g: float
    s_per_kimg: float
    evaluation_s: float | None
    ending_s: float | None


@dataclass(frozen=True)
class Calibration:
    """A Calibration has the paces measured, the peak memory of a trial, and the size of the largest checkpoint.

    `unmeasured` says what could not be measured, and why.
    """

    paces: tuple[Pace, ...]
    memory_gib: float | None
    _: KW_ONLY
    checkpoint_bytes: int
    critic_s: float | None = None  # to train a critic against the teacher, where the sweep does so
    unmeasured: tuple[str, ...] = ()

    def trial_s(self, kind: str, mac: float, *, kimg: float, rungs: int) -> float | None:
        """Returns the seconds of a training of `kind`, measured at `rungs` rungs and at the end.

        A generator of `mac` lies between the sizes that were timed, and so do its seconds. None where the measurements
        could not be timed.
        """
        paces = sorted((pace for pace in self.paces if pace.kind == kind), key=lambda pace: pace.mac_g)
        training_s, rung_s, ending_s = (
            _between([(pace.mac_g, getattr(pace, name)) for pace in paces], mac)
            for name in ("s_per_kimg", "evaluation_s", "ending_s")
        )
        if training_s is None or rung_s is None or ending_s is None:
            return None
        return training_s * kimg + rung_s * rungs + ending_s


def calibrate(
    spec: SweepSpec, data_root: DataRoot, *, students: Sequence[GeneratorConfig], gan_weight: float
) -> Calibration:
    """Returns the paces of `students` and of the teacher, each timed for a few steps. This takes about 10 seconds.

    `gan_weight` is the greatest of the space. Nothing of the data set is read, and nothing is downloaded.
    """
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
    threads = set_threads(spec.resources.cpus_per_trial, os.cpu_count() or 1)
    largest = students[-1]
    dataset, pool = random_images(largest, max(EXTRACTED, spec.student.batch_size, spec.baseline.batch_size))
    measuring, unmeasured = _measuring(spec, data_root, dataset=dataset)
    critic = untrained_critic(largest, critic_opponent(spec))
    lesson, paces, timings = Lesson(pool, dataset, critic=critic), list[Pace](), list[tuple[str, Timing]]()
    for student in students:
        for kind, weight in _kinds(spec, gan_weight):
            if kind == Mode.SCRATCH:
                training = partial(_gan_training, spec, student, training=spec.baseline.training, dataset=dataset)
                batch_size = spec.baseline.batch_size
            else:
                training = partial(_distillation, spec, student, lesson=lesson, gan_weight=weight)
                batch_size = spec.student.batch_size
            timing = time_training(training, batch_size, threads=threads)
            timings.append((kind, timing))
            paces.append(_pace(kind, student, timing=timing, spec=spec, measuring=measuring))
    peak_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    checkpoint_bytes = _checkpoint_bytes([timing for kind, timing in timings if kind != Mode.SCRATCH][-1])
    if isinstance(spec.teacher, TeacherSpec):
        large, recipe = spec.teacher_architecture, spec.teacher.training
        images, _ = random_images(large, recipe.batch_size)
        training = partial(_gan_training, spec, large, training=recipe, dataset=images)
        timing = time_training(training, recipe.batch_size, threads=threads)
        paces.append(_pace(TEACHER, large, timing=timing, spec=spec, measuring=measuring))
    return Calibration(
        tuple(paces),
        (peak_bytes + _bytes_beyond(spec, largest, timed=timings[-1][1].batch_size)) / 2**30,
        checkpoint_bytes=checkpoint_bytes,
        critic_s=_critic_s(spec, dataset, pool=pool, threads=threads) if makes_critic(spec) else None,
        unmeasured=unmeasured,
    )


def _measuring(
    spec: SweepSpec, data_root: DataRoot, *, dataset: ImageDataset
) -> tuple[Measuring | None, tuple[str, ...]]:
    try:
        return time_measuring(spec, data_root, images_NCHW=dataset.train_images), ()
    except GanError as error:
        return None, (f"hours, of which measuring is a part: {error}",)


def _kinds(spec: SweepSpec, gan_weight: float) -> list[tuple[str, float]]:
    """Returns the kinds of training that the sweep's students have, each with its weight of the GAN term."""
    joint = [(JOINT, gan_weight)] if gan_weight else []
    return [(Mode.DISTILLED, 0.0), *joint, (Mode.SCRATCH, 0.0)]


def _distillation(
    spec: SweepSpec,
    student: GeneratorConfig,
    *,
    batch: int,
    points: tuple[float, ...],
    lesson: Lesson,
    gan_weight: float,
) -> Iterator[Progress]:
    changes = {
        "gan_weight": gan_weight,
        "feature_weight": 0.0,
        "gan_from": 0.0,
        "start": "random",
        "kimg": points[-1],
        "batch_size": batch,
    }
    recipe = spec.student.model_copy(update=changes)
    return distill(student, recipe, lesson=lesson, seed=0, report_at_kimg=points, compute=spec.resources.compute)


def _gan_training(
    spec: SweepSpec,
    architecture: GeneratorConfig,
    *,
    batch: int,
    points: tuple[float, ...],
    training: GanTrainingConfig,
    dataset: ImageDataset,
) -> Iterator[Progress]:
    return train_gan(
        architecture,
        training.model_copy(update={"kimg": points[-1], "batch_size": batch}),
        dataset=dataset,
        seed=0,
        report_at_kimg=points,
        compute=spec.resources.compute,
    )


def _critic_s(spec: SweepSpec, dataset: ImageDataset, *, pool: TeacherPool, threads: int) -> float:
    """Returns the seconds in which a critic is trained against the teacher, without its judgements, which are few."""
    recipe = critic_training(spec)

    def training(*, batch: int, points: tuple[float, ...]) -> Iterator[CriticProgress]:
        timed = recipe.model_copy(update={"kimg": points[-1], "batch_size": batch})
        compute = spec.resources.compute
        return train_critic(timed, pool=pool, dataset=dataset, seed=0, report_at_kimg=points, compute=compute)

    return recipe.kimg * seconds_per_kimg(training, recipe.batch_size, threads=threads)


def _pace(
    kind: str, architecture: GeneratorConfig, *, timing: Timing, spec: SweepSpec, measuring: Measuring | None
) -> Pace:
    evaluation_s = ending_s = None
    if measuring:
        images = spec.evaluation.num_samples + _statistics_images(kind, spec)
        evaluation_s = images * timing.generation_s + measuring.rung_s
        ending_s = evaluation_s + measuring.whole_s
        if kind in (Mode.DISTILLED, JOINT):
            ending_s += agreement_images() * timing.generation_s + measuring.agreement_s
    return Pace(
        kind=kind,
        mac_g=mac_g(architecture),
        s_per_kimg=timing.s_per_kimg,
        evaluation_s=evaluation_s,
        ending_s=ending_s,
    )


def _statistics_images(kind: str, spec: SweepSpec) -> int:
    """Returns how many images a generator makes for its BatchNorm statistics each time that it is measured."""
    if kind == TEACHER:
        recipe: GanTrainingConfig | DistillationConfig = spec.trained_teacher.training
    else:
        recipe = spec.baseline if kind == Mode.SCRATCH else spec.student
    return STATISTICS_IMAGES if recipe.batchnorm_statistics == "standing" else 0


def _checkpoint_bytes(timing: Timing) -> int:
    """Returns the size of a checkpoint of a student's distillation, which the size of its batches does not change."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "checkpoint"
        save_checkpoint(path, timing.last.checkpoint(), identity="calibration")
        return path.stat().st_size


def _bytes_beyond(spec: SweepSpec, largest: GeneratorConfig, *, timed: int) -> int:
    """Returns what a trial of the largest student holds beyond what was held here: a whole batch, and all samples."""
    batch = max(spec.student.batch_size, spec.baseline.batch_size)
    of_batch = training_bytes(largest, batch) - training_bytes(largest, min(timed, batch))
    samples = spec.evaluation.num_samples
    return of_batch + stored_bytes(largest, samples) + 8 * samples * spec.extractor.features


def _between(points: Sequence[tuple[float, float | None]], mac: float) -> float | None:
    """Returns the seconds at `mac`: linear between the sizes that were timed, and constant beyond them."""
    known = [(size, seconds) for size, seconds in points if seconds is not None]
    if not known or mac <= known[0][0]:
        return known[0][1] if known else None
    for (low, at_low), (high, at_high) in itertools.pairwise(known):
        if low <= mac <= high:
            return at_low + (at_high - at_low) * (mac - low) / (high - low) if high > low else at_low
    return known[-1][1]
