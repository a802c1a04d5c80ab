"""How much of the cores a sweep puts into its trials: bare time of all of them over cores times wall time.

    python -m tests.benchmarks.sweep [--trials 40] [--kimg 40] [--cores 1 2] [--out sweep.json]

The trials are four widths of the digits with as many seeds as it takes, each alone on a core. Bare times are those of
the loop without a sweep around it, one after another, before and after. Wall time is from the first trial's start to
the last one's end, on a machine that does nothing else. Cores that share their caches or clock make two trials at once
slower than one after the other, with or without a sweep: `at once` is the bare loop in as many processes as cores.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import sweeps
from gan import default_data_root
from sweeps.display import QuietDisplay
from sweeps.driver.runner import open_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.workshop import Workshop
from sweeps.site.site import ThisMachine
from sweeps.trial.worker import run_trial
from tests.benchmarks.bare import bare_s
from tests.benchmarks.engine import engine_s

WIDTHS = (2, 4, 8, 16)


def spec_of(trials: int, kimg: float, cores: int) -> sweeps.SweepSpec:
    """A grid of the widths and as many seeds as make `trials`."""
    seeds = range(1000 * cores, 1000 * cores + trials // len(WIDTHS))  # no trial of another number of cores
    return sweeps.load_spec(
        "digits-seeds",
        {
            "name": f"on-{cores}",
            "phases": ["search"],
            "teacher.training.kimg": 2,
            "student.kimg": kimg,
            "search.trials": trials,
            "search.space.width": {"type": "choice", "values": list(WIDTHS)},
            "search.space.depth": {"type": "choice", "values": [1]},
            "search.space.gan_weight": {"type": "choice", "values": [0.0]},
            "search.seeds": list(seeds),
        },
    )


def bare_total_s(spec: sweeps.SweepSpec, foundation: Foundation, at_once: int) -> float:
    """Bare seconds of one student of each width, the sum of each one's own, `at_once` of them side by side."""
    if at_once == 1:
        return sum(bare_s(spec, foundation, width) for width in WIDTHS)
    with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(bare_s, spec, foundation), [WIDTHS[0]] * at_once))  # imports
        return sum(pool.map(partial(bare_s, spec, foundation), WIDTHS * at_once)) / at_once


def measure(trials: int, kimg: float, cores: int, data_dir: Path) -> dict[str, Any]:
    spec, display, data_root = spec_of(trials, kimg, cores), QuietDisplay(), default_data_root()
    workspace = Workspace.open(data_dir)
    tracking = Tracking(workspace.store)
    foundation = lay_foundation(
        spec, Workshop(workspace=workspace, tracking=tracking, data_root=data_root, display=display)
    )
    before = bare_total_s(spec, foundation, 1)
    sweep = open_sweep(
        spec, workspace, tracking=tracking, display=display, site=ThisMachine(workspace, data_root, num_cpus=cores)
    )
    wall = engine_s(sweep, run_trial, cores)
    bare = [before, bare_total_s(spec, foundation, 1)]
    side_by_side = bare_total_s(spec, foundation, cores)
    rounds = trials / len(WIDTHS)
    return {
        "cores": cores,
        "trials": trials,
        "bare_s": [rounds * seconds for seconds in bare],
        "at_once_s": rounds * side_by_side,
        "wall_s": wall,
        "efficiency": rounds * statistics.mean(bare) / (cores * wall),
        "of_what_the_cores_give": rounds * side_by_side / (cores * wall),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--kimg", type=float, default=40.0)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = [measure(arguments.trials, arguments.kimg, cores, Path(name)) for cores in arguments.cores]
    table = Table(box=None, header_style="bold", title=f"{arguments.trials} trials of {arguments.kimg:g} kimg")
    for heading in ("cores", "bare s", "bare at once s", "wall s", "efficiency", "of bare at once"):
        table.add_column(heading, justify="right")
    for row in found:
        seconds = (statistics.mean(row["bare_s"]), row["at_once_s"], row["wall_s"])
        shares = (row["efficiency"], row["of_what_the_cores_give"])
        table.add_row(str(row["cores"]), *(f"{s:.0f}" for s in seconds), *(f"{share:.2f}" for share in shares))
    Console().print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
