"""A trial's row is of its identity, which has the number of threads, and not of what the environment sets."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

import sweeps
import sweeps.trial.worker
from gan import default_data_root
from sweeps.display import QuietDisplay
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.site.site import ThisMachine
from sweeps.trial.request import Job
from sweeps.trial.worker import run_trial

TIMES = {"wall_s", "latency_ms"}


def metrics_with(pools: int, spec: sweeps.SweepSpec, data_dir: Path) -> dict[str, float]:
    """What a new sweep's first trial measures where so many threads are set in every pool before."""
    workspace = Workspace.open(data_dir)
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    sweep = open_sweep(spec, workspace, tracking=Tracking(workspace.store), display=QuietDisplay(), site=site)
    job = PhaseLayout(sweep).queue("search").next()
    assert isinstance(job, Job)
    before = torch.get_num_threads()
    try:
        with threadpool_limits(pools):
            torch.set_num_threads(pools)
            run_trial((job,), sweep.context)
            assert {pool["num_threads"] for pool in threadpool_info()} == {job.request.threads}
    finally:
        torch.set_num_threads(before)
    record = sweep.context.trials.folder(job.request.key).record()
    return {name: value for name, value in record.metrics.items() if name not in TIMES}


def test_other_threads_in_the_environment_change_no_digit(
    finished: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps.trial.worker, "report", lambda outcome: None)  # Ray Tune's, outside of a trial
    tiny["student"] = {"kimg": 1}
    spec = sweeps.load_spec(spec_file({**tiny, "name": "threads", "phases": ["search"]}))
    found = [
        metrics_with(pools, spec, Path(shutil.copytree(finished.data_dir, tmp_path / str(pools)))) for pools in (1, 2)
    ]
    assert "kid" in found[0]
    assert found[0] == found[1]
