"""A sweep whose trials are trained in this process, without the seconds that Ray and its workers take to start."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import sweeps
import sweeps.trial.worker
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.tune_config import result_of
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.table import sweep_table
from sweeps.search.queues import NoJob, PhaseQueue
from sweeps.trial.worker import run_trial
from tests.sweeps.told_sweep import opened


def trained_here(spec: sweeps.SweepSpec, data_dir: Path) -> pa.Table:
    """Train what is missing of all phases, one trial after the other. Returns the sweep's rows."""
    Tracking(Workspace.open(data_dir).store)  # which makes one in a new directory
    sweep, told = opened(spec, data_dir), list[dict[str, Any]]()
    layout = PhaseLayout(sweep)
    queue = PhaseQueue(spec.name, spec.trial_phases, lay_out=layout.queue, on_phase=lambda *args, **counts: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps.trial.worker, "report", told.append)  # Ray Tune's, outside of a trial
        while not isinstance(jobs := queue.next_fused(), NoJob):
            run_trial(jobs, sweep.context)
            for job in jobs:
                queue.ended(job, result_of(told[-1], job))
    return sweep_table(sweep.basis.tracking, spec.name)
