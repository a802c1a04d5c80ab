"""What a trial costs in a sweep, against the bare loop of the same student with the same evaluations.

    python -m tests.benchmarks.trial [--presets digits-seeds shapes faces] [--widths 2 8 32] [--kimg 40] [--out FILE]

Both run one at a time, on one thread, in one go: bare, sweep, bare. Driver and Ray may use what other cores there are.
A trial's time in the sweep is from the start of one trial to the start of the next, so that suggesting, scheduling,
tracking and keeping the student are all in it. The first trial, with the worker's imports, is left out. Teachers are
hardly trained: students learn from them all the same.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import sweeps
from gan import default_data_root
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import lay_foundation
from sweeps.models.workshop import Workshop
from tests.benchmarks.bare import bare_s
from tests.benchmarks.schemes import MSE


def spec_of(preset: str, width: int, kimg: float, trials: int) -> sweeps.SweepSpec:
    """`trials` seeds of one MSE student, measured three times each, and a teacher that is hardly trained."""
    teacher = sweeps.load_spec(preset).trained_teacher
    return sweeps.load_spec(
        preset,
        {
            **{f"student.{key}": value for key, value in MSE.items()},
            "name": f"width-{width}",
            "phases": ["search"],
            "teacher.training.kimg": 2,
            "extractor.epochs": 2,
            "student.kimg": kimg,
            "search.trials": trials + 2,
            "search.sampler": "grid",
            "confirm": {},  # what some have goes with another sampler
            "search.space": {
                "width": {"type": "choice", "values": [width]},
                "depth": {"type": "choice", "values": [teacher.depth]},
                "block": {"type": "choice", "values": [teacher.block]},
                "gan_weight": {"type": "choice", "values": [0.0]},
            },
            "search.seeds": list(range(trials + 2)),
            "evaluation.rungs_kimg": [kimg / 4, kimg / 2],
        },
    )


def sweep_s(spec: sweeps.SweepSpec, data_dir: Path) -> list[float]:
    """Seconds from each trial's start to the next one's, the first left out."""
    sweeps.run_sweep(spec, data_dir, workers=1)
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep(spec.name)
    assert parent is not None, "it ran just now"
    starts = sorted(run.info.start_time / 1000 for run in tracking.each_trial(parent.info.run_id))
    return [after - before for before, after in itertools.pairwise(starts[1:])]


def measure(preset: str, width: int, kimg: float, trials: int, data_dir: Path) -> dict[str, Any]:
    spec = spec_of(preset, width, kimg, trials)
    workspace = Workspace.open(data_dir)
    foundation = lay_foundation(
        spec, Workshop(workspace=workspace, tracking=Tracking(workspace.store), data_root=default_data_root())
    )
    bare = [bare_s(spec, foundation, width) for _ in range(2)]
    swept = sweep_s(spec, data_dir)
    bare += [bare_s(spec, foundation, width) for _ in range(2)]
    ratio = statistics.median(swept) / statistics.median(bare)
    return {"preset": preset, "width": width, "kimg": kimg, "bare_s": bare, "sweep_s": swept, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["digits-seeds", "shapes", "faces"])
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--kimg", type=float, default=40.0, help="budget of a trial (default 40, as the digits' own)")
    parser.add_argument("--trials", type=int, default=3, help="trials measured in each sweep (default 3)")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments, console = parser.parse_args(), Console()
    table = Table(box=None, header_style="bold", title=f"a student of {arguments.kimg:g} kimg, seconds")
    for heading in ("preset", "width", "bare", "in a sweep", "difference", "ratio"):
        table.add_column(heading, justify="left" if heading == "preset" else "right")
    found = []
    for preset in arguments.presets:
        with tempfile.TemporaryDirectory() as name:
            for width in arguments.widths:
                row = measure(preset, width, arguments.kimg, arguments.trials, Path(name))
                bare, swept = (statistics.median(row[key]) for key in ("bare_s", "sweep_s"))
                cells = (f"{bare:.2f}", f"{swept:.2f}", f"{swept - bare:.2f}", f"{row['ratio']:.2f}")
                table.add_row(preset, str(width), *cells)
                console.print(f"{preset} {width}: {row['ratio']:.2f}", style="dim")
                found.append(row)
                if arguments.out:
                    arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    console.print(table)


if __name__ == "__main__":
    main()
