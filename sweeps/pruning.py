"""Stopping trials early when there are two objectives.

Asynchronous successive halving (Li et al., 2020) promotes the best 1/eta of a rung by one number. Here a
result is judged by its non-dominated rank (Deb et al., 2002) among all (parameters, FID) seen at the same
rung, so that a small student is not stopped merely for being small.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import moocore
import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from sweeps.ledger import Objectives, finite_objectives
from sweeps.requests import Job
from sweeps.search_spec import PruningSpec


def goes_on(result: Objectives, others: Sequence[Objectives], rule: PruningSpec) -> bool:
    """Whether a trial with `result` at a rung goes on, given what `others` reached there.

    It does if no other dominates it, or if fewer than 1/eta of all, itself among them, have a better
    non-dominated rank. The order of `others` is of no account.
    """
    if 1 + len(others) < rule.min_trials:
        return True
    points_NK = np.array([result, *others], dtype=np.float64)
    rank_N = moocore.pareto_rank(points_NK)
    better = int((rank_N < rank_N[0]).sum())
    return better == 0 or better < len(points_NK) / rule.eta


class RungSurvival(FIFOScheduler):
    """Ray Tune's scheduler over `goes_on`: each trial is judged once at each rung, among its own sweep's trials.

    NaN and infinities are no results: such a trial is stopped by nobody and compared with nobody.
    """

    def __init__(self, rule: PruningSpec, rungs_kimg: Sequence[float]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rule, self._rungs_kimg = rule, sorted(rungs_kimg)
        self._results: dict[tuple[str, int], dict[str, Objectives]] = {}  # (sweep, rung) -> trial -> result

    def learn(self, sweep: str, key: str, kimg: float, parameters: float, fid: float) -> bool:
        """Note the result of the trial `key` at `kimg`. Returns whether it goes on."""
        rung = bisect_right(self._rungs_kimg, kimg) - 1
        result = finite_objectives(parameters, fid)
        if rung < 0 or result is None:
            return True
        results = self._results.setdefault((sweep, rung), {})
        # Reported again after a restart, it stays as it was judged.
        results.setdefault(key, result)
        others = [other for name, other in results.items() if name != key]
        return goes_on(result, others, self._rule)

    def on_trial_result(self, tune_controller: object, trial: Trial, result: Mapping[str, object]) -> str:
        """STOP or CONTINUE for a trial that reported."""
        request = Job.model_validate_json(trial.config["job"]).request
        if result.get("state") != "RUNNING" or request.phase != "search":
            return str(TrialScheduler.CONTINUE)
        values = (float(str(result[name])) for name in ("kimg", "parameters", "fid"))
        survives = self.learn(trial.config["sweep"], request.key, *values)
        return str(TrialScheduler.CONTINUE if survives else TrialScheduler.STOP)

    def debug_string(self) -> str:
        return f"{sum(map(len, self._results.values()))} results at {len(self._rungs_kimg)} rungs"
