"""This module is Ray Tune's view of the rungs at which trials are stopped."""

from collections.abc import Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from analysis import Phase, TrialState
from sweeps.search.rungs import Rungs
from sweeps.trial.request import Job


class RungSurvival(FIFOScheduler):
    """RungSurvival is Ray Tune's scheduler over the rungs of each sweep, None for one that prunes nothing.

    Only the search is judged.
    """

    def __init__(self, rungs: Mapping[str, Rungs | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # their base class has no types
        self._rungs = rungs

    def on_trial_result(self, tune_controller: object, trial: Trial, result: Mapping[str, Any]) -> str:
        """Returns STOP or CONTINUE for a trial that reported."""
        request = Job.model_validate_json(trial.config["job"]).request
        rungs = self._rungs.get(trial.config["sweep"])
        if rungs is None or result.get("state") != TrialState.RUNNING or request.phase != Phase.SEARCH:
            return str(TrialScheduler.CONTINUE)
        survives = rungs.learn(request.key, float(result["kimg"]), metrics=result)
        return str(TrialScheduler.CONTINUE if survives else TrialScheduler.STOP)

    def debug_string(self) -> str:
        return f"{sum(rungs.count for rungs in self._rungs.values() if rungs is not None)} results at the rungs"
