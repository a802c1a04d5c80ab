"""This module states what a trial occupies, how it computes, and where in a cluster it may run."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from cluster import storage_address
from gan import Compute
from gan.config import Config

MOST_TRIALS_PER_GPU = 64
RAYS_UNITS = 10_000  # Ray counts fractions of a GPU in whole units, of which it has so many


def _trials_per_gpu(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_TRIALS_PER_GPU
    if value is None or value == "auto" or is_count:
        return value
    raise ValueError(
        f"trials that share a GPU are auto or 1 to {MOST_TRIALS_PER_GPU}, got {value!r}; write one of them"
    )


TrialsPerGpu = Annotated[
    Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_TRIALS_PER_GPU)] | None, BeforeValidator(_trials_per_gpu)
]


class ResourceSpec(Config):
    """This is what one trial occupies and how it computes. What changes rounding is part of a trial's identity.

    With `gpus_per_trial` above 0 teacher, students and extractor are on the GPU; with a fraction several trials share
    one. `trials_per_gpu` says instead how many trials share one. With `auto`, as many do as are found worth it by a
    measurement before the first trial begins. What a trial computes does not depend on how many there are.

    `fused_trials` students of one architecture are distilled in one process, a step of all of them at a time, wherever
    the trials are known beforehand: for fresh seeds, and for a grid that prunes nothing.
    """

    cpus_per_trial: Annotated[int, Field(ge=1, le=256)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0, le=8)] = 0.0
    trials_per_gpu: TrialsPerGpu = None
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False
    fused_trials: Annotated[int, Field(ge=1, le=64)] = 1

    @model_validator(mode="after")
    def _says_once_what_a_trial_has(self) -> "ResourceSpec":
        if self.gpus_per_trial > 0 and self.trials_per_gpu is not None:
            raise ValueError(
                "a trial's part of a GPU is gpus_per_trial or trials_per_gpu, got gpus_per_trial "
                f"{self.gpus_per_trial:g} and trials_per_gpu {self.trials_per_gpu}; leave one of them out"
            )
        if self.trials_per_gpu == "auto" and self.fused_trials > 1:
            raise ValueError(
                "trials_per_gpu auto is measured with one student in a process, got fused_trials "
                f"{self.fused_trials}; give trials_per_gpu as a number"
            )
        return self

    @property
    def gpus(self) -> float | None:
        """Returns the GPUs that a trial occupies; None as long as `packed` has not replaced `trials_per_gpu: auto`.

        A part of a GPU is rounded down to what Ray can count, so that exactly as many trials as are stated share one.
        """
        if self.trials_per_gpu is None:
            return self.gpus_per_trial
        return None if self.trials_per_gpu == "auto" else RAYS_UNITS // self.trials_per_gpu / RAYS_UNITS

    @property
    def gpus_before_packing(self) -> float:
        """Returns the GPUs for trainings before the trials: a whole one where a trial's part is not known yet."""
        return 1.0 if self.gpus is None else self.gpus

    def packed(self, trials: int) -> "ResourceSpec":
        """Returns the same resources with `trials` trials on a GPU."""
        return self.model_copy(update={"gpus_per_trial": 0.0, "trials_per_gpu": trials})

    @property
    def compute(self) -> Compute:
        """Returns where and how precisely networks run."""
        device = "cpu" if self.gpus == 0 else "cuda"
        return Compute.model_validate(
            {"device": device, "precision": self.precision, "channels_last": self.channels_last}
        )


class ClusterSpec(Config):
    """This is where the trials of a sweep on a cluster run and keep their files. No row depends on it: it may change.

    storage: a path that every node has mounted, or s3://bucket/prefix.
    labels: trials run only on nodes with these labels, such as {ray.io/accelerator-type: H100}.
    resources: custom resources of Ray that a trial occupies beside cores and GPUs, such as {licence: 1}.
    grows: nodes may come, so a trial for which no node has room now waits instead of being refused.
    """

    storage: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    grows: bool = False

    @field_validator("storage")
    @classmethod
    def _is_reachable(cls, storage: str | None) -> str | None:
        return None if storage is None else storage_address(storage)
