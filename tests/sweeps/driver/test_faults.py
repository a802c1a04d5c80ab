"""What goes wrong in a week of trials, for real: killed drivers and workers, no memory, no disk, no server."""

import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

import sweeps
from analysis import TrialState
from gan import Checkpoint, save_checkpoint
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.journal import Record, TrialFolder
from sweeps.ledger.tags import STATE, TRIAL_KEY, WORKER
from sweeps.search.study import open_storage
from tests.sweeps.disturbed import GRID, Sweep, running, wait_until

KILLS = int(os.environ.get("GANLIMIT_KILLS", "3"))  # of the driver; 20 were tried
TRIALS = min(40, 4 * KILLS)

POINT = {"width": 2, "depth": 1, "gan_weight": 0.0}


def worker_of(record: Record) -> int:
    return int(record.tags[WORKER].rpartition(":")[2])


def rows(sweep: Sweep) -> dict[str, dict[str, Any]]:
    table = sweeps.sweep_table(sweep.tracking, sweep.name)
    circumstances = ["sweep", "trial", "run_id", "wall_s", "latency_ms"]
    return {row["trial_key"]: row for row in table.drop_columns(circumstances).to_pylist()}


@contextlib.contextmanager
def watching(act: Callable[[], None]) -> Iterator[None]:
    """Do `act` again and again beside the block."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(0.02):
            act()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
def test_a_driver_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(
    finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    killed.mkdir()
    grid = {"sampler": "grid", "space": GRID, "trials": TRIALS}
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 5, [1, 2, 3, 4]
    chance = random.Random(0)
    sweep = Sweep(tiny, killed, **grid).with_models_of(finished)
    for _ in range(KILLS):
        done = sweep.states()["COMPLETED"]
        process = sweep.start()
        wait_until(lambda process=process, done=done: sweep.states()["COMPLETED"] > done or process.poll() is not None)
        time.sleep(chance.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        completed = {run.info.run_id: run.info.end_time for run in sweep.runs() if run.data.tags[STATE] == "COMPLETED"}
        for key in (folder.key for folder in MountedTrials(sweep.trials).folders()):
            assert lost_kimg(sweep, key) < 1.1, "at most one rung of work"
    sweep.run()
    runs = sweep.runs()
    assert len(runs) == len({run.data.tags[TRIAL_KEY] for run in runs}) == TRIALS, "one run per identity"
    assert all(run.data.tags[STATE] == "COMPLETED" and run.info.status == "FINISHED" for run in runs)
    for run in runs:
        kimg = sweep.kimg_of(run)
        assert len(kimg) == 5, f"each rung is reported once, got {kimg}"
        assert kimg == sorted(kimg)
        if run.info.run_id in completed:
            assert run.info.end_time == completed[run.info.run_id], "a finished trial ran again"
    reference = Sweep(tiny, undisturbed, **grid).with_models_of(finished)
    reference.go_on()
    assert rows(sweep) == rows(reference)


def lost_kimg(sweep: Sweep, key: str) -> float:
    """What a trial that was cut off reported beyond its checkpoint."""
    folder = TrialFolder(sweep.trials / key)
    record = folder.record()
    if record is None or record.state != TrialState.RUNNING:
        return 0.0
    checkpoint = folder.checkpoint()
    return record.metrics.get("kimg", 0.0) - (checkpoint.kimg if checkpoint else 0.0)


def stopped_after(sweep: Sweep, kimg: float) -> tuple[TrialFolder, Checkpoint]:
    """The only trial of a sweep that Ctrl-C stopped when `kimg` were reported, and where it stood."""
    process = sweep.start()
    wait_until(lambda: any(record.metrics.get("kimg", 0) >= kimg for record in running(sweep)))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    (folder,) = MountedTrials(sweep.trials).folders()
    checkpoint = folder.checkpoint()
    assert checkpoint is not None
    assert checkpoint.kimg >= kimg
    return folder, checkpoint


def test_what_is_stopped_goes_on_from_its_last_rung(finished: Any, tiny: dict[str, Any], tmp_path: Path) -> None:
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 60, [10, 20, 30, 40, 50]
    sweep = Sweep(tiny, tmp_path, trials=1).with_models_of(finished)
    folder, _ = stopped_after(sweep, 20)
    sweep.go_on()
    rungs = [round(event.kimg / 10) for event in folder.events() if event.kind == "reported"]
    assert rungs == [1, 2, 3, 4, 5, 6]
    assert not folder.checkpoint_path.exists()


@pytest.mark.parametrize("fused", [1, 3])
def test_a_killed_worker_goes_on_from_the_last_rung(
    finished: Any, tiny: dict[str, Any], tmp_path: Path, fused: int
) -> None:
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 60, [10, 20, 30, 40, 50]
    tiny["resources"] = {"fused_trials": fused}
    space = {name: {"type": "choice", "values": [value]} for name, value in POINT.items()}
    search = {"sampler": "grid", "space": space, "seeds": list(range(fused)), "trials": fused}
    sweep = Sweep(tiny, tmp_path, **search).with_models_of(finished)
    process = sweep.start()
    wait_until(lambda: any(record.metrics.get("kimg", 0) >= 20 for record in running(sweep)))
    before = sweep.records()
    os.kill(worker_of(running(sweep)[0]), signal.SIGKILL)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert sweep.states() == {"COMPLETED": fused}
    for folder in MountedTrials(sweep.trials).folders():
        events = folder.events()
        again = [number for number, event in enumerate(events) if event.kind == "opened"]
        assert len(again) == 2
        rungs = [round(event.kimg / 10) for event in events if event.kind == "reported"]
        assert rungs == [1, 2, 3, 4, 5, 6], "no rung was reported twice, and none is missing"
        first_after = next(event for event in events[again[1] :] if event.kind == "reported")
        assert first_after.metrics["wall_s"] > before[folder.key].metrics["wall_s"], "its time goes on as well"
        assert not folder.checkpoint_path.exists(), "a finished trial keeps no checkpoint"


def test_a_trial_that_always_dies_fails_and_the_others_finish(
    finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["student"]["kimg"] = 20
    space = GRID | {"gan_weight": 0.0, "depth": 1}
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=space, trials=4).with_models_of(finished)
    poisoned: list[int] = []

    def kill_the_poisoned() -> None:
        for record in running(sweep):
            worker = worker_of(record)
            if record.params["width"] == "3" and worker not in poisoned:
                poisoned.append(worker)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)

    with watching(kill_the_poisoned):
        sweep.go_on()
    assert len(poisoned) == 3, "it was tried three times"
    assert sweep.states() == {"COMPLETED": 3, "FAILED": 1}
    (failed,) = [run for run in sweep.runs() if run.data.tags[STATE] == "FAILED"]
    assert failed.data.params["width"] == "3"
    assert "tried 3 times" in failed.data.tags["ganlimit.error"]
    sweep.go_on()
    assert sweep.states() == {"COMPLETED": 4}, "the same command again tries it again"


def test_a_trial_without_memory_is_a_row_and_the_sweep_goes_on(
    finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["student"]["kimg"] = 30
    space = GRID | {"gan_weight": 0.0, "depth": 1, "width": {"type": "choice", "values": [2, 3]}}
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=space, trials=2).with_models_of(finished)
    starved: set[int] = set()

    def starve_the_wide_one() -> None:
        for record in running(sweep):
            worker = worker_of(record)
            if record.params["width"] == "3" and worker not in starved:
                starved.add(worker)
                resource.prlimit(worker, resource.RLIMIT_AS, (address_space(worker), -1))
            elif record.params["width"] != "3" and worker in starved:
                starved.discard(worker)
                resource.prlimit(worker, resource.RLIMIT_AS, (-1, -1))

    with watching(starve_the_wide_one):
        sweep.go_on()
    by_width = {record.params["width"]: record for record in sweep.records().values()}
    assert by_width["2"].state == TrialState.COMPLETED
    assert by_width["3"].state == TrialState.OUT_OF_MEMORY
    assert by_width["3"].tags["ganlimit.error"]


def address_space(pid: int) -> int:
    """Bytes that a process has reserved."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def test_a_diverging_trial_ends_within_one_report(finished: Any, tiny: dict[str, Any], tmp_path: Path) -> None:
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 60, [10, 20, 30, 40, 50]
    sweep = Sweep(tiny, tmp_path, trials=1).with_models_of(finished)
    folder, checkpoint = stopped_after(sweep, 10)
    weights = next(value for name, value in sorted(checkpoint.state.items()) if name.endswith(".weight"))
    weights.view(-1)[0] = float("nan")
    save_checkpoint(folder.checkpoint_path, checkpoint, folder.key)
    before = len(folder.reported())
    sweep.go_on()
    record = folder.record()
    assert record is not None
    assert record.state == TrialState.DIVERGED
    assert "NaN or infinite" in record.tags["ganlimit.error"]
    assert len(folder.reported()) == before, "nothing was measured after it"
    (told,) = optuna.get_all_study_summaries(open_storage(sweep.trials.parent))
    study = optuna.load_study(study_name=told.study_name, storage=open_storage(sweep.trials.parent))
    assert {trial.state for trial in study.trials} == {optuna.trial.TrialState.FAIL}, "the search learns of no number"


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_disk_is_one_clear_error_and_room_is_all_it_takes(
    finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["student"]["kimg"] = 5  # unlike what is there already
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=GRID | {"gan_weight": 0.0, "depth": 1}, trials=4)
    sweep.data_dir.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "none", sweep.data_dir], check=False)
    if mounted.returncode:
        pytest.skip("this machine may not mount")
    try:
        wait_for_first_checkpoint(sweep.with_models_of(finished))
        ballast = sweep.data_dir / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        process = sweep.start()
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2, errors
        assert "room" in errors
        assert "Traceback" not in errors
        ballast.unlink()
        sweep.go_on()
        assert sweep.states() == {"COMPLETED": 4}
    finally:
        subprocess.run(["umount", "--lazy", sweep.data_dir], check=True)


def wait_for_first_checkpoint(sweep: Sweep) -> None:
    process = sweep.start()
    wait_until(lambda: any(folder.checkpoint_path.exists() for folder in MountedTrials(sweep.trials).folders()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert any(folder.checkpoint_path.exists() for folder in MountedTrials(sweep.trials).folders())


def test_a_second_driver_is_refused_and_told_of_the_first(
    ganlimit: Any, finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["student"]["kimg"] = 200
    sweep = Sweep(tiny, tmp_path, trials=4).with_models_of(finished)
    first = sweep.start(in_background=True)
    wait_until(lambda: (sweep.trials.parent / "driver.json").exists())
    second = ganlimit("sweep", "run", sweep.spec_path, "--quiet", "--data-dir", sweep.data_dir)
    assert second.code == 2
    assert f"process {first.pid} on {socket.gethostname()}" in second.stderr
    assert f"ganlimit sweep stop {sweep.name}" in second.stderr
    wait_until(lambda: running(sweep))
    stopped = ganlimit("sweep", "stop", sweep.name, "--data-dir", sweep.data_dir)
    assert stopped.code == 0, stopped.stderr
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 130, errors
    assert f"ganlimit sweep resume {sweep.name}" in errors
    assert "RUNNING" not in sweep.states()
    nobody = ganlimit("sweep", "stop", sweep.name, "--data-dir", sweep.data_dir)
    assert nobody.code == 2
    assert "no driver" in nobody.stderr
