"""This module times trainings for a moment: as many steps as fit into a budget of seconds, on few images where slow.

What is extrapolated: seconds are linear in images, so a large batch is timed as a small one, and what a generator takes
for all samples of an evaluation as for some of them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, TypeVar

import torch

from gan import AnyGenerator, GeneratorConfig, Progress, generate
from gan.compute import set_threads as set_compute_threads

BUDGET_S = 0.35  # for the steps of one training, the first ones, which warm up, not counted
PROBED_BATCH, STEPS = 4, (1, 2, 4, 8, 16)  # images of a first look; steps after which the clock is read
MOST_GENERATED, GENERATION_S = 256, 0.15


class Stage(Protocol):
    """A Stage is where a training stands after `kimg`."""

    @property
    def kimg(self) -> float: ...


StageT = TypeVar("StageT", bound=Stage, covariant=True)


class Training(Protocol[StageT]):
    """A Training is that of a student, a GAN or a critic in batches of a size, with its reports after so many kimg."""

    def __call__(self, *, batch: int, points: tuple[float, ...]) -> Iterator[StageT]: ...


@dataclass(frozen=True)
class Timing:
    """A Timing says what a training takes, and what the generator that it made takes for an image."""

    s_per_kimg: float
    generation_s: float
    _: KW_ONLY
    last: Progress
    batch_size: int


def time_training(training: Training[Progress], batch_size: int, *, threads: int) -> Timing:
    """Returns what a training in batches of `batch_size` takes, in about BUDGET_S seconds of all threads."""
    s_per_kimg, last, batch = _paced(training, batch_size, threads=threads)
    return Timing(s_per_kimg, _generation_s(last.generator), last=last, batch_size=batch)


def seconds_per_kimg(training: Training[Stage], batch_size: int, *, threads: int) -> float:
    """Returns the seconds of a thousand images of a training that makes no generator, timed as `time_training` does."""
    return _paced(training, batch_size, threads=threads)[0]


def _paced(training: Training[StageT], batch_size: int, *, threads: int) -> tuple[float, StageT, int]:
    """Returns the seconds of a thousand images, where the training then stands, and the size of its batches."""
    budget_s = BUDGET_S / threads
    look = _steps(training, min(PROBED_BATCH, batch_size), budget_s=budget_s / 8)
    affordable = budget_s / 3 / (look[0] / 1000)  # images of a step, of which three are taken at least
    batch = affordable_batch(batch_size, affordable)
    s_per_kimg, last = _steps(training, batch, budget_s=budget_s) if batch > PROBED_BATCH else look
    return s_per_kimg, last, batch


def affordable_batch(batch_size: int, affordable: float) -> int:
    """Returns the batch, halved until it has no more than so many images, or than PROBED_BATCH.

    A half is a multiple of PROBED_BATCH: a critic with minibatch deviation takes no others.
    """
    batch = batch_size
    while batch > max(affordable, PROBED_BATCH):
        batch = max(batch // 2 // PROBED_BATCH * PROBED_BATCH, PROBED_BATCH)
    return batch


def _steps(training: Training[StageT], batch: int, *, budget_s: float) -> tuple[float, StageT]:
    """Returns the seconds of a thousand images, and where the training stands after the last step that was timed."""
    points_kimg = tuple(step * batch / 1000 for step in STEPS)
    steps, last_kimg = training(batch=batch, points=points_kimg), points_kimg[-1]
    warm = next(steps)
    began = clock_s()
    progress, elapsed_s = warm, 0.0
    while progress is warm or (elapsed_s < budget_s and progress.kimg < last_kimg):
        progress = next(steps)
        elapsed_s = clock_s() - began
    return elapsed_s / (progress.kimg - warm.kimg), progress


def _generation_s(generator: AnyGenerator) -> float:
    inputs_NI = generator.config.inputs(MOST_GENERATED, "plan", seed=0)
    return seconds_each(
        lambda count: generate(generator, inputs_NI[:count]), most=MOST_GENERATED, budget_s=GENERATION_S
    )


def seconds_each(work: Callable[[int], object], *, most: int, budget_s: float) -> float:
    """Returns the seconds of one among `most`, timed on the largest power of two of them that fits into the budget."""
    count, elapsed_s = 1, 0.0
    work(1)  # the first time is slower
    while True:
        began = clock_s()
        work(count)
        elapsed_s = clock_s() - began
        if count >= most or 3 * elapsed_s > budget_s:
            return elapsed_s / count
        count = min(2 * count, most)


def clock_s() -> float:
    """Returns the seconds that this process has computed, a thread's share of them; by the clock where it uses a GPU.

    What else the machine does lengthens seconds by the clock, and these hardly.
    """
    return time.perf_counter() if torch.cuda.is_initialized() else time.process_time() / torch.get_num_threads()


def stored_bytes(config: GeneratorConfig, count: int) -> int:
    """Returns the bytes of `count` images as they are generated."""
    return count * config.image_channels * config.image_size**2


def set_threads(wanted: int, cores: int) -> int:
    """Sets how many threads this process computes with, and returns it."""
    threads = min(wanted, cores)
    set_compute_threads(threads)
    return threads
