"""This module is a process that trains one student for as long as it is told to, among others on the same device.

Images are random ones of the data set's shape: their content changes neither speed nor memory.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from gan import (
    AdversarialConfig,
    Compute,
    DifferentiableExtractor,
    DistillationConfig,
    GeneratorConfig,
    Lesson,
    distill,
    evaluation_latents,
    generate,
    load_extractor,
)
from gan.extractors.features import extract
from sweeps.planning.random_images import random_images, untrained_critic

STEPS = 8  # between two looks at the clock: each look waits for the device
LOOKS = 1000  # so many make one training, after which another begins
IMAGES = 512  # the batch of an extractor

Trace = Sequence[tuple[float, float]]  # a training's (seconds on a clock that all processes share, images seen)


@dataclass(frozen=True, kw_only=True)
class PackedTrial:
    """A PackedTrial is what the process trains, and the extractor that it holds as well.

    `extractor` is the folder or file of an extractor of `kind`.
    """

    architecture: GeneratorConfig
    recipe: DistillationConfig
    critic: AdversarialConfig | None  # of the teacher's, where the recipe needs it
    compute: Compute
    threads: int
    kind: str
    extractor: Path


def train_when_told(pipe: "Connection[Any, Any]", trial: PackedTrial) -> None:
    """Warm up and say so; then, for each number of seconds from the pipe, train for so long and answer with the trace.

    The extractor reads images once, since that may be what takes most memory of a trial. An exception is sent, not
    raised.
    """
    try:
        torch.set_num_threads(trial.threads)
        training = _training(trial)
        next(training)
        pipe.send("warm")
        while True:
            pipe.send(_timed(training, pipe.recv()))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:
        pipe.send(error)


def _timed(training: Iterator[int], seconds: float) -> Trace:
    began, seen = time.monotonic(), 0
    trace = [(began, 0.0)]
    while trace[-1][0] < began + seconds:
        seen += next(training)
        trace.append((time.monotonic(), float(seen)))
    return trace


def _training(trial: PackedTrial) -> Iterator[int]:
    """Yields, without end, how many images were seen since the look before; each look has waited for the device."""
    network = load_extractor(trial.kind, trial.extractor, device=trial.compute.torch_device).network
    features = network.features if isinstance(network, DifferentiableExtractor) else None
    dataset, pool = random_images(trial.architecture, max(IMAGES, 2 * trial.recipe.batch_size))
    critic = untrained_critic(trial.architecture, trial.critic) if trial.critic else None
    lesson, batch = Lesson(pool, dataset, features=features, critic=critic), trial.recipe.batch_size
    points = [look * STEPS * batch / 1000 for look in range(1, LOOKS + 1)]
    recipe = trial.recipe.model_copy(update={"kimg": points[-1], "start": "random"})
    is_warm = False
    while True:
        for progress in distill(
            trial.architecture,
            recipe,
            lesson=lesson,
            seed=0,
            report_at_kimg=points,
            compute=trial.compute,
        ):
            if not is_warm:
                latents = evaluation_latents(IMAGES, trial.architecture, seed=0)
                extract(network, generate(progress.generator, latents))
                is_warm = True
            yield STEPS * batch
