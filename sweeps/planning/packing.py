"""This module says how many trials share a GPU: what is measured, which count is chosen, and where that is kept.

A small student leaves a big GPU idle most of the time. The count is tried at 1, 2, 4, 8 and so on, as long as another
doubling is worth it and fits.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, ValidationError

from gan import AdversarialConfig, Compute, DistillationConfig, GeneratorConfig
from gan.config import Config
from gan.digests import value_digest
from sweeps.planning.packing_trial import Trace
from sweeps.planning.points import largest_student
from sweeps.spec.critics import critic_opponent
from sweeps.spec.models import ExtractorSpec
from sweeps.spec.resources import MOST_TRIALS_PER_GPU
from sweeps.spec.sweep import SweepSpec

LEAST_GAIN = 0.1  # the share by which a doubling must raise the images per second
MOST_MEMORY = 0.9  # the share of the device's memory that trials may take
GIB = 2**30


class Load(Config):
    """A Load is what a trial puts on the device, and how many there may be: all that the count depends on."""

    version: int = 1  # of the measuring code
    device: str  # its name, such as NVIDIA H100 80GB HBM3
    most: int  # as many trials as there are cores for
    architecture: GeneratorConfig
    recipe: DistillationConfig
    # Of the teacher's critic where the recipe needs it; left out elsewhere, as in measurements from before.
    critic: AdversarialConfig | None = Field(default=None, exclude_if=lambda critic: critic is None)
    compute: Compute
    threads: int
    extractor: ExtractorSpec

    @classmethod
    def of(cls, spec: SweepSpec, device: str, *, cores: float, compute: Compute | None = None) -> "Load":
        """Returns the load of the sweep's largest student, on a device for which its machine has `cores` cores."""
        architecture, recipe = largest_student(spec)
        threads = spec.resources.cpus_per_trial
        return cls(
            device=device,
            most=max(1, min(MOST_TRIALS_PER_GPU, int(cores / threads))),
            architecture=architecture,
            recipe=recipe.model_copy(update={"gan_from": 0.0}),  # a moment of the training that has all its terms
            critic=critic_opponent(spec) if recipe.needs_critic else None,
            compute=compute or spec.resources.compute,
            threads=threads,
            extractor=spec.extractor,
        )

    @classmethod
    def here(cls, spec: SweepSpec, num_cpus: int | None = None) -> "Load":
        """Returns the load on this machine's first GPU, with `num_cpus` cores for all its GPUs together.

        Raises GanError where there is no GPU.
        """
        name = device_name(spec.resources.compute)
        return cls.of(spec, name, cores=(num_cpus or os.cpu_count() or 1) / torch.cuda.device_count())

    @property
    def digest(self) -> str:
        return value_digest(self.model_dump(mode="json"))


class Measurement(Config):
    """A Measurement is of `trials` at once: the images per second of all, and the device's memory in use meanwhile."""

    trials: int
    images_per_s: float
    memory_bytes: int


class Memory(Config):
    """Memory is that of a device in all, and how much of it was in use before the first trial."""

    total_bytes: int
    before_bytes: int

    def holds(self, measurement: Measurement) -> bool:
        """Returns whether the trials that were measured left some memory free."""
        return measurement.memory_bytes <= MOST_MEMORY * self.total_bytes

    def room(self, measurement: Measurement) -> int:
        """Returns for how many trials there is memory, if each takes as much as those that were measured."""
        each = max(1.0, (measurement.memory_bytes - self.before_bytes) / measurement.trials)
        return int((MOST_MEMORY * self.total_bytes - self.before_bytes) / each)


class Packing(Config):
    """A Packing has what was measured on a device, and the count that was chosen."""

    trials: int
    device: str
    memory: Memory
    measurements: tuple[Measurement, ...]  # none where the largest student has no memory even alone

    @property
    def gain(self) -> float:
        """Returns the images per second of all trials, divided by those of one trial that has the device to itself."""
        rates = {measurement.trials: measurement.images_per_s for measurement in self.measurements}
        return rates[self.trials] / rates[1] if rates else 1.0

    @property
    def slowdown(self) -> float:
        """Returns how many times as long as alone a trial takes."""
        return self.trials / self.gain

    def sentence(self) -> str:
        """Returns the count and its figures as one line of a log."""
        trials = f"packing: {self.trials} trial{'s' * (self.trials != 1)} on a GPU"
        if not self.measurements:
            return f"{trials} ({self.device} has no memory for the largest student, not even for one)"
        rates = ", ".join(f"{found.trials}: {found.images_per_s:,.0f}" for found in self.measurements)
        used = next(found.memory_bytes for found in self.measurements if found.trials == self.trials)
        memory = f"{used / GIB:.1f} of {self.memory.total_bytes / GIB:.1f} GiB"
        return f"{trials}, {self.gain:.1f} times the images of one ({self.device}; images/s of {rates}; {memory})"


def device_name(compute: Compute) -> str:
    """Returns the name of the device on which trials compute. Raises GanError where there is none."""
    return torch.cuda.get_device_name() if compute.torch_device.type == "cuda" else "CPU"


def next_count(found: Sequence[Measurement], memory: Memory, *, most: int) -> int | None:
    """Returns how many trials are tried after those in `found`; None where no more are worth it, or fit.

    That is twice as many, or as many as there is room for: `most` by the cores, and 90% of the device's memory.
    """
    if not found:
        return 1
    last = found[-1]
    if len(found) > 1 and last.images_per_s < (1 + LEAST_GAIN) * found[-2].images_per_s:
        return None
    count = min(2 * last.trials, most, memory.room(last))
    return count if count > last.trials else None


def chosen_count(found: Sequence[Measurement], memory: Memory) -> int:
    """Returns the least count that fits and comes close to the most images per second; 1 where nothing was measured.

    Close means within LEAST_GAIN, for which no doubling is worth it.
    """
    fitting = [measurement for measurement in found if memory.holds(measurement)] or list(found[:1])
    best = max((measurement.images_per_s for measurement in fitting), default=0.0)
    enough = (found.trials for found in fitting if found.images_per_s * (1 + LEAST_GAIN) > best)
    return min(enough, default=1)


def joint_rate(traces: Sequence[Trace]) -> float:
    """Returns the images per second of all trainings together, over the span in which all of them ran.

    Between two moments of a trace images are taken to come evenly. Each trace has two moments at least.
    """
    begin, end = max(trace[0][0] for trace in traces), min(trace[-1][0] for trace in traces)
    assert begin < end, "they ran at the same time"
    columns = (tuple(zip(*trace, strict=True)) for trace in traces)
    images = [np.interp((begin, end), moments, seen) for moments, seen in columns]
    return float(sum(at_end - at_begin for at_begin, at_end in images) / (end - begin))


class KeptPackings:
    """The kept packings are earlier measurements, in packings/ of the data directory.

    Each is a JSON file, named by the digest of what it depends on.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "packings"

    def find(self, load: Load) -> Packing | None:
        """Returns the packing of an equal load; None where there is none, or what is there cannot be read."""
        try:
            return _Kept.model_validate_json(self._path(load).read_text()).packing
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, load: Load, packing: Packing) -> None:
        """Write the packing, all or nothing."""
        path = self._path(load)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(_Kept(load=load, packing=packing).model_dump_json(indent=2) + "\n")
        unfinished.replace(path)

    def _path(self, load: Load) -> Path:
        return self._folder / f"{load.digest[:32]}.json"


class _Kept(Config):
    load: Load
    packing: Packing
