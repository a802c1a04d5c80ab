"""Journals on their way to a real tracking store, and what people do to the runs there."""

import json
import shutil
from pathlib import Path
from urllib.parse import urlparse

import pytest
import torch
from mlflow import MlflowClient

from sweeps.ledger.delivery import Delivery
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.journal import Event, TrialFolder
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import PHASE, REUSED, STATE, TRIAL, spec_in, spec_tags
from sweeps.ledger.tracking import Tracking
from sweeps.trial.pictures import save_step

OPENED = Event(
    kind="opened",
    kimg=0.0,
    metrics={"parameters": 10.0},
    params={"width": "2"},
    tags={"mlflow.runName": "x", STATE: "RUNNING"},
)
CLOSED = Event(kind="closed", kimg=2.0, metrics={"wall_s": 1.0}, tags={STATE: "COMPLETED"})


def reported(kimg: float) -> Event:
    return Event(kind="reported", kimg=kimg, metrics={"fid": 10.0 / kimg, "kimg": kimg})


@pytest.fixture
def tracking(tmp_path: Path) -> Tracking:
    return Tracking(TrackingStore.local(tmp_path / "mlflow.db", tmp_path / "artifacts"))


@pytest.fixture
def delivery(tracking: Tracking) -> Delivery:
    return Delivery(tracking.store, tracking.open_sweep("s", {}).info.run_id)


def test_a_run_deleted_while_its_trial_runs_is_made_again_with_all_of_it(
    tracking: Tracking, delivery: Delivery, tmp_path: Path
) -> None:
    folder = TrialFolder(tmp_path / "trials" / "key")
    for event in (OPENED, reported(1)):
        folder.append(event)
        assert delivery.deliver(folder)
    _, first = folder.delivered()
    assert first
    tracking.client.delete_run(first)
    folder.append(reported(2))
    folder.append(CLOSED)
    assert delivery.deliver_all(MountedTrials(tmp_path / "trials")) == 0
    count, second = folder.delivered()
    assert (count, second != first) == (4, True)
    assert second
    assert [metric.value for metric in tracking.client.get_metric_history(second, "fid")] == [10.0, 5.0]
    assert tracking.client.get_run(second).data.tags[STATE] == "COMPLETED"


def test_a_trial_taken_over_whose_run_was_deleted_is_nobodys(
    tracking: Tracking, delivery: Delivery, tmp_path: Path
) -> None:
    other = tracking.client.create_run(tracking.client.get_experiment_by_name("ganlimit").experiment_id).info.run_id
    tracking.client.delete_run(other)
    taken, own = TrialFolder(tmp_path / "trials" / "a"), TrialFolder(tmp_path / "trials" / "b")
    taken.append(Event(kind="reused", tags={REUSED: other, TRIAL: "1", PHASE: "search", STATE: "COMPLETED"}))
    own.append(OPENED)
    own.append(CLOSED)
    assert delivery.deliver_all(MountedTrials(tmp_path / "trials")) == 0
    assert not taken.path.exists(), "whoever asks for it trains it"
    assert own.is_delivered, "and it stops no other"


def test_who_does_no_more_than_close_a_trial_asks_nothing_about_its_run(
    tracking: Tracking, delivery: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver closes what it has stopped, and waits for the store meanwhile."""
    folder = TrialFolder(tmp_path / "trials" / "key")
    for event in (OPENED, reported(1)):
        folder.append(event)
        assert delivery.deliver(folder)
    folder.append(CLOSED)
    driver = Delivery(tracking.store, tracking.open_sweep("s", {}).info.run_id)
    with monkeypatch.context() as patch:
        patch.delattr(MlflowClient, "get_run")
        assert driver.deliver(folder)
    run_id = folder.delivered()[1]
    assert run_id is not None
    assert tracking.client.get_run(run_id).data.tags[STATE] == "COMPLETED"


def test_a_run_that_a_killed_worker_of_a_new_sweep_began_is_found_by_the_next(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a new sweep nobody asks for the run of a trial that begins; it is asked for where there may be one."""
    parent, folder = tracking.open_sweep("s", {}).info.run_id, TrialFolder(tmp_path / "trials" / "key")
    folder.append(OPENED)
    with monkeypatch.context() as patch:
        patch.setattr(TrialFolder, "set_delivered", killed)
        patch.setattr(MlflowClient, "search_runs", None)
        with pytest.raises(KeyboardInterrupt):
            Delivery(tracking.store, parent, is_new=True).deliver(folder)
    folder.append(OPENED)  # as Ray Tune tries again, in another process
    assert Delivery(tracking.store, parent, is_new=True).deliver(folder)
    folder.append(CLOSED)
    assert Delivery(tracking.store, parent).deliver(folder)
    (run,) = tracking.each_trial(parent)
    assert (run.info.run_id, run.info.status) == (folder.delivered()[1], "FINISHED")


def killed(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_the_last_measurement_comes_with_the_end(tracking: Tracking, delivery: Delivery, tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "trials" / "key")
    for event in (OPENED, reported(1), reported(2)):
        folder.append(event)
    folder.keep()
    folder.append(CLOSED)
    assert delivery.deliver(folder)
    run_id = str(folder.delivered()[1])
    history = tracking.client.get_metric_history(run_id, "fid")
    assert [(metric.step, metric.value) for metric in history] == [(1, 10.0), (2, 5.0)]
    found = tracking.client.get_run(run_id)
    assert found.data.metrics == {"parameters": 10.0, "fid": 5.0, "kimg": 2.0, "wall_s": 1.0}
    assert found.info.end_time == folder.events()[-1].time_ms
    folder.set_delivered(2, run_id)  # killed when the store had all of it
    assert Delivery(tracking.store, delivery.parent_run_id).deliver(folder)
    assert len(tracking.client.get_metric_history(run_id, "fid")) == 2, "each once"


@pytest.mark.parametrize(("state", "stays"), [("INTERRUPTED", True), ("FAILED", True), ("COMPLETED", False)])
def test_a_checkpoint_stays_as_long_as_there_is_something_to_do(
    delivery: Delivery, tmp_path: Path, state: str, stays: bool
) -> None:
    folder = TrialFolder(tmp_path / "trials" / "key")
    folder.append(OPENED)
    folder.checkpoint_path.write_bytes(b"where it stood")
    folder.append(Event(kind="closed", tags={STATE: state}))
    assert delivery.deliver(folder)
    assert folder.checkpoint_path.exists() == stays


def test_images_are_brought_once_and_no_number_waits_for_them(
    tracking: Tracking, delivery: Delivery, tmp_path: Path
) -> None:
    folder, images = TrialFolder(tmp_path / "trials" / "key"), torch.zeros(8, 1, 16, 16, dtype=torch.uint8)
    folder.append(OPENED)
    assert delivery.deliver(folder)
    run_id = folder.delivered()[1]
    assert run_id is not None
    kept = Path(urlparse(tracking.client.get_run(run_id).info.artifact_uri).path)
    for kimg in (1, 2, 3):
        save_step(images, folder.images, kimg=kimg)
        folder.append(reported(kimg))
        if kimg == 2:  # the store of artifacts takes nothing
            shutil.rmtree(kept / "images")
            (kept / "images").touch()
        assert delivery.deliver(folder)
        assert tracking.client.get_run(run_id).data.metrics["kimg"] == kimg
        if kimg == 2:
            (kept / "images").unlink()
    assert {path.name.split("+")[2] for path in (kept / "images").iterdir()} == {"0", "3"}, "nor the others once more"


def test_a_trial_goes_on_where_images_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "images").touch()
    save_step(torch.zeros(8, 1, 16, 16, dtype=torch.uint8), tmp_path / "images", kimg=1)
    step = tmp_path / "full" / "last samples+step+0+timestamp+0+0.png"
    step.mkdir(parents=True)
    save_step(torch.zeros(8, 1, 16, 16, dtype=torch.uint8), tmp_path / "full", kimg=1)
    assert [path.name for path in tmp_path.glob("full/*")] == [step.name]


def test_a_specification_of_any_length_comes_back_whole(tracking: Tracking) -> None:
    data = {str(number): 1 for number in range(3000)}
    text = json.dumps(data)
    assert len(text) > 8000, "more than MLflow keeps in one tag"
    tracking.open_sweep("long", spec_tags(text))
    found = tracking.find_sweep("long")
    assert found is not None
    assert spec_in(found.data.tags) == data
