"""Trials per hour against a sweep written by hand, naive_sweep.py: same students, budget, evaluations and teacher.

    python -m tests.benchmarks.naive [--teacher-widths 64 306 594] [--kimg 40] [--runs 1] [--out naive.json]

Two trials at once on one thread each, in one go for each teacher: ours and the other one in turn, the other one as Ray
Tune has it by default and with reuse_actors=True. The time is from the first trial's start to the last one's end, so
the first two workers' start is left out in all. What ours spends once on the teacher's pool, on one core, is given
beside it and added for the last column; it is as many teacher passes as the other one has in 0.8 trials of 40 kimg.
The classifier and the statistics of the real images are made beforehand for ours, and on first use for the other.
Teachers are hardly trained: only their cost matters here, and whether all find the same FID.
"""

import argparse
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
from cluster import ray_session
from gan import build_pool, count_parameters, default_data_root, load_generator, pool_latents
from sweeps.display import QuietDisplay
from sweeps.driver.runner import open_sweep
from sweeps.driver.tune_environment import tune_environment
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import lay_foundation
from sweeps.models.materials import MaterialFiles
from sweeps.models.workshop import Workshop
from sweeps.site.site import ThisMachine
from sweeps.trial.worker import run_trial
from tests.benchmarks.engine import WORKERS, Clock, engine_s
from tests.benchmarks.naive_sweep import sweep as naive_sweep

POOL_SAMPLE = 1024
OURS = "ganlimit"
BY_HAND = {"by hand": False, "by hand, processes kept": True}  # whether Tune keeps its processes
WAYS = (OURS, *BY_HAND)


def spec_of(teacher_width: int, kimg: float, widths: list[int], run: int) -> sweeps.SweepSpec:
    """The preset digits-seeds with the students that both distil, none of them pruned."""
    return sweeps.load_spec(
        "digits-seeds",
        {
            "name": f"ours-{run}",
            "search.seeds": [run],  # another run's trials are others
            "teacher.width": teacher_width,
            "teacher.training.kimg": 1,
            "phases": ["search"],
            "search.sampler": "random",
            "search.trials": len(widths),
            "search.points": [{"width": width, "depth": 1, "gan_weight": 0.0} for width in widths],
            "search.space.width": {"type": "int", "low": 2, "high": 32, "log": True},
            "student.kimg": kimg,
            "evaluation.rungs_kimg": [kimg / 4, kimg / 2, 3 * kimg / 4],
        },
    )


def ours(spec: sweeps.SweepSpec, data_dir: Path) -> tuple[float, dict[int, float], dict[str, Any]]:
    """Seconds of our sweep, the final FID by width, and what the other one needs to do the same."""
    workspace, display, data_root = Workspace.open(data_dir), QuietDisplay(), default_data_root()
    tracking = Tracking(workspace.store)
    foundation = lay_foundation(
        spec, Workshop(workspace=workspace, tracking=tracking, data_root=data_root, display=display)
    )
    sweep = open_sweep(
        spec, workspace, tracking=tracking, display=display, site=ThisMachine(workspace, data_root, num_cpus=WORKERS)
    )
    seconds = engine_s(sweep, run_trial)
    fids = {int(e.point["width"]): e.objectives[1] for e in sweep.read_again().ledger.values() if e.objectives}
    model, _, number = foundation.teacher_version.partition("/")
    version = tracking.registry.version(model, number)
    assert version is not None, "the sweep stands on it"
    assert isinstance(foundation.materials, MaterialFiles), "they are of this machine"
    shared = {
        "teacher": str(tracking.registry.fetch(version)),
        "classifier": str(foundation.materials.extractor.model),
        "kimg": spec.student.kimg,
        "rungs_kimg": spec.evaluation.rungs_kimg,
        "num_samples": spec.evaluation.num_samples,
        "batch_size": spec.student.batch_size,
        "cache": str(data_dir / "torch-fidelity"),
    }
    return seconds, fids, shared


def theirs(shared: dict[str, Any], widths: list[int], folder: Path, reuse: bool) -> tuple[float, dict[int, float]]:
    """Seconds of the sweep by hand, and the final FID by width."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as storage, tune_environment(), ray_session(num_cpus=WORKERS):
        fids = naive_sweep(shared, widths, f"sqlite:///{folder / 'naive.db'}", Path(storage), clock, reuse)
    return clock.seconds, fids


def pool_s(teacher: str, size: int) -> float:
    """Seconds of one core to make a pool of `size` images, from a part of it."""
    torch.set_num_threads(1)
    generator, _ = load_generator(Path(teacher))
    with tempfile.TemporaryDirectory() as folder:
        latents_NL = pool_latents(POOL_SAMPLE, generator.config.latent_size, seed=0)
        began = time.perf_counter()
        for _ in build_pool(generator, "none", path=Path(folder) / "pool.arrow", latents_NL=latents_NL):
            pass
        return (time.perf_counter() - began) * size / POOL_SAMPLE


def measure(teacher_width: int, kimg: float, widths: list[int], runs: int) -> dict[str, Any]:
    """All of them, `runs` times in turn, on one teacher: seconds for all trials, and the students' FIDs."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    fids: dict[str, list[list[float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as name:
        for run in range(runs):
            spec = spec_of(teacher_width, kimg, widths, run)
            spent, found, shared = ours(spec, Path(name))
            results = {OURS: (spent, found)}
            results |= {way: theirs(shared, widths, Path(name), reuse) for way, reuse in BY_HAND.items()}
            for way, (spent, found) in results.items():
                seconds[way].append(spent)
                fids[way].append([found[width] for width in widths])
        generator, _ = load_generator(Path(shared["teacher"]))
        pool = pool_s(shared["teacher"], spec.trained_teacher.pool_size)
    mine = statistics.median(seconds[OURS])
    medians = {way: statistics.median(seconds[way]) for way in BY_HAND}
    return {
        "parameters": count_parameters(generator.config),
        "ratios": {way: other / mine for way, other in medians.items()},
        "ratios_with_pool": {way: other / (mine + pool) for way, other in medians.items()},
        "pool_s": pool,
        "seconds": seconds,
        "fid": fids,
    }


def table_of(found: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", title="trials per hour, and how many times as many as by hand")
    for heading in ("teacher", "way", "trials/h", "ours / it", "with the pool", "FID by width"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for row in found.values():
        for way in WAYS:
            per_hour = 3600 * len(row["students"]) / statistics.median(row["seconds"][way])
            ratio, with_pool = (
                f"{row[key][way]:.1f}" if way in BY_HAND else "" for key in ("ratios", "ratios_with_pool")
            )
            fids = " ".join(f"{fid:.0f}" for fid in row["fid"][way][0])
            name = f"{row['parameters'] / 1e6:.2f} M" if way == OURS else ""
            table.add_row(name, way, f"{per_hour:,.0f}", ratio, with_pool, fids)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher-widths", type=int, nargs="+", default=[64, 306, 594], help="0.26, 3.6 and 12.5 M")
    parser.add_argument("--widths", type=int, nargs="+", default=[3, 4, 6, 8, 12, 16], help="of the students")
    parser.add_argument("--kimg", type=float, default=40.0, help="budget of a student")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file to which the figures are added")
    arguments, console = parser.parse_args(), Console()
    settings = {"kimg": arguments.kimg, "students": arguments.widths}
    found: dict[str, Any] = {}
    for width in arguments.teacher_widths:
        row = measure(width, arguments.kimg, arguments.widths, arguments.runs)
        found[f"{row['parameters']}"] = {**settings, **row}
        if arguments.out:
            before = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
            arguments.out.write_text(json.dumps({**before, **found}, indent=1) + "\n")
    console.print(table_of(found))


if __name__ == "__main__":
    main()
