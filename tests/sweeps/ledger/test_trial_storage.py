"""Trials' folders on a disk and in an S3 store: one suite for both, as two machines see them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import sweeps
from cluster import Mirror, storage
from gan import Checkpoint
from sweeps.ledger import folders as trial_storage
from sweeps.ledger.folders import MARK, MountedTrials, ObjectStoreTrials, TrialStorage, _seen, _temporary, trials_of
from sweeps.ledger.journal import JOURNAL, Event
from sweeps.ledger.tags import STATE
from tests.cluster.servers import S3Server, s3_server

OPENED = Event(kind="opened", kimg=0.0, metrics={"parameters": 10.0}, params={"width": "2"}, tags={STATE: "RUNNING"})
CLOSED = Event(kind="closed", kimg=2.0, metrics={"wall_s": 1.0}, tags={STATE: "COMPLETED"})
Machines = Callable[[], TrialStorage]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(params=["mounted", "object store"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machines:
    """The trials as one more machine sees them, which has nothing of its own yet."""
    if request.param == "mounted":
        return lambda: MountedTrials(tmp_path / "trials")
    server = request.getfixturevalue("s3")

    def fresh() -> TrialStorage:
        _temporary.cache_clear()  # each process has a copy of its own
        _seen.cache_clear()
        return ObjectStoreTrials(server.uri, f"{tmp_path.name}/trials")

    return fresh


def test_what_one_machine_writes_another_goes_on_with(machine: Machines) -> None:
    there = machine().folder("key")
    there.append(OPENED)
    there.save_checkpoint(Checkpoint(2000, {"weight": torch.arange(3.0)}))
    there.append(Event(kind="reported", kimg=2.0, metrics={"fid": 5.0}))
    there.set_delivered(1, "run")
    here = machine().folder("key")
    assert [event.kind for event in here.events()] == ["opened", "reported"]
    assert here.delivered() == (1, "run")
    checkpoint = here.checkpoint()
    assert checkpoint is not None
    assert checkpoint.images_seen == 2000
    assert checkpoint.state["weight"].tolist() == [0, 1, 2]


def test_a_student_waits_for_its_delivery_until_it_is_forgotten(machine: Machines) -> None:
    there = machine().folder("key")
    (there.model / "last").mkdir(parents=True)
    (there.model / "last" / "card.json").write_text("{}")
    there.keep()
    here = machine().folder("key")
    student = here.student()
    assert student is not None
    assert (student / "last" / "card.json").read_text() == "{}"
    here.delete_student()
    assert machine().folder("key").student() is None


def test_a_driver_sees_all_trials_as_they_are_now(machine: Machines) -> None:
    driver = worker = machine()
    assert driver.folders() == []
    worker.folder("a").append(OPENED)
    worker.folder("b").append(OPENED)
    assert [folder.key for folder in driver.folders()] == ["a", "b"]
    worker.folder("b").append(CLOSED)
    worker.folder("a").delete()
    (left,) = driver.folders()
    record = left.record()
    assert record is not None
    assert (left.key, record.tags[STATE]) == ("b", "COMPLETED")


def test_a_damaged_checkpoint_is_forgotten_everywhere(machine: Machines) -> None:
    there = machine().folder("key")
    there.append(OPENED)
    there.save_checkpoint(Checkpoint(2000, {"weight": torch.zeros(3)}))
    there.checkpoint_path.write_bytes(b"cut off")
    there._push(there.checkpoint_path)
    assert machine().folder("key").checkpoint() is None
    assert machine().folder("key").checkpoint() is None, "it does not come back"


def test_who_reads_apart_leaves_alone_what_another_thread_appends_to(machine: Machines) -> None:
    trials = machine()
    own = trials.folder("key")
    own.append(OPENED)
    before = (own.path / JOURNAL).stat().st_ino
    (seen,) = trials.apart().folders()
    assert [event.kind for event in seen.events()] == ["opened"]
    assert (own.path / JOURNAL).stat().st_ino == before, "it is not replaced"


def test_threads_may_fetch_one_file_at_once(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "WAITS_S", ())
    (tmp_path / "journal").write_bytes(bytes(4_000_000))
    mirror = Mirror(s3.uri, tmp_path.name, folder=tmp_path)
    mirror.push(tmp_path / "journal")
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(mirror.pull, ["journal"] * 24))
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


def test_the_place_follows_from_the_address(tmp_path: Path) -> None:
    assert trials_of("s", str(tmp_path)) == MountedTrials(tmp_path / "sweeps" / "s" / "trials", tmp_path / MARK)
    trials_of("s", str(tmp_path)).require_here()
    assert trials_of("s", "s3://bucket/x") == ObjectStoreTrials("s3://bucket/x", "sweeps/s/trials")


def test_a_node_that_has_not_mounted_the_storage_says_so_instead_of_making_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_storage, "MOUNT_PATIENCE_S", 0.1)
    trials = trials_of("s", str(tmp_path))
    (tmp_path / MARK).unlink()  # as it is where nothing is mounted
    with pytest.raises(sweeps.SweepError, match=r"every node has mounted at the same place, got none at .*Mount it"):
        trials.require_here()
