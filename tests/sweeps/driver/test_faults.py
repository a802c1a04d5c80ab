"""What goes wrong in a week of trials, for real: killed drivers and workers, no memory, no server."""

import contextlib
import os
import random
import resource
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

import sweeps
from analysis import TrialState
from gan import Checkpoint, save_checkpoint
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.journal import Event, Record, TrialFolder
from sweeps.ledger.tags import ERROR, STATE, TRIAL_KEY
from sweeps.search.study_file import open_storage
from tests.sweeps.sweep_process import GRID, Sweep, is_amid, running, wait_for_checkpoints, worker_of
from tests.sweeps.trained_here import trained_here
from tests.waiting import PATIENCE_S, wait_until, watching

POINT = {"width": 2, "depth": 1, "gan_weight": 0.0}
RUNG_KIMG = 4  # some seconds of work


def rows(sweep: Sweep) -> dict[str, dict[str, Any]]:
    table = sweeps.sweep_table(sweep.tracking, sweep.name)
    circumstances = ["sweep", "trial", "run_id", "wall_s", "latency_ms"]
    return {row["trial_key"]: row for row in table.drop_columns(circumstances).to_pylist()}


def with_rungs(tiny: dict[str, Any], rungs: int) -> None:
    """Have the trials of the specification measured so often, their end included."""
    *before, end = (RUNG_KIMG * number for number in range(1, rungs + 1))
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = end, before


def rungs_of(events: Sequence[Event]) -> list[int]:
    """Which rungs a trial has reported, from 1, in that order."""
    return [round(event.kimg / RUNG_KIMG) for event in events if event.kind == "reported"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("kills", "workers"), [(1, "1"), pytest.param(20, "2", marks=pytest.mark.soak)])
def test_a_driver_that_is_killed_loses_nothing_and_repeats_nothing(
    finished: Any, tiny: dict[str, Any], tmp_path: Path, kills: int, workers: str
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    killed.mkdir()
    trials = min(40, 2 * kills + 1)
    grid = {"sampler": "grid", "space": GRID, "trials": trials}
    tiny["student"]["kimg"], tiny["evaluation"]["rungs_kimg"] = 4, [1, 2, 3]
    chance, cut_off = random.Random(0), 0
    sweep = Sweep(tiny, killed, **grid).with_models_of(finished)
    for _ in range(kills):
        done = sweep.states()["COMPLETED"]
        process = sweep.start("--workers", workers)
        wait_until(lambda process=process, done=done: is_amid(sweep, done) or process.poll() is not None)
        time.sleep(chance.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        cut_off += sweep.states()["RUNNING"]
        completed = {run.info.run_id: run.info.end_time for run in sweep.runs() if run.info.status == "FINISHED"}
        for key in (folder.key for folder in MountedTrials(sweep.trials).folders()):
            assert lost_kimg(sweep, key) < 1.1, "at most one rung of work"
    assert cut_off, "a driver without trials loses nothing anyway"
    sweep.go_on()
    runs = sweep.runs()
    assert len(runs) == len({run.data.tags[TRIAL_KEY] for run in runs}) == trials, "one run per identity"
    assert all(run.data.tags[STATE] == "COMPLETED" and run.info.status == "FINISHED" for run in runs)
    for run in runs:
        kimg = sweep.kimg_of(run)
        assert len(kimg) == 4, f"each rung is reported once, got {kimg}"
        assert kimg == sorted(kimg)
        if run.info.run_id in completed:
            assert run.info.end_time == completed[run.info.run_id], "a finished trial ran again"
    reference = Sweep(tiny, undisturbed, **grid).with_models_of(finished)
    trained_here(sweeps.load_spec(reference.spec_path), reference.data_dir)
    assert rows(sweep) == rows(reference)


def lost_kimg(sweep: Sweep, key: str) -> float:
    """What a trial that was cut off reported beyond its checkpoint."""
    folder = TrialFolder(sweep.trials / key)
    record = folder.record()
    if record is None or record.state != TrialState.RUNNING:
        return 0.0
    checkpoint = folder.checkpoint()
    return record.metrics.get("kimg", 0.0) - (checkpoint.kimg if checkpoint else 0.0)


@pytest.mark.usefixtures("without_figures")
def test_a_driver_is_alone_and_when_it_is_stopped_each_trial_goes_on_from_its_last_rung(
    ganlimit: Any, finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    """What has become NaN since then diverges within one report."""
    with_rungs(tiny, 6)
    widths = {"width": {"type": "choice", "values": [2, 3]}}
    space = GRID | {"gan_weight": 0.0, "depth": 1} | widths
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=space, trials=2).with_models_of(finished)
    first = sweep.start(in_background=True)
    wait_until(lambda: (sweep.trials.parent / "driver.json").exists())
    second = ganlimit("sweep", "run", sweep.spec_path, "--quiet", "--data-dir", sweep.data_dir)
    assert second.code == 2
    assert f"process {first.pid} on {socket.gethostname()}" in second.stderr
    assert f"ganlimit sweep stop {sweep.name}" in second.stderr

    wait_for_checkpoints(sweep, trials=2)
    stopped = ganlimit("sweep", "stop", sweep.name, "--data-dir", sweep.data_dir)
    assert stopped.code == 0, stopped.stderr
    _, errors = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 130, errors
    assert f"ganlimit sweep resume {sweep.name}" in errors
    assert "RUNNING" not in sweep.states()
    nobody = ganlimit("sweep", "stop", sweep.name, "--data-dir", sweep.data_dir)
    assert nobody.code == 2
    assert "no driver" in nobody.stderr

    sound, spoilt = MountedTrials(sweep.trials).folders()
    assert all(stands_at(folder).kimg >= RUNG_KIMG for folder in (sound, spoilt))
    spoil(spoilt)
    before = len(spoilt.reported())
    sweep.go_on()
    assert rungs_of(sound.events()) == [1, 2, 3, 4, 5, 6]
    assert not sound.checkpoint_path.exists()
    record = spoilt.record()
    assert record is not None
    assert record.state == TrialState.DIVERGED
    assert "NaN or infinite" in record.tags[ERROR]
    assert len(spoilt.reported()) == before, "nothing was measured after it"
    (told,) = optuna.get_all_study_summaries(open_storage(sweep.trials.parent))
    study = optuna.load_study(study_name=told.study_name, storage=open_storage(sweep.trials.parent))
    learned = [trial for trial in study.trials if trial.state != optuna.trial.TrialState.FAIL]
    assert [trial.state for trial in learned] == [optuna.trial.TrialState.COMPLETE], (
        "of the one that is NaN the search learns no number"
    )


def stands_at(folder: TrialFolder) -> Checkpoint:
    checkpoint = folder.checkpoint()
    assert checkpoint is not None
    return checkpoint


def spoil(folder: TrialFolder) -> None:
    """Make one weight of the trial's checkpoint NaN."""
    checkpoint = stands_at(folder)
    weights = next(value for name, value in sorted(checkpoint.state.items()) if name.endswith(".weight"))
    weights.view(-1)[0] = float("nan")
    save_checkpoint(folder.checkpoint_path, checkpoint, identity=folder.key)


@pytest.mark.usefixtures("without_figures")
def test_fused_trials_whose_worker_is_killed_go_on_from_the_last_rung(
    finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    with_rungs(tiny, 4)
    tiny["resources"] = {"fused_trials": 3}
    space = {name: {"type": "choice", "values": [value]} for name, value in POINT.items()}
    search = {"sampler": "grid", "space": space, "seeds": [0, 1, 2], "trials": 3}
    sweep = Sweep(tiny, tmp_path, **search).with_models_of(finished)
    before: dict[str, Record] = {}

    def kill_once() -> None:
        records = sweep.records()
        if not before and any(record.metrics.get("kimg", 0) >= 2 * RUNG_KIMG for record in running(sweep)):
            before.update(records)
            os.kill(worker_of(running(sweep)[0]), signal.SIGKILL)

    with watching(kill_once):
        sweep.go_on()
    assert sweep.states() == {"COMPLETED": 3}
    for folder in MountedTrials(sweep.trials).folders():
        went_on(folder, before[folder.key], rungs=4)


def went_on(folder: TrialFolder, before: Record, *, rungs: int) -> None:
    """Check that a trial was begun twice and went on from its last rung; `before` was when it was killed."""
    events = folder.events()
    again = [number for number, event in enumerate(events) if event.kind == "opened"]
    assert len(again) == 2
    assert rungs_of(events) == list(range(1, rungs + 1)), "no rung was reported twice, and none is missing"
    first_after = next(event for event in events[again[1] :] if event.kind == "reported")
    assert first_after.metrics["wall_s"] > before.metrics["wall_s"], "its time goes on as well"
    assert not folder.checkpoint_path.exists(), "a finished trial keeps no checkpoint"


class Harm:
    """What is done to the workers of four trials, by their width: 1 is killed at a rung, 2 is left alone, 3 is killed
    whenever it runs, and 4 gets no more memory.
    """

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.killed: dict[int, Record] = {}  # by process
        self.poisoned: list[int] = []
        self.starved: set[int] = set()

    def __call__(self) -> None:
        for record in running(self.sweep):
            worker, width = worker_of(record), record.params["width"]
            if width == "1" and not self.killed and record.metrics.get("kimg", 0) >= RUNG_KIMG:
                self.killed[worker] = record
                kill(worker)
            elif width == "3" and worker not in self.poisoned:
                self.poisoned.append(worker)
                kill(worker)
            elif width == "4" and worker not in self.starved:
                self.starved.add(worker)
                resource.prlimit(worker, resource.RLIMIT_AS, (address_space(worker), -1))
            elif width != "4" and worker in self.starved:
                self.starved.discard(worker)
                resource.prlimit(worker, resource.RLIMIT_AS, (-1, -1))


@pytest.mark.usefixtures("without_figures")
def test_a_worker_that_dies_or_finds_no_memory_costs_its_own_trial_alone(
    finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    with_rungs(tiny, 3)
    space = GRID | {"gan_weight": 0.0, "depth": 1}
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=space, trials=4).with_models_of(finished)
    harm = Harm(sweep)
    with watching(harm):
        sweep.go_on()
    folders = {record.params["width"]: folder for folder, record in folders_of(sweep)}
    records = {record.params["width"]: record for _, record in folders_of(sweep)}
    assert {width: record.state for width, record in records.items()} == {
        "1": TrialState.COMPLETED,
        "2": TrialState.COMPLETED,
        "3": TrialState.FAILED,
        "4": TrialState.OUT_OF_MEMORY,
    }
    (before,) = harm.killed.values()
    went_on(folders["1"], before, rungs=3)
    assert len(harm.poisoned) == 3, "it was tried three times"
    (failed,) = [run for run in sweep.runs() if run.data.tags[STATE] == "FAILED"]
    assert failed.data.params["width"] == "3"
    assert "tried 3 times" in failed.data.tags[ERROR]
    assert records["4"].tags[ERROR]

    sweep.go_on()
    assert sweep.states() == {"COMPLETED": 4}, "the same command again tries them again"


def folders_of(sweep: Sweep) -> list[tuple[TrialFolder, Record]]:
    found = [(folder, folder.record()) for folder in MountedTrials(sweep.trials).folders()]
    return [(folder, record) for folder, record in found if record is not None]


def kill(worker: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


def address_space(pid: int) -> int:
    """Bytes that a process has reserved."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
