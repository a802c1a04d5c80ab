"""Running trials with Ray Tune: as many at once as there are cores, on actors that are reused."""

import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.tune import Callback, FailureConfig, RunConfig, TuneConfig
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from sweeps.progress import Display, Update
from sweeps.spec import SweepSpec
from sweeps.trial import TrialContext, run_trial

RETRIES = 2  # of a trial whose worker was lost

# Ctrl-C must reach the caller as KeyboardInterrupt, who ends the workers and closes the runs; Tune's own
# handler would wait for each worker's next report and then return as if all were well.
ENVIRONMENT = {"TUNE_DISABLE_SIGINT_HANDLER": "1", "RAY_AIR_NEW_OUTPUT": "0"}


def run_trials(
    context: TrialContext,
    spec: SweepSpec,
    name: str,
    display: Display,
    total: int,
    done: int,
    *,
    searcher: Searcher | None = None,
    configs: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Run what is missing of a phase's `total` trials, `done` of which are finished already.

    The trials come from `searcher`, or are the given `configs`.
    """
    if done >= total:
        return
    resources = {"cpu": float(spec.resources.cpus_per_trial), "gpu": spec.resources.gpus_per_trial}
    trainable = tune.with_resources(tune.with_parameters(run_trial, context=context), resources)
    with (
        display.step(name, total) as update,
        tempfile.TemporaryDirectory(prefix="ganlimit-tune-") as storage,
        environment(ENVIRONMENT),
    ):
        progress = _SweepProgress(update, done)
        tuner = tune.Tuner(
            trainable,
            param_space={} if searcher else {"job": tune.grid_search(list(configs))},
            tune_config=TuneConfig(num_samples=total - done if searcher else 1, search_alg=searcher, reuse_actors=True),
            run_config=RunConfig(
                name=name,
                storage_path=storage,  # results live in MLflow; Tune's own files end with the phase
                verbose=0,
                callbacks=[progress],
                failure_config=FailureConfig(max_failures=RETRIES),
            ),
        )
        tuner.fit()


class _SweepProgress(Callback):
    """One line for all trials: how many are done, and the lowest FID so far."""

    def __init__(self, update: Update, done: int) -> None:
        self._update, self._done = update, done
        self._failed = 0
        self._best_fid = math.inf

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        result = trial.last_result or {}
        if result.get("state") == "COMPLETED":
            self._best_fid = min(self._best_fid, result["fid"])
        self._advance()

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._failed += 1
        self._advance()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as for the search: Tune's own pickle is never read

    def _advance(self) -> None:
        self._done += 1
        best = f"best FID {self._best_fid:.1f}" if math.isfinite(self._best_fid) else "no result yet"
        failed = f", {self._failed} failed" if self._failed else ""
        self._update(self._done, f"{self._done} trials, {best}{failed}")


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and put them back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
