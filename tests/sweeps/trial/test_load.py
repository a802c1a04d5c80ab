"""What a trial's machine does, beside its measurements, under the names of MLflow's own monitors."""

import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor

import sweeps
from analysis import TrialState
from gan import Compute, DistillationConfig
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.trial.load import MachineLoad
from sweeps.trial.log import TrialLog
from sweeps.trial.request import Job
from tests.sweeps.untrained_search import context_of, request_of


def test_names_and_units_are_those_of_mlflow() -> None:
    theirs = CPUMonitor()
    theirs.collect_metrics()
    load, until = MachineLoad(Compute()), time.monotonic() + 0.5
    while time.monotonic() < until:
        pass
    ours = load.taken()
    expected = {f"system/{name}": value for name, value in theirs.aggregate_metrics().items()}
    assert ours.keys() == expected.keys()
    for name in (name for name in ours if "memory" in name):
        assert ours[name] == pytest.approx(expected[name], rel=0.3)
    assert 0 < ours["system/cpu_utilization_percentage"] <= 100


@pytest.mark.parametrize("asked", [True, False])
def test_a_trial_tells_of_its_machine_where_that_is_asked_for(asked: bool, tmp_path: Path) -> None:
    tracking = Tracking(Workspace.open(tmp_path).store)
    parent = tracking.open_sweep("s", {}).info.run_id
    context = context_of(tmp_path, parent_run_id=parent, store=tracking.store, rungs_kimg=(2.0,), system_metrics=asked)
    request = request_of({"width": 4, "depth": 1, "gan_weight": 0.0}, distillation=DistillationConfig(kimg=4.0))
    job = Job(request=request, trial=1, point={"width": 4, "depth": 1})
    log = TrialLog(job, context, delivery=Delivery(tracking.store, parent))
    log.open()
    for kimg in (2.0, 4.0):
        log.report(kimg, {"fid": 10.0})
    log.close(TrialState.COMPLETED, None, kimg=4.0)
    (run,) = tracking.each_trial(parent)
    history = tracking.client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
    assert [point.step for point in history] == ([2, 4] if asked else [])
    assert ("system/system_memory_usage_percentage" in run.data.metrics) == asked


def test_it_is_asked_for_in_the_file(tiny: dict[str, Any], spec_file: Any) -> None:
    plain, asking = (
        sweeps.load_spec(spec_file({**tiny, **more})) for more in ({}, {"mlflow": {"system_metrics": True}})
    )
    assert (plain.mlflow.system_metrics, asking.mlflow.system_metrics) == (False, True)
    assert "mlflow" not in plain.model_dump()
