"""This module stops trials early when there are two objectives.

Asynchronous successive halving (Li et al., 2020) promotes the best 1/eta of a rung by one number. Here a result is
judged by its non-dominated rank (Deb et al., 2002) among all (cost, quality) seen at the same rung, by default
(parameters, FID), so that a small student is not stopped merely for being small.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import moocore
import numpy as np

from sweeps.ledger.records import Objectives, finite_objectives
from sweeps.spec.search import OBJECTIVES, PruningSpec
from sweeps.spec.sweep import SweepSpec

Minimised = tuple[float, float]  # (cost, quality), the smaller the better


def goes_on(result: Minimised, others: Sequence[Minimised], *, rule: PruningSpec) -> bool:
    """Returns whether a trial with `result` at a rung continues, given what `others` reached there.

    It does if no other dominates it, or if fewer than 1/eta of all, itself among them, have a better non-dominated
    rank. The order of `others` does not matter.
    """
    if 1 + len(others) < rule.min_trials:
        return True
    points_NK = np.array([result, *others], dtype=np.float64)
    rank_N = moocore.pareto_rank(points_NK)
    better = int((rank_N < rank_N[0]).sum())
    return better == 0 or better < len(points_NK) / rule.eta


class Rungs:
    """The Rungs have one sweep's results: a trial is judged once at each rung, among all that reached it before.

    NaN and infinities are no results: a trial that has one is not stopped, and is compared with no other.
    """

    def __init__(self, rule: PruningSpec, rungs_kimg: Sequence[float], *, objectives: Sequence[str]) -> None:
        self._rule, self._rungs_kimg, self._names = rule, sorted(rungs_kimg), objectives
        self._signs = [1.0 if OBJECTIVES[name] == "minimize" else -1.0 for name in objectives]
        self._results: list[dict[str, Minimised]] = [{} for _ in self._rungs_kimg]  # rung -> trial -> result

    @classmethod
    def of(cls, spec: SweepSpec) -> "Rungs | None":
        """Returns the rungs at which a sweep's trials are judged; None where nothing is pruned."""
        rule, budget_kimg = spec.search.pruning, spec.student.kimg
        if rule is None:
            return None
        judging = [kimg for kimg in spec.evaluation.rungs_kimg if rule.grace * budget_kimg <= kimg < budget_kimg]
        return cls(rule, judging, objectives=spec.search.objectives)

    def learn(self, key: str, kimg: float, *, metrics: Mapping[str, Any]) -> bool:
        """Note what the trial `key` reached at `kimg`. Returns whether it continues."""
        rung, found = self._rung(kimg), finite_objectives(metrics, self._names)
        if rung is None or found is None:
            return True
        result = self._minimised(found)
        # A result that is reported again after a restart stays as it was judged.
        rung.setdefault(key, result)
        others = [other for name, other in rung.items() if name != key]
        return goes_on(result, others, rule=self._rule)

    def recall(self, key: str, kimg: float, *, objectives: Objectives) -> None:
        """Note what the trial `key` reached at `kimg` before, when it was judged."""
        rung = self._rung(kimg)
        if rung is not None:
            rung.setdefault(key, self._minimised(objectives))

    @property
    def count(self) -> int:
        """Returns how many results there are, at all rungs together."""
        return sum(map(len, self._results))

    def _rung(self, kimg: float) -> dict[str, Minimised] | None:
        place = bisect_right(self._rungs_kimg, kimg) - 1
        return self._results[place] if place >= 0 else None

    def _minimised(self, objectives: Objectives) -> Minimised:
        return objectives[0] * self._signs[0], objectives[1] * self._signs[1]
