"""What a sweep's run in MLflow shows is what is known now: numbers go away, fall, and come out of order."""

import math
from typing import Any

import pytest
from mlflow.entities import RunData

import sweeps
from analysis import Phase, example_trials, findings_of
from sweeps.ledger.tracking import Tracking
from sweeps.results.answer import show_answer
from sweeps.results.overview import sweeps_text


class Shown:
    """A sweep's run, and its answer from made-up trials."""

    def __init__(self, spec: sweeps.SweepSpec, tracking: Tracking, run_id: str) -> None:
        self.spec, self.tracking, self.run_id = spec, tracking, run_id

    def show(self, *rows: dict[str, Any]) -> RunData:
        """The run after one more time."""
        findings = findings_of(example_trials(*rows), self.spec.limit)
        show_answer(self.tracking, self.tracking.client.get_run(self.run_id), spec=self.spec, findings=findings)
        return self.tracking.client.get_run(self.run_id).data

    def points(self, name: str) -> list[tuple[int, float]]:
        """All that was logged under a name, in the order of its steps."""
        history = self.tracking.client.get_metric_history(self.run_id, name)
        return sorted((point.step, point.value) for point in history)


@pytest.fixture
def shown(store_tracking: Tracking, new_sweep: Any, tiny: dict[str, Any], spec_file: Any) -> Shown:
    return Shown(sweeps.load_spec(spec_file(tiny)), store_tracking, new_sweep().parent_run_id)


def test_a_limit_that_is_none_any_more_is_withdrawn(shown: Shown) -> None:
    before = shown.show({"parameters": 2000, "fid": 9.0})
    assert (before.metrics["limit/ratio"], before.metrics["limit/parameters"]) == (50, 2000)
    fresh = [{"phase": Phase.CONFIRM, "seed": seed, "parameters": 2000, "fid": 30.0} for seed in (7, 8, 9)]
    after = shown.show({"parameters": 2000, "fid": 9.0}, *fresh).metrics
    assert math.isnan(after["limit/ratio"])
    assert math.isnan(after["limit/parameters"])
    assert (after["limit/threshold"], after["trials/all"]) == (10, 4)
    lines = sweeps_text([shown.tracking.client.get_run(shown.run_id)], models="1").splitlines()
    assert [line.partition(") |")[2] for line in lines if line.startswith("| [")] == ["  |  | 9.0 | 4 |"]
    logged = shown.points("limit/threshold")
    shown.show({"parameters": 2000, "fid": 9.0}, *fresh)
    assert len(shown.points("limit/ratio")) == 2, "what is withdrawn already stays so"
    assert shown.points("limit/threshold") == logged
