"""What a trial occupies, how it computes, and where in a cluster it may run."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from cluster import storage_address
from gan import Compute
from gan.config import Config


class ResourceSpec(Config):
    """What one trial occupies and how it computes; both change rounding, so they are part of the spec.

    `gpus_per_trial` above 0 puts teacher, students and extractor on the GPU, of which a fraction lets several
    trials share one. `fused_trials` students of one architecture are distilled in one process, a step of all of them
    at a time, where a phase knows its trials beforehand: fresh seeds, and a grid that prunes nothing.
    """

    cpus_per_trial: Annotated[int, Field(ge=1, le=256)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0, le=8)] = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False
    fused_trials: Annotated[int, Field(ge=1, le=64)] = 1

    @property
    def compute(self) -> Compute:
        """Where and how precisely networks run."""
        device = "cuda" if self.gpus_per_trial > 0 else "cpu"
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
