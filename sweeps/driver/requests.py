"""This module makes a trial of a point of a sweep's space: here the search crosses into the domain."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from analysis import Phase
from sweeps.deployment.latencies import LatencyBook
from sweeps.models.foundation import Foundation
from sweeps.planning.points import architecture_at
from sweeps.spec.space import Value
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import Job, TrialRequest


@dataclass(frozen=True)
class Requests:
    """Requests are what a sweep on its foundation asks of a worker for a point.

    `latencies` are those of its students where they lead the search.
    """

    spec: SweepSpec
    foundation: Foundation
    _: KW_ONLY
    latencies: LatencyBook | None = None

    def job(self, request: TrialRequest, trial: int, *, point: Mapping[str, Value]) -> Job:
        """Returns the job of a trial, whose student is timed before it is trained, where that leads the search."""
        latency = self.latencies.of(request.architecture) if self.latencies else None
        return Job(request=request, trial=trial, point=dict(point), latency=latency)

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
