"""A sweep on models that are there, whose trials are told what they come to: none of them is trained."""

import shutil
from pathlib import Path
from typing import Any

import sweeps
from analysis import TrialState
from gan import default_data_root
from sweeps.display import QuietDisplay
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.runner import open_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.site.site import ThisMachine
from sweeps.trial.log import TrialLog, costs_of, delivery_of
from sweeps.trial.request import Job


def opened(spec: sweeps.SweepSpec, data_dir: Path) -> OpenSweep:
    """Opens a sweep as a driver does."""
    workspace = Workspace.existing(data_dir)
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    return open_sweep(spec, workspace, tracking=Tracking(workspace.store), display=QuietDisplay(), site=site)


def opened_beside(finished: Any, spec: sweeps.SweepSpec, folder: Path) -> OpenSweep:
    """Opens a sweep in a copy of the finished one's data directory, which has its teacher."""
    return opened(spec, Path(shutil.copytree(finished.data_dir, folder)))


def trained(sweep: OpenSweep, job: Job, *, fid: float) -> dict[str, Any]:
    """Records a job as a worker does that has trained it to `fid` times the teacher's. Returns what it reports."""
    log = TrialLog(job, sweep.context, delivery=delivery_of(sweep.context))
    log.open()
    costs = costs_of(job.request.architecture, job.request.bits)
    metrics = {**costs, "fid": fid * sweep.teacher_objectives[1], "inception_score": 1.0}
    log.report(job.request.kimg, metrics)
    log.close(TrialState.COMPLETED, None, kimg=job.request.kimg)
    return {"state": "COMPLETED", **metrics}
