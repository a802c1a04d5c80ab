"""What a trial occupies, how it computes, and where in a cluster it may run."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from cluster import storage_address
from gan import Compute
from gan.config import Config

MOST_TRIALS_PER_GPU = 64
RAYS_UNITS = 10_000  # of a GPU: Ray counts fractions of it in whole ones of these


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
    """What one trial occupies and how it computes; what changes rounding is part of a trial's identity.

    `gpus_per_trial` above 0 puts teacher, students and extractor on the GPU, of which a fraction lets several
    trials share one. So does `trials_per_gpu`, which says how many share one, or `auto`: as many as are found worth
    it before the first of them begins. What a trial computes does not depend on how many there are.
    `fused_trials` students of one architecture are distilled in one process, a step of all of them at a time, where
    a phase knows its trials beforehand: fresh seeds, and a grid that prunes nothing.
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
        """GPUs that a trial occupies; None as long as `trials_per_gpu: auto` is not `packed`.

        A part of one is rounded down to what Ray can count, so that exactly as many trials as are said share it.
        """
        if self.trials_per_gpu is None:
            return self.gpus_per_trial
        return None if self.trials_per_gpu == "auto" else RAYS_UNITS // self.trials_per_gpu / RAYS_UNITS

    @property
    def gpus_before_packing(self) -> float:
        """GPUs that what is trained before the trials occupies: a whole one where their part is not known yet."""
        return 1.0 if self.gpus is None else self.gpus

    def packed(self, trials: int) -> "ResourceSpec":
        """The same with so many trials on a GPU."""
        return self.model_copy(update={"gpus_per_trial": 0.0, "trials_per_gpu": trials})

    @property
    def compute(self) -> Compute:
        """Where and how precisely networks run."""
        device = "cpu" if self.gpus == 0 else "cuda"
        return Compute.model_validate(
            {"device": device, "precision": self.precision, "channels_last": self.channels_last}
        )


class ClusterSpec(Config):
    """Where the trials of a sweep on a cluster run and keep their files. No row depends on it: it may change any time.

    storage: a path that every node has mounted, or s3://bucket/prefix.
    labels: of the nodes on which trials may run, such as {ray.io/accelerator-type: H100}.
    resources: custom resources of Ray that a trial occupies beside cores and GPUs, such as {licence: 1}.
    grows: nodes may come, so a trial for which no node has room now is waited for instead of refused.
    """

    storage: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    grows: bool = False

    @field_validator("storage")
    @classmethod
    def _is_reachable(cls, storage: str | None) -> str | None:
        return None if storage is None else storage_address(storage)
