"""This module makes a trial of a point of a sweep's space: here the search crosses into the domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis import Phase
from sweeps.models.foundation import Foundation
from sweeps.planning.points import architecture_at
from sweeps.spec.space import Value
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import TrialRequest


@dataclass(frozen=True)
class Requests:
    """Requests are what a sweep on its foundation asks of a worker for a point."""

    spec: SweepSpec
    foundation: Foundation

    def student(self, point: Mapping[str, Value], phase: Phase = Phase.SEARCH) -> TrialRequest:
        """Returns the distillation of the point's student."""
        recipe, fused = self.spec.recipe(point), self.spec.fused(phase)
        critic = self.foundation.critic if recipe.needs_critic else None
        digest = critic.digest if critic else None
        return self._request(point, phase=phase, distillation=recipe, fused=fused, critic_digest=digest)

    def baseline(self, twin: Mapping[str, Value]) -> TrialRequest:
        """Returns the training from scratch of the student `twin`."""
        return self._request(twin, phase=Phase.BASELINE, training=self.spec.baseline.training)

    def _request(self, point: Mapping[str, Any], **what: Any) -> TrialRequest:
        foundation, spec = self.foundation, self.spec
        return TrialRequest(
            architecture=architecture_at(spec, point),
            seed=int(point.get("seed", spec.student_seeds[0])),
            teacher_digest=foundation.teacher.weights_digest,
            pool_digest=foundation.pool_digest,
            protocol_digest=foundation.protocol.digest,
            threads=spec.resources.cpus_per_trial,
            compute=spec.resources.compute,
            **what,
        )
