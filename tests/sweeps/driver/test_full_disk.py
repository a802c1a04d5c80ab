"""A full disk, for real: a small file system of its own, filled to the last byte."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.sweep_process import GRID, Sweep

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root"),
    pytest.mark.usefixtures("without_figures"),
]

ROOM = 2**16  # bytes, with which a training begins and does not end


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A disk of 128 MiB at `place`, or no test where this machine may not mount one."""
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "none", place], check=False).returncode:
        pytest.skip("this machine may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def filled(place: Path, *, but: int = 0) -> Path:
    """A file that takes all the room at `place` but for some bytes."""
    ballast = place / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    os.truncate(ballast, ballast.stat().st_size - but)
    return ballast


def is_one_clear_error(code: int, said: str) -> bool:
    lines = said.rstrip().splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("error: ")), len(lines))
    error = " ".join(lines[first:])
    form = r"error: The disk has room, got none \([^()]*\)\. Make room: [^.]*\."
    return code == 2 and re.fullmatch(form, error) is not None and "Traceback" not in said and "SQL" not in said


def test_a_full_disk_is_one_clear_error_and_room_is_all_it_takes(
    ganlimit: Any, finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["student"]["kimg"] = 5  # unlike what is there already
    space = GRID | {"gan_weight": 0.0, "depth": 1}
    sweep = Sweep(tiny, tmp_path, sampler="grid", space=space, trials=2)
    with small_disk(sweep.data_dir):
        sweep.with_models_of(finished)
        ballast = filled(sweep.data_dir)
        full = ganlimit("sweep", "run", sweep.spec_path, "--quiet", "--data-dir", sweep.data_dir)
        assert is_one_clear_error(full.code, full.stderr), full.stderr
        ballast.unlink()
        sweep.go_on()
        assert sweep.states() == {"COMPLETED": 2}


def test_so_is_one_that_is_filled_by_a_teachers_training(
    ganlimit: Any, finished: Any, tiny: dict[str, Any], tmp_path: Path
) -> None:
    tiny["teacher"]["training"]["kimg"] = 2  # unlike the one that is there
    sweep = Sweep(tiny, tmp_path)
    train = ("teacher", "train", str(sweep.spec_path), "--data-dir", str(sweep.data_dir))
    with small_disk(sweep.data_dir):
        sweep.with_models_of(finished)
        ballast = filled(sweep.data_dir, but=ROOM)
        command = [sys.executable, "-m", "sweeps.cli", *train]
        full = subprocess.run(command, capture_output=True, text=True, check=False)  # MLflow logs to its own stderr
        assert "teacher: begun" in full.stderr
        assert is_one_clear_error(full.returncode, full.stderr), full.stderr
        ballast.unlink()
        assert ganlimit(*train).code == 0
