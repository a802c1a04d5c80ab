"""A trial whose student has weights of few bits says so in its row, with what is learnt in bytes."""

from typing import Any

import sweeps
from analysis import TrialState
from gan import default_data_root, weight_bytes
from sweeps.display import QuietDisplay
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.site.site import ThisMachine
from sweeps.trial.log import TrialLog, costs_of, delivery_of
from sweeps.trial.request import Job


def test_a_row_has_the_bits_and_the_bytes_of_its_student(finished: Any, tiny: dict[str, Any], spec_file: Any) -> None:
    tiny.update(name="few-bits", phases=["search"])
    tiny["student"]["kimg"] = 3.5  # no other sweep has such students
    bits = {"student": {"bits": {"type": "choice", "values": [32, 4]}}}
    space = {"width": 4, "depth": 1, "gan_weight": 0.0, **bits}
    tiny["search"] = {"sampler": "grid", "trials": 2, "objectives": ["weight_bytes", "fid"], "space": space}
    workspace = Workspace.existing(finished.data_dir)
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    spec, tracking = sweeps.load_spec(spec_file(tiny)), Tracking(workspace.store)
    sweep = open_sweep(spec, workspace, tracking=tracking, display=QuietDisplay(), site=site)
    queue, asked = PhaseLayout(sweep).queue("search"), {}
    while isinstance(job := queue.next(), Job):
        request = job.request
        asked[request.bits] = weight_bytes(request.architecture, request.bits)
        log, costs = TrialLog(job, sweep.context, delivery=delivery_of(sweep.context)), {"fid": 9.0}
        log.open()
        log.report(request.kimg, costs)
        log.close(TrialState.COMPLETED, None, kimg=request.kimg)
        queue.ended(job, {"state": "COMPLETED", **costs, **costs_of(request.architecture, request.bits)})
    rows = sweep.read_again().table.select(["bits", "weight_bytes", "scheme"]).to_pylist()
    assert {(row["bits"] or 32): row["weight_bytes"] for row in rows} == asked
    assert asked.keys() == {32, 4}
    assert {row["scheme"] for row in rows if row["bits"]} == {"4 bits"}
    assert sweep.known.ledger[next(iter(sweep.known.ledger))].objectives[0] in asked.values()
