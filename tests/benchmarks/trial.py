"""What a trial costs in a sweep, against the bare loop of the same student with the same evaluations.

    python tests/benchmarks/trial.py [--kimg 320] [--trials 3] [--out trial.json]

Both run one at a time on one core, in one go: bare, sweep, bare. A trial's time in the sweep is from the
start of one trial to the start of the next, so that suggesting, scheduling, tracking and keeping the
student are all in it. The first trial, with the worker's imports, is left out.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import sweeps
from gan import Evaluator, default_data_root, distill
from sweeps.foundation import Foundation, lay_foundation
from sweeps.progress import QuietDisplay
from sweeps.tracking import Tracking
from sweeps.workspace import Workspace


def spec_of(kimg: float, trials: int) -> sweeps.SweepSpec:
    """The digits preset with one student, `trials` seeds of it, and a teacher that is hardly trained."""
    return sweeps.load_spec(
        "digits-seeds",
        {
            "name": "benchmark",
            "teacher.training.kimg": 2,
            "student.kimg": kimg,
            "search.space.width.values": [8],
            "search.space.gan_weight.values": [0.0],
            "search.seeds": list(range(trials + 2)),
            "baseline.of": "none",
            "evaluation.rungs_kimg": [kimg / 4, kimg / 2],
        },
    )


def bare_s(spec: sweeps.SweepSpec, foundation: Foundation) -> float:
    """Seconds of the loop that anyone would write: train, and evaluate at the rungs."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    architecture, protocol = spec.student_architecture(width=8, depth=1), foundation.protocol
    materials = foundation.materials.load(protocol, spec.resources.compute)
    evaluator = Evaluator(protocol, materials.extractor, materials.reference)
    rungs_kimg = spec.evaluation.rungs_kimg
    for progress in distill(architecture, spec.student, materials.pool, materials.dataset, 0, rungs_kimg):
        evaluator.evaluate(progress.generator)
    return time.perf_counter() - began


def sweep_s(spec: sweeps.SweepSpec, data_dir: Path) -> list[float]:
    """Seconds from each trial's start to the next one's, the first left out."""
    sweeps.run_sweep(spec, data_dir, workers=1)
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep(spec.name)
    assert parent is not None, "it ran just now"
    runs = tracking.trials(parent.info.run_id)
    starts = [run.info.start_time / 1000 for run in runs]
    return [after - before for before, after in itertools.pairwise(starts[1:])]


def measure(kimg: float, trials: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        data_dir, spec = Path(name), spec_of(kimg, trials)
        workspace = Workspace.open(data_dir)
        foundation = lay_foundation(spec, workspace, Tracking(workspace.store), QuietDisplay(), default_data_root())
        bare = [bare_s(spec, foundation) for _ in range(2)]
        swept = sweep_s(spec, data_dir)
        bare += [bare_s(spec, foundation) for _ in range(2)]
    ratio = statistics.median(swept) / statistics.median(bare)
    return {"kimg": kimg, "bare_s": bare, "sweep_s": swept, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=320.0, help="budget of a trial (default 320, about 20 s)")
    parser.add_argument("--trials", type=int, default=3, help="trials measured in the sweep (default 3)")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    result = measure(arguments.kimg, arguments.trials)
    table = Table("", "median s", "runs s", title=f"a student of {result['kimg']:g} kimg")
    for name in ("bare_s", "sweep_s"):
        runs = ", ".join(f"{seconds:.1f}" for seconds in result[name])
        table.add_row(name, f"{statistics.median(result[name]):.1f}", runs)
    console = Console()
    console.print(table)
    console.print(f"a trial in a sweep / the bare loop: {result['ratio']:.2f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
