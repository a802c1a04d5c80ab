"""This module states what one trial is asked to do, and the identity that follows from it."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

from pydantic import Field

from analysis import Mode
from gan import (
    AdversarialConfig,
    Compute,
    CriticConfig,
    DistillationConfig,
    GanTrainingConfig,
    GeneratorConfig,
    fusing_kind,
)
from gan.config import Config
from gan.digests import value_digest
from gan.networks.bits import FLOAT_BITS, Bits
from sweeps.ledger.measurements import DeployedLatency
from sweeps.spec.earlier import unsaid_before
from sweeps.spec.phases import PhaseField
from sweeps.spec.search import LATENCY
from sweeps.spec.space import Value


class TrialRequest(Config):
    """A TrialRequest is complete: which generator, how it is made, from which teacher, and how it is measured.

    Exactly one of `distillation` (mode distilled) and `training` (mode scratch) is given. `fused` is the number of
    places in the process that distils it. Like `threads` it decides the last bits, whichever trials have the other
    places.
    """

    phase: PhaseField
    architecture: GeneratorConfig
    distillation: DistillationConfig | None = None
    training: GanTrainingConfig | None = None
    seed: int
    teacher_digest: str
    pool_digest: str
    # Of the teacher's critic where the student learns from it; left out elsewhere, as in trials from before.
    critic_digest: str | None = Field(default=None, exclude_if=lambda digest: digest is None)
    protocol_digest: str
    threads: int
    fused: Annotated[int, Field(ge=1)] = 1
    compute: Compute = Compute()

    @property
    def mode(self) -> Mode:
        return Mode.DISTILLED if self.distillation else Mode.SCRATCH

    @property
    def kimg(self) -> float:
        """Returns the full budget, in thousands of images."""
        recipe = self.distillation or self.training
        assert recipe is not None
        return recipe.kimg

    @property
    def gan_weight(self) -> float | None:
        """Returns the weight of the GAN term; None for a baseline, whose only term it is."""
        return self.distillation.gan_weight if self.distillation else None

    @property
    def scheme(self) -> str | None:
        """Returns in words what the student learns by beside MSE and a plain GAN term; None where by nothing else."""
        return (self.distillation.scheme or None) if self.distillation else None

    @property
    def bits(self) -> Bits:
        """Returns of how many bits each weight is when the trial has ended."""
        return self.distillation.bits if self.distillation else FLOAT_BITS

    @property
    def key(self) -> str:
        """Returns the trial's identity: a digest of all that its row depends on, and of nothing else.

        The phase is left out (it says why a trial ran, not what it computed), and of the recipe what has no effect.
        """
        recipe = self.distillation and _with_effect(self.distillation)
        request = self.model_copy(update={"distillation": recipe})
        # Trials from before there were fused ones, or other statistics, keep their identity.
        left_out: dict[str, Any] = {"phase": True, "fused": self.fused == 1}
        for name, of in (("distillation", self.distillation), ("training", self.training)):
            left_out[name] = unsaid_before(of)
        return value_digest(request.model_dump(mode="json", exclude=left_out))

    @property
    def fusing_key(self) -> str:
        """Returns a key, equal for requests that can be fused: they differ only in seed, weights and optimisers."""
        assert self.distillation, "only students are fused"
        kind = fusing_kind(self.distillation).model_dump(mode="json")
        return value_digest([self.model_dump(mode="json", exclude={"seed", "distillation"}), kind])


_OF_GAN_TERM = {"opponent", "real", "gan_from", "gan_every"}


def _with_effect(recipe: DistillationConfig) -> DistillationConfig:
    """Returns a recipe whose settings without an effect on its student have their defaults.

    Without a GAN term the critic's loss, width, steps and rate have none either, and stay: trials from before have them
    in their identities. Against the teacher's critic the student's own is none.
    """
    idle = set() if recipe.matches_critic else {"critic_features"}
    idle |= set() if recipe.pixel_weight else {"pixels"}
    changes: dict[str, object] = {}
    if not recipe.gan_weight:
        idle |= _OF_GAN_TERM
        critic = recipe.adversarial.critic.model_copy(update=_defaults(CriticConfig, {"gain", "minibatch_deviation"}))
        often = _defaults(AdversarialConfig, {"critic_every"})
        changes["adversarial"] = recipe.adversarial.model_copy(update={"critic": critic, **often})
    elif recipe.opponent == "teacher":
        changes["adversarial"] = recipe.adversarial.model_copy(update={"critic": CriticConfig()})
    return recipe.model_copy(update=changes | _defaults(DistillationConfig, idle))


def _defaults(kind: type[Config], names: set[str]) -> dict[str, object]:
    return {name: kind.model_fields[name].default for name in names}


class Job(Config):
    """A Job is a request on its way to a worker: its ordinal in the sweep, and the point of the space it came from.

    `latency` is measured beforehand where it leads the search.
    """

    request: TrialRequest
    trial: int
    point: dict[str, bool | float | int | str]
    latency: DeployedLatency | None = None

    @property
    def priced(self) -> dict[str, float]:
        """Returns the measured cost that leads the search, by its name as an objective; nothing where none does."""
        return {LATENCY: self.latency.median_ms} if self.latency else {}

    @property
    def point_json(self) -> str:
        """Returns the searched values by name, as the same text for the same values."""
        return json.dumps(self.point, sort_keys=True)


class ToJob(Protocol):
    """A ToJob makes the job of a trial, with what is measured before it is trained."""

    def __call__(self, request: TrialRequest, trial: int, *, point: Mapping[str, Value]) -> Job: ...


def unmeasured_job(request: TrialRequest, trial: int, *, point: Mapping[str, Value]) -> Job:
    """Returns the job of a trial of which nothing is measured beforehand."""
    return Job(request=request, trial=trial, point=dict(point))
