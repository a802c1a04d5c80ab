"""This module runs trials with Ray Tune: as many at once as there are cores, on actors that are reused."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from ray import tune
from ray.tune import FailureConfig, PlacementGroupFactory, RunConfig, TuneConfig
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from analysis import TrialState
from cluster import Share, TrialNeed
from sweeps.display import Refresh
from sweeps.driver.budget import Spending
from sweeps.driver.tune_config import jobs_of, result_of
from sweeps.driver.tune_environment import tune_environment
from sweeps.driver.tune_searcher import QueueSearcher
from sweeps.driver.view import SweepView
from sweeps.errors import tells_of_memory
from sweeps.ledger.delivery import Delivery
from sweeps.search.queues import JobQueue
from sweeps.trial.log import TrialContext, closing, opening
from sweeps.trial.request import Job
from sweeps.trial.worker import run_trial

Work = Callable[[Sequence[Job], TrialContext], None]

RETRIES = 2  # for a trial whose worker was lost
LONGEST_NAME = 60  # of what Ray calls the workers

# Tune lets one trial at a time wait for a worker. If another trial ends meanwhile, the waiting one gets that worker,
# and the worker that was starting for it is thrown away: where trials end more often than workers start, a cluster
# never fills. With a share no more trials are asked for than there are places, and all of them may wait.
ALL_AT_ONCE = {"TUNE_MAX_PENDING_TRIALS_PG": "100000"}


@dataclass(frozen=True)
class TrialsToRun:
    """These are the trials that the `queues` have, until they have no more or the budget is spent.

    Each queue is over one of `contexts`. `need` is what each trial occupies, `scheduler` stops trials early. `work` is
    what a worker does with a job, `share` what these trials may take of a cluster that they share with others.
    """

    contexts: Sequence[TrialContext]
    queues: Sequence[JobQueue]
    _: KW_ONLY
    need: TrialNeed
    scheduler: TrialScheduler
    work: Work = run_trial
    share: Share | None = None

    @property
    def by_sweep(self) -> dict[str, TrialContext]:
        """Returns the contexts by the name of their sweep."""
        return {context.sweep: context for context in self.contexts}


@dataclass(frozen=True)
class Watchers:
    """Watchers hear of every trial: the view, what draws it anew, and the budget, which says when no more may begin."""

    view: SweepView
    spending: Spending
    _: KW_ONLY
    refresh: Refresh = lambda: None


def run_trials(trials: TrialsToRun, watchers: Watchers) -> None:
    """Run the trials with Ray Tune, in the Ray session that is open."""
    by_sweep, share = trials.by_sweep, trials.share
    worker = tune.with_parameters(_run_trial, contexts=by_sweep, work=trials.work)
    worker.__name__ = f"trials-of-{'-'.join(by_sweep)}"[:LONGEST_NAME]  # so Ray's dashboard calls the workers
    settings = ALL_AT_ONCE if share else {}
    with tempfile.TemporaryDirectory(prefix="ganlimit-tune-") as storage, tune_environment(**settings):
        tuner = tune.Tuner(
            tune.with_resources(worker, placement_of(trials.need)),
            tune_config=TuneConfig(
                num_samples=-1,  # the searcher says when
                search_alg=QueueSearcher(trials.queues, lambda: not watchers.spending.is_over, share=share),
                scheduler=trials.scheduler,
                reuse_actors=True,
                trial_name_creator=_title,
            ),
            run_config=RunConfig(
                name="sweep",
                storage_path=storage,  # results live in MLflow; Tune's own files end with the run
                verbose=0,
                callbacks=[_Bookkeeper(by_sweep, watchers)],
                failure_config=FailureConfig(max_failures=RETRIES),
            ),
        )
        tuner.fit()


def placement_of(need: TrialNeed) -> PlacementGroupFactory:
    """Returns where Ray puts a trial."""
    selector: dict[str, Any] = {"bundle_label_selector": [dict(need.labels)]} if need.labels else {}
    return PlacementGroupFactory([need.amounts], **selector)


def _run_trial(config: dict[str, Any], contexts: Mapping[str, TrialContext], *, work: Work) -> None:
    sweep, jobs = config["sweep"], jobs_of(config)
    for job in jobs:
        _note(f"{sweep} trial {job.trial} ({job.request.phase}) begins")
    work(jobs, contexts[sweep])
    for job in jobs:
        _note(f"{sweep} trial {job.trial} has ended")


def _note(line: str) -> None:
    """Writes a line into the worker's own log, in which Ray's dashboard looks."""
    print(line, file=sys.stderr, flush=True)


def _title(trial: Trial) -> str:
    """Returns what Tune calls a trial where it says something of it."""
    first, *_ = jobs_of(trial.config)
    return f"{trial.config['sweep']}-trial-{first.trial}"


class _Bookkeeper(tune.Callback):
    """A _Bookkeeper closes the records of trials that could not do so themselves, and keeps the view up to date."""

    def __init__(self, contexts: Mapping[str, TrialContext], watchers: Watchers) -> None:
        self._contexts = contexts
        self._view, self._refresh, self._spending = watchers.view, watchers.refresh, watchers.spending
        self._delivery = {name: Delivery(c.store, c.parent_run_id) for name, c in contexts.items()}

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._refresh()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        for job in jobs_of(trial.config):
            self._view.began(_name(trial, job), job)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        for job in jobs_of(trial.config):
            self._view.reported(_name(trial, job), result_of(result, job))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        for job in jobs_of(trial.config):
            state = _state(trial, job)
            if state == TrialState.RUNNING:  # the scheduler has stopped it
                state = TrialState.PRUNED
                self._close(trial, job, state=state, error=None)
            self._ended(trial, job, state=state)
        self._spending.add((trial.last_result or {}).get("time_total_s", 0.0))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        text = _reason(trial)
        state = TrialState.OUT_OF_MEMORY if tells_of_memory(str(trial.get_error())) else TrialState.FAILED
        for job in jobs_of(trial.config):
            self._ended(trial, job, state=self._close(trial, job, state=state, error=text))
        self._spending.add((trial.last_result or {}).get("time_total_s", 0.0))

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as for the search: Tune's own pickle is never read

    def _close(self, trial: Trial, job: Job, *, state: TrialState, error: str | None) -> TrialState:
        """End the job's record, unless it has ended: one that is fused with others may have. Returns its state."""
        context = self._contexts[trial.config["sweep"]]
        folder = context.trials.folder(job.request.key)
        record = folder.record()
        if record is None:  # it died before it could say anything
            folder.append(opening(job, context))
        if record is None or record.state == TrialState.RUNNING:
            folder.append(closing(state, error, kimg=float(result_of(trial.last_result, job).get("kimg", 0.0))))
            self._delivery[context.sweep].deliver(folder)
            return state
        return record.state

    def _ended(self, trial: Trial, job: Job, *, state: TrialState) -> None:
        self._view.ended(
            _name(trial, job), trial.config["sweep"], job=job, state=state, result=result_of(trial.last_result, job)
        )


def _name(trial: Trial, job: Job) -> str:
    return f"{trial.trial_id} {job.trial}"


def _state(trial: Trial, job: Job) -> TrialState:
    return TrialState(result_of(trial.last_result, job).get("state", TrialState.FAILED))


def _reason(trial: Trial) -> str:
    """Returns in one line why a trial failed for good."""
    lines = [line.strip() for line in str(trial.get_error() or "its worker was lost").splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line] or [line for line in lines if "died" in line] or lines
    return f"tried {RETRIES + 1} times; {telling[-1]}"
