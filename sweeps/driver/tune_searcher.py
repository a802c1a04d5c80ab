"""This module is Ray Tune's view of the queues that jobs come from."""

from collections.abc import Callable, Sequence
from typing import Any

from ray.tune.search import Searcher

from analysis import TrialState
from cluster import Share
from sweeps.driver.tune_config import config_of, result_of
from sweeps.search.queues import JobQueue, NoJob
from sweeps.trial.request import Job


class QueueSearcher(Searcher):
    """A QueueSearcher shows Ray Tune several queues, which together take no more than their `share` of a cluster."""

    def __init__(
        self,
        queues: Sequence[JobQueue],
        may_start: Callable[[], bool] = lambda: True,
        *,
        share: Share | None = None,
    ) -> None:
        super().__init__()
        self._queues, self._may_start, self._share = list(queues), may_start, share
        self._running: dict[str, tuple[JobQueue, tuple[Job, ...]]] = {}
        self._fused: dict[str, dict[str, Any]] = {}  # what fused trials reported last

    def suggest(self, trial_id: str) -> Any:
        """Returns the next trial's configuration; None where one may come later, FINISHED where none will."""
        if not self._may_start():
            return str(Searcher.FINISHED)  # those that run come to their end
        if self._share and not self._share.allows(len(self._running)):
            return None
        waiting = False
        for queue in sorted(self._queues, key=self._running_of):
            jobs = queue.next_fused()
            if not isinstance(jobs, NoJob):
                if self._share:
                    self._share.wants(more=True)
                self._running[trial_id] = queue, jobs
                return config_of(queue.sweep, jobs)
            waiting |= jobs is NoJob.YET
        if self._share:
            self._share.wants(more=False)
        return None if waiting else str(Searcher.FINISHED)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Remember how fused trials stand: some may have ended when another one fails later."""
        if "fused" in result:
            self._fused[trial_id] = result

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the queue that asked for the trial; a second message about the same one is ignored."""
        if trial_id in self._running:
            queue, jobs = self._running.pop(trial_id)
            before = self._fused.pop(trial_id, {})
            for job in jobs:
                found = result_of(before if error else result, job)
                queue.ended(job, {} if error and found.get("state") == TrialState.RUNNING else found)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: study and ledger are the state, and no pickle of it is written or read."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing, as for `save`."""

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its whole configuration at the start, for a restore that is never used here.
        return {}

    def _running_of(self, queue: JobQueue) -> int:
        return sum(owner is queue for owner, _ in self._running.values())
