"""An infinity is read as it was logged, where MLflow gives it back as the greatest number there is.

That a server gives it so as well is tested in cli/test_tracking_uri.py, which has one.
"""

import math
import sys

import pytest

from sweeps.ledger.records import finite_objectives, stored_records
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.reading import read_trials
from tests.sweeps.conftest import StoredSweep

LOGGED = {
    "latent_psnr": math.inf,
    "loss": -math.inf,
    "kid": math.nan,
    "fid": 9.5,
    "sharpness": sys.float_info.max / 2,
}


def test_a_database_gives_what_was_logged(store: Workspace, store_tracking: Tracking) -> None:
    check_infinities(store, store_tracking, name="in-a-database")


def check_infinities(workspace: Workspace, tracking: Tracking, *, name: str) -> None:
    """Log such numbers in a trial of a new sweep, and read them in each way."""
    sweep = StoredSweep(workspace, tracking, name)
    folder = sweep.begin()
    sweep.report(folder, 4.0, 1.0)
    sweep.end(folder)
    tracking.log(folder.delivered()[1] or "", LOGGED, kimg=5.0)

    (record,) = stored_records(tracking, sweep.parent_run_id).values()
    assert {name: record.metrics[name] for name in LOGGED} == pytest.approx(LOGGED, nan_ok=True, abs=0)
    assert finite_objectives(record.metrics, ("parameters", "latent_psnr")) is None, "no search is told of it"
    for _ in range(2):  # at first from the store, then from what was kept of it
        (row,) = read_trials(tracking, workspace, name=name, slack_s=-1.0).table.to_pylist()
        assert (row["latent_psnr"], row["sharpness"]) == (math.inf, sys.float_info.max / 2)
