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


def test_numbers_follow_where_less_was_spent(shown: Shown) -> None:
    large, small = {"parameters": 4000, "fid": 8.0}, {"parameters": 2000, "fid": 9.0}
    assert shown.show(large, small).metrics["limit/student_parameters"] == 2000
    after = shown.show(large).metrics  # the other's run was deleted
    assert (after["spent/kimg"], after["trials/all"], after["limit/student_parameters"]) == (64, 1, 4000)
    logged = shown.points("trials/all")
    shown.show(large)
    assert shown.points("trials/all") == logged, "it has been told"
    assert shown.show(large, {**small, "kimg": 32.0}).metrics["spent/kimg"] == 96
    assert shown.show().metrics["trials/all"] == 0


def test_a_curve_has_every_trial_whatever_the_order_of_their_ends(shown: Shown) -> None:
    begun = {"state": "RUNNING", "final": False, "fid": 40.0}
    first, second, third = ({"parameters": 1000 * number, "fid": 24 / number} for number in (1, 2, 3))
    now = shown.show(first, {**second, **begun, "kimg": 48.0}, third)
    assert shown.points("frontier/best_fid") == [(64, 24), (176, 8)]
    assert now.metrics["frontier/best_fid"] == 8, "of all that have ended"
    whole = shown.show(first, second, third)
    assert sorted(set(shown.points("frontier/best_fid"))) == [(64, 24), (128, 12), (176, 8), (192, 8)]
    assert whole.metrics["frontier/best_fid"] == 8
    steps, shares = zip(*sorted(set(shown.points("frontier/hypervolume"))), strict=True)
    assert (steps, list(shares)) == ((64, 128, 176, 192), sorted(shares))


def test_a_curve_never_falls_behind_what_was_shown(shown: Shown) -> None:
    begun = {"state": "RUNNING", "final": False, "fid": 40.0, "kimg": 0.3}
    slow, plain = ({"parameters": 1000, "fid": fid, "kimg": 32.3} for fid in (24.0, 20.0))
    best = {"parameters": 3000, "fid": 8.0}
    shown.show({**slow, **begun}, {**plain, **begun}, best)
    assert shown.points("frontier/best_fid") == [(65, 8)]
    shown.show(slow, plain, best)
    assert sorted(set(shown.points("frontier/best_fid"))) == [(32, 24), (65, 8), (129, 8)]


def test_a_curve_does_not_fall_where_an_early_trial_turns_out_better_later(shown: Shown) -> None:
    begun = {"state": "RUNNING", "final": False, "fid": 40.0, "kimg": 48.0}
    first, second, third = (
        {"parameters": 1000 * number, "fid": fid} for number, fid in ((1, 24.0), (2, 12.0), (3, 30.0))
    )
    shown.show(first, {**second, **begun}, third)
    assert shown.points("frontier/best_fid") == [(64, 24), (176, 24)]
    shown.show(first, second, third)
    assert sorted(set(shown.points("frontier/best_fid"))) == [(64, 24), (176, 12), (176, 24), (192, 12)]


def test_several_that_turn_out_better_at_once_show_the_best(shown: Shown) -> None:
    begun = {"state": "RUNNING", "final": False, "fid": 40.0, "kimg": 48.0}
    first, *late = ({"parameters": 1000 * number, "fid": fid} for number, fid in ((1, 24.0), (2, 12.0), (3, 8.0)))
    last = {"parameters": 4000, "fid": 30.0}
    shown.show(first, *({**each, **begun} for each in late), last)
    assert shown.points("frontier/best_fid") == [(64, 24), (224, 24)]
    whole = shown.show(first, *late, last)
    assert sorted(set(shown.points("frontier/best_fid"))) == [(64, 24), (224, 8), (224, 24), (256, 8)]
    assert whole.metrics["frontier/best_fid"] == 8


def test_what_comes_from_other_sweeps_was_not_spent(shown: Shown) -> None:
    taken = {"parameters": 4000, "fid": 8.0, "wall_s": 0.0}
    metrics = shown.show(taken, {"parameters": 2000, "fid": 9.0}).metrics
    assert (metrics["spent/kimg"], metrics["trials/all"]) == (64, 2)
    assert [step for step, _ in shown.points("spent/kimg")] == [128], "steps are of all its trials"
