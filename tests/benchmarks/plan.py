"""How many seconds of CPU `ganlimit sweep plan` takes in all its processes, for every shipped preset and a flat folder.

    python -m tests.benchmarks.plan [--presets digits shapes] [--pictures 4000] [--out docs/records/speed/plan.json]

Nothing is downloaded. The folder has that many pictures of 64x64 pixels without classes; its plan reads none of them.
Seconds of CPU are user and system time of the command and of what it started: a busy machine hardly lengthens them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from rich.console import Console
from rich.table import Table

from sweeps.spec.file import preset_names

FOLDER = "folder of {} pictures"


@dataclass(frozen=True)
class PlanTime:
    """What a plan took, and what it says."""

    sweep: str
    cpu_s: float
    wall_s: float
    core_hours: float | None


def time_plan(spec: str, name: str) -> PlanTime:
    """Run the command in a process of its own, and wait for its times."""
    command = [sys.executable, "-m", "sweeps.cli", "sweep", "plan", spec, "--json", "--no-download"]
    began = time.perf_counter()
    before = os.times()
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    after = os.times()
    used = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return PlanTime(name, used, time.perf_counter() - began, json.loads(found.stdout)["core_hours"])


def folder_spec(folder: Path, pictures: int) -> Path:
    """Writes pictures without classes, and a sweep over them."""
    images, random = folder / "pictures", np.random.default_rng(0)
    images.mkdir()
    for number in range(pictures):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(images / f"{number:05d}.png")
    spec: dict[str, Any] = {
        "name": "pictures",
        "dataset": {"path": str(images), "image_size": 64, "image_channels": 3},
        "teacher": {"width": 32, "training": {"kimg": 400}},
        "student": {"kimg": 100},
        "search": {"trials": 30, "space": {"width": {"type": "int", "low": 2, "high": 16}, "gan_weight": 0.05}},
        "baseline": {"kimg": 100},
    }
    path = folder / "pictures.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def shown(found: Sequence[PlanTime]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("sweep", "CPU s", "wall s", "core-hours planned"):
        table.add_column(heading, justify="left" if heading == "sweep" else "right")
    for each in found:
        hours = "" if each.core_hours is None else f"{each.core_hours:.2f}"
        table.add_row(each.sweep, f"{each.cpu_s:.1f}", f"{each.wall_s:.1f}", hours)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="*", default=preset_names())
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = [time_plan(name, name) for name in arguments.presets]
    if arguments.pictures:
        with tempfile.TemporaryDirectory() as name:
            spec = folder_spec(Path(name), arguments.pictures)
            found.append(time_plan(str(spec), FOLDER.format(f"{arguments.pictures:,}")))
    Console().print(shown(found))
    if arguments.out:
        record = {"cores": os.cpu_count(), "plans": [asdict(each) for each in found]}
        arguments.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
