"""A sweep that an earlier revision began goes on: tests/data/begun.tar.xz is what its Ctrl-C left behind."""

from pathlib import Path
from typing import Any

import pytest

import sweeps
from analysis import TrialState
from sweeps.ledger.sweeps import spec_of_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.table import sweep_table
from sweeps.search.study import open_study
from sweeps.search.study_file import open_storage
from tests.begun import unpack
from tests.continuity import NAME

BEGUN = Path(__file__).parents[2] / "data" / "begun.tar.xz"


def runs_of(tracking: Tracking) -> dict[str, Any]:
    """The trials' runs by id, each with when it ended and the kimg at which it was measured."""
    parent, client = tracking.find_sweep(NAME), tracking.client
    assert parent is not None
    return {
        run.info.run_id: (run.info.end_time, [m.value for m in client.get_metric_history(run.info.run_id, "kimg")])
        for run in tracking.each_trial(parent.info.run_id)
    }


def real_figures(row: dict[str, Any]) -> dict[str, float]:
    return {name: row[name] for name in row if name.startswith("real_")}


@pytest.mark.slow
def test_it_goes_on_with_the_same_rows_and_nothing_twice(tmp_path: Path) -> None:
    workspace = Workspace(unpack(BEGUN, tmp_path / "data"), tracking_uri="")
    tracking = Tracking(workspace.store)
    rows, runs = sweep_table(tracking, NAME).to_pylist(), runs_of(tracking)
    done = [row for row in rows if row["state"] == TrialState.COMPLETED]
    assert 0 < len(done) < len(rows), "some had ended, and one was under way"
    spec = spec_of_sweep(tracking, NAME)

    after = sweeps.run_sweep(spec, workspace.root, workers=1).table.to_pylist()

    again = {row["run_id"]: row for row in after}
    assert [again[row["run_id"]] | real_figures(row) for row in done] == done
    for row in done:  # held-out images are measured anew, here perhaps by another kind of processor
        assert real_figures(again[row["run_id"]]) == pytest.approx(real_figures(row), rel=1e-5)
    assert {row["trial_key"]: row["trial"] for row in rows}.items() <= {
        r["trial_key"]: r["trial"] for r in after
    }.items()
    assert len(after) == len({row["trial_key"] for row in after}) == spec.search.trials
    found = runs_of(tracking)
    assert len(found) == len(after), "one run for each trial"
    assert {row["run_id"]: runs[row["run_id"]] for row in done}.items() <= found.items(), "those were left alone"
    assert all(len(kimg) == len(set(kimg)) == 2 for _, kimg in found.values()), "each rung once"
    study = open_study(spec, open_storage(workspace.sweep(NAME)))
    told = [tuple(sorted(trial.params.items())) for trial in study.trials if trial.values]
    assert len(told) == len(set(told)) == len(after), "the study that was begun has them all"
    assert len(tracking.registry.versions("digits-teacher")) == 1
