import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from ray.tune import report

import sweeps
from analysis import Phase, TrialState
from cluster import Share, TrialNeed, ray_session
from gan import DistillationConfig, GeneratorConfig
from sweeps.driver.budget import Spending
from sweeps.driver.tune_scheduler import RungSurvival
from sweeps.driver.tuning import TrialsToRun, Watchers, run_trials
from sweeps.driver.view import SweepView
from sweeps.search.queues import ListQueue, NoJob
from sweeps.trial.log import TrialContext
from sweeps.trial.request import Job, TrialRequest
from sweeps.trial.worker import outcome
from tests.sweeps.untrained_search import context_of

PLACES = 2
GIB = 2**30


@pytest.mark.slow
def test_all_places_are_given_away_before_the_first_worker_has_started_and_none_is_handed_a_secret(
    tiny: dict[str, Any], spec_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []

    class Queue(ListQueue):
        def next(self) -> Job | NoJob:
            found = super().next()
            happened.extend(["asked"] if isinstance(found, Job) else [])
            return found

    class View(SweepView):
        def began(self, trial_id: str, job: Job) -> None:
            super().began(trial_id, job)
            happened.append("began")

    def work(jobs: Sequence[Job], context: TrialContext) -> None:
        # Which Ray writes into its logs; what a node has in its own environment it does not.
        assert "canary" not in str(ray.get_runtime_context().runtime_env)
        report(outcome(TrialState.COMPLETED, {"kimg": 1.0, "parameters": 10.0, "fid": 1.0}))

    spec = sweeps.load_spec(spec_file(tiny))
    spending = Spending(budget=spec.budget, resources=spec.resources)
    view = View({spec.name: (100.0, 1.0)}, spending)
    queue = Queue(spec.name, [_job(number) for number in range(1, PLACES + 1)], done=0)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    with ray_session(num_cpus=PLACES):
        contexts, scheduler = [context_of(tmp_path, sweep=spec.name)], RungSurvival({})
        share = Share("alone", lambda: 1 / PLACES, ask=lambda driver, claim: PLACES)
        share.claim()
        trials = TrialsToRun(
            contexts=contexts, queues=[queue], need=TrialNeed(cpus=1.0), scheduler=scheduler, work=work, share=share
        )
        run_trials(trials, Watchers(view, spending))
    assert view.counts == {"COMPLETED": PLACES}
    assert happened[: PLACES + 1] == ["asked"] * PLACES + ["began"]


@pytest.mark.slow
def test_a_worker_that_ray_ends_for_want_of_memory_ends_its_trial_alone(
    tiny: dict[str, Any], spec_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, total = get_used_memory(), get_system_memory()  # of the container, where there is one
    if total - used < 8 * GIB:
        pytest.skip("it needs 8 GiB of free memory")
    limit = used + 3 * GIB  # the rest of the machine is not touched

    def work(jobs: Sequence[Job], context: TrialContext) -> None:
        kept: list[Any] = []
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:  # others may free what they have meanwhile
            if get_used_memory() < limit + GIB // 2 and len(kept) < 12:
                kept.append(np.ones(GIB // 2, dtype=np.uint8))
            else:
                time.sleep(0.2)
        report(outcome(TrialState.COMPLETED, {"kimg": 1.0, "parameters": 10.0, "fid": 1.0}))

    monkeypatch.setenv("RAY_memory_usage_threshold", f"{limit / total:.3f}")
    spec = sweeps.load_spec(spec_file(tiny))
    spending = Spending(budget=spec.budget, resources=spec.resources)
    view = SweepView({spec.name: (100.0, 1.0)}, spending)
    queue = ListQueue(spec.name, [_job(1)], done=0)
    with ray_session(num_cpus=1):
        contexts, scheduler = [context_of(tmp_path, sweep=spec.name)], RungSurvival({})
        run_trials(
            TrialsToRun(contexts=contexts, queues=[queue], need=TrialNeed(cpus=1.0), scheduler=scheduler, work=work),
            Watchers(view, spending),
        )
    assert view.counts == {"OUT_OF_MEMORY": 1}


def _job(number: int) -> Job:
    request = TrialRequest(
        phase=Phase.SEARCH,
        architecture=GeneratorConfig(image_size=16, image_channels=1, width=2),
        distillation=DistillationConfig(kimg=1.0),
        seed=number,
        teacher_digest="none",
        pool_digest="none",
        protocol_digest="none",
        threads=1,
    )
    return Job(request=request, trial=number, point={})
