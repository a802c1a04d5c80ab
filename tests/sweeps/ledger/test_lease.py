"""One driver at a time between machines that share a tracking server."""

import dataclasses
import json
import threading
import time
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

import sweeps
from sweeps.display import QuietDisplay
from sweeps.ledger import lease as leases
from sweeps.ledger.holder import Holder
from sweeps.ledger.lease import Lease, Leases
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import DRIVER
from sweeps.ledger.tracking import Tracking
from tests.waiting import PATIENCE_S

QUIET = QuietDisplay()


@pytest.fixture
def tracking(tmp_path: Path) -> Tracking:
    return Tracking(TrackingStore.local(tmp_path / "mlflow.db", tmp_path / "artifacts"))


@pytest.fixture
def run_id(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(leases, "BEAT_S", 0.2)
    monkeypatch.setattr(leases, "LAPSE_S", 2.5)
    monkeypatch.setattr(leases, "CONFIRM_S", 0.3)
    found: str = tracking.open_sweep("s", {}).info.run_id
    return found


def hold(tracking: Tracking, run_id: str, **changes: object) -> None:
    """Leave the lease of a driver of which `changes` are different."""
    holder = {**dataclasses.asdict(Holder.me()), "host": "elsewhere", "beat": 1, **changes}
    tracking.client.set_tag(run_id, DRIVER, json.dumps(holder))


def test_a_second_driver_is_refused_by_name_and_may_begin_after_the_first(tracking: Tracking, run_id: str) -> None:
    second = Lease(tracking, run_id, name="s")
    with Leases(QUIET) as held:
        held.hold(Lease(tracking, run_id, name="s"))
        with pytest.raises(sweeps.SweepError, match=r"process .*Wait"):
            second.take(QUIET)
    assert DRIVER not in tracking.client.get_run(run_id).data.tags
    second.take(QUIET)


def test_nobody_waits_for_a_driver_that_was_killed_on_this_machine(tracking: Tracking, run_id: str) -> None:
    hold(tracking, run_id, began=1.0)  # its number has been given to another process since
    began = time.monotonic()
    Lease(tracking, run_id, name="s").take(QUIET)
    assert time.monotonic() - began < 2


def test_a_lease_from_elsewhere_lapses_when_it_is_not_renewed(tracking: Tracking, run_id: str) -> None:
    hold(tracking, run_id, machine="another")
    began = time.monotonic()
    Lease(tracking, run_id, name="s").take(QUIET)
    assert time.monotonic() - began > 2


def test_a_lease_from_elsewhere_that_is_renewed_holds(tracking: Tracking, run_id: str) -> None:
    hold(tracking, run_id, machine="another")
    beat = threading.Timer(0.5, hold, (tracking, run_id), {"machine": "another", "beat": 2})
    beat.start()
    with pytest.raises(sweeps.SweepError, match=r"process .* on elsewhere"):
        Lease(tracking, run_id, name="s").take(QUIET)
    beat.join()


def test_a_driver_that_was_thought_to_be_gone_ends(tracking: Tracking, run_id: str) -> None:
    def drive() -> None:
        with Leases(QUIET) as held:
            held.hold(Lease(tracking, run_id, name="s"))
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                hold(tracking, run_id, id="another", machine="another")  # a beat at this moment may write over it
                time.sleep(1)

    with pytest.raises(sweeps.SweepError, match=r"while the sweep is its own, got process .* on elsewhere"):
        drive()
    held = json.loads(tracking.client.get_run(run_id).data.tags[DRIVER])
    assert held["id"] == "another", "it is left to the other one"


def test_of_two_that_make_the_tag_at_once_the_one_whose_tag_the_database_refuses_is_refused(
    tracking: Tracking, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, other = Lease(tracking, run_id, name="s"), Lease(tracking, run_id, name="s")

    def lose(*tag: str) -> None:
        monkeypatch.undo()
        other.renew()
        raise MlflowException("UNIQUE constraint failed")

    monkeypatch.setattr(tracking.client, "set_tag", lose)
    with pytest.raises(sweeps.SweepError, match="has one driver at a time"):
        lease.take(QUIET)


def test_a_tag_that_is_refused_for_another_reason_is_the_stores_trouble(
    tracking: Tracking, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*tag: str) -> None:
        raise MlflowException("disk full")

    monkeypatch.setattr(tracking.client, "set_tag", refuse)
    with pytest.raises(MlflowException, match="disk full"):
        Lease(tracking, run_id, name="s").take(QUIET)


def test_of_two_that_begin_at_the_same_moment_one_goes_on(
    tracking: Tracking, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "CONFIRM_S", 4.0)  # longer than a slow machine needs to write
    outcomes: list[str] = []

    def begin() -> None:
        lease = Lease(tracking, run_id, name="s")
        lease._me = dataclasses.replace(lease._me, machine="another")
        try:
            lease.take(QUIET)
        except sweeps.SweepError:
            outcomes.append("refused")
        else:
            outcomes.append("goes on")

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["goes on", "refused"]
