"""Samplers and pruning compared on recorded learning curves, by simulated time.

    python tests/benchmarks/samplers.py [--repeats 20] [--out samplers.json] [--figure samplers.png]

The searches are the engine's own, over the space of curves.yaml, with four trials at once; only the training
is looked up in tests/data/curves.parquet, one of the recorded seeds drawn for each student and repeat. What is
found is judged by the students' mean FID over their seeds: the share that the frontier dominates of the box up
to the teacher's size and five times its FID, both on log scales, against thousands of images spent.
"""

import argparse
import heapq
import json
import random
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import optuna
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import sweeps
from analysis import hypervolume_of
from gan import GeneratorConfig
from gan.digests import value_digest
from sweeps.pruning import Rungs
from sweeps.queues import QueueSearcher
from sweeps.requests import Job, TrialRequest
from sweeps.search import StudyQueue, open_study

DATA = Path(__file__).parents[1] / "data" / "curves.parquet"
SPEC = Path(__file__).with_name("curves.yaml")
SAMPLERS = ("tpe", "nsgaii", "gp", "random", "grid")
WORKERS, STUDENTS, POINTS = 4, 100, 50  # at once; budget in whole trainings; points of a curve
COLOURS = {"tpe": "#0072B2", "nsgaii": "#E69F00", "gp": "#009E73", "random": "#7F7F7F", "grid": "#CC79A7"}

Student = tuple[int, int, str, float]


@dataclass(frozen=True)
class Curves:
    """Recorded curves: student -> seeds -> (kimg, fid) by rung, its parameters and its mean final FID."""

    runs: dict[Student, list[list[tuple[float, float]]]]
    parameters: dict[Student, int]
    final_fid: dict[Student, float]
    box: tuple[float, float]  # log10 of the teacher's parameters and of five times its FID

    @classmethod
    def load(cls, path: Path) -> "Curves":
        table = pq.read_table(path)
        runs: dict[Student, dict[int, list[tuple[float, float]]]] = {}
        parameters: dict[Student, int] = {}
        for row in table.to_pylist():
            student = (row["width"], row["depth"], row["block"], row["gan_weight"])
            runs.setdefault(student, {}).setdefault(row["seed"], []).append((row["kimg"], row["fid"]))
            parameters[student] = row["parameters"]
        lists = {student: [sorted(run) for run in seeds.values()] for student, seeds in runs.items()}
        final = {student: statistics.mean(run[-1][1] for run in seeds) for student, seeds in lists.items()}
        shared = table.schema.metadata
        box = np.log10(float(shared[b"teacher_parameters"])), np.log10(5 * float(shared[b"teacher_fid"]))
        return cls(lists, parameters, final, (float(box[0]), float(box[1])))

    def hypervolume(self, students: set[Student]) -> float:
        """The share of the box that the students' true (parameters, FID) dominate, on log scales."""
        points = [(np.log10(self.parameters[s]), np.log10(self.final_fid[s])) for s in students]
        low = min(np.log10(list(self.parameters.values()))), min(np.log10(list(self.final_fid.values())))
        area = (self.box[0] - low[0]) * (self.box[1] - low[1])
        return hypervolume_of([(float(p), float(f)) for p, f in points], self.box) / float(area)


def spec_of(sampler: str, pruning: bool | dict[str, Any], repeat: int) -> sweeps.SweepSpec:
    """The recorded space, as a user would write it for this sampler."""
    changes: dict[str, Any] = {
        "seed": repeat,
        "search.sampler": sampler,
        "search.trials": 100_000,
        "search.seeds": [0],
        "search.pruning": pruning,
    }
    if sampler != "grid":  # an ordered width helps those who can make use of it
        changes["search.space.width"] = {"type": "int", "low": 1, "high": 24, "log": True}
    return sweeps.load_spec(SPEC, changes)


def simulate(
    curves: Curves, sampler: str, pruning: bool | dict[str, Any], repeat: int
) -> tuple[list[float], list[float]]:
    """(kimg spent, hypervolume) at each end of a trial, until the budget of kimg is spent."""
    spec, chance = spec_of(sampler, pruning, repeat), random.Random(repeat)
    seed_of = {student: chance.randrange(len(runs)) for student, runs in sorted(curves.runs.items())}
    widths = sorted({student[0] for student in curves.runs})

    def nearest(point: Any) -> Student:
        width = min(widths, key=lambda w: abs(np.log(w / point["width"])))
        return width, int(point["depth"]), str(point["block"]), float(point["gan_weight"])

    def request_of(point: Any) -> TrialRequest:
        width, depth, block, gan_weight = nearest(point)
        architecture = GeneratorConfig.model_validate(
            {"image_size": 16, "image_channels": 1, "latent_size": 64, "width": width, "depth": depth, "block": block}
        )
        recipe = spec.student.model_copy(update={"gan_weight": gan_weight})
        digest = value_digest("recorded")
        return TrialRequest(
            phase="search", architecture=architecture, distillation=recipe, seed=0, teacher_digest=digest,
            pool_digest=digest, protocol_digest=digest, threads=1,
        )  # fmt: skip

    queue = StudyQueue(spec, request_of, open_study(spec, optuna.storages.InMemoryStorage()), {}, 100_000)
    searcher = QueueSearcher([queue])
    objectives = spec.search.objectives
    rungs = Rungs(spec.search.pruning, spec.evaluation.rungs_kimg, objectives) if spec.search.pruning else None
    budget_kimg, spent, found = STUDENTS * spec.student.kimg, 0.0, set[Student]()
    kimgs, shares = [0.0], [0.0]
    waiting: list[tuple[float, int, int]] = []  # (time, trial, rung that it reaches then)
    running: dict[int, tuple[Job, Student]] = {}
    number = 0

    def begin(now: float) -> None:
        nonlocal number
        config = searcher.suggest(str(number))
        if not isinstance(config, dict):
            return
        job = Job.model_validate_json(config["job"])
        student = nearest(job.point)
        running[number] = job, student
        heapq.heappush(waiting, (now + curves.runs[student][seed_of[student]][0][0], number, 0))
        number += 1

    for _ in range(WORKERS):
        begin(0.0)
    while waiting and spent < budget_kimg:
        now, trial, rung = heapq.heappop(waiting)
        job, student = running[trial]
        run = curves.runs[student][seed_of[student]]
        kimg, fid = run[rung]
        spent += kimg - (run[rung - 1][0] if rung else 0.0)
        last = rung == len(run) - 1
        result = {"parameters": curves.parameters[student], "fid": fid}
        goes_on = last or rungs is None or rungs.learn(job.request.key, kimg, result)
        if not last and goes_on:
            heapq.heappush(waiting, (now + run[rung + 1][0] - kimg, trial, rung + 1))
            continue
        state = "COMPLETED" if last else "RUNNING"
        searcher.on_trial_complete(str(trial), {"state": state, **result})
        if last:
            found.add(student)
            kimgs.append(spent)
            shares.append(curves.hypervolume(found))
        begin(now)
    return kimgs, shares


def at(kimgs: list[float], shares: list[float], kimg: float) -> float:
    """The hypervolume when `kimg` were spent."""
    return shares[int(np.searchsorted(kimgs, kimg, side="right")) - 1]


def first_to(kimgs: list[float], shares: list[float], share: float) -> float:
    """The kimg spent when `share` was reached; infinite where it never was."""
    return next((kimg for kimg, reached in zip(kimgs, shares, strict=True) if reached >= share), float("inf"))


def compare(curves: Curves, repeats: int, samplers: tuple[str, ...], console: Console) -> dict[str, Any]:
    """Every sampler with and without pruning: medians and the middle half over the repeats."""
    budget = STUDENTS * 16.0
    best = curves.hypervolume(set(curves.runs))
    axis = np.linspace(0, budget, POINTS + 1)[1:]
    found: dict[str, Any] = {"budget_kimg": budget, "repeats": repeats, "attainable": best, "kimg": axis.tolist()}
    for sampler in samplers:
        for pruning in (False, True):
            runs = [simulate(curves, sampler, pruning, repeat) for repeat in range(repeats)]
            shares = np.array([[at(*run, kimg) for kimg in axis] for run in runs]) / best
            low, median, high = np.percentile(shares, [25, 50, 75], axis=0)
            name = f"{sampler}{' + pruning' if pruning else ''}"
            finals = [run[1][-1] for run in runs]
            to_95 = [first_to(*run, 0.95 * best) for run in runs]
            found[name] = {
                "median": median.tolist(), "low": low.tolist(), "high": high.tolist(),
                "kimg_to_95": float(np.median(to_95)), "final": float(np.median(finals)) / best,
                "mean": float(shares.mean()),
            }  # fmt: skip
            console.print(f"{name}: mean {shares.mean():.3f}, 95% after {np.median(to_95):.0f} kimg", style="dim")
    return found


def table_of(found: dict[str, Any], samplers: tuple[str, ...]) -> Table:
    table = Table(box=None, header_style="bold", title="share of the attainable hypervolume, median of the repeats")
    for heading in ("search", "at 1/4", "at 1/2", "at the end", "mean over kimg", "kimg to 95%"):
        table.add_column(heading, justify="left" if heading == "search" else "right")
    for sampler in samplers:
        for name in (sampler, f"{sampler} + pruning"):
            row = found[name]
            quarter, half = (row["median"][round(POINTS * part) - 1] for part in (0.25, 0.5))
            cells = [f"{value:.3f}" for value in (quarter, half, row["median"][-1], row["mean"])]
            table.add_row(name, *cells, f"{row['kimg_to_95']:.0f}" if np.isfinite(row["kimg_to_95"]) else "never")
    return table


def figure_of(found: dict[str, Any], samplers: tuple[str, ...]) -> Figure:
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8.0, 3.4), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, suffix, title in zip(
            axes, ("", " + pruning"), ("every trial to its end", "with pruning"), strict=True
        ):
            for sampler in samplers:
                row = found[sampler + suffix]
                axis.fill_between(found["kimg"], row["low"], row["high"], color=COLOURS[sampler], alpha=0.15, lw=0)
                axis.plot(found["kimg"], row["median"], color=COLOURS[sampler], lw=1.6, label=sampler)
            axis.set_title(title, loc="left", fontsize=10, weight="bold")
            axis.set_xlabel("thousands of images spent (kimg)")
            axis.set_ylim(0.6, 1.01)
            axis.grid(alpha=0.25)
        axes[0].set_ylabel("share of the attainable hypervolume")
        axes[0].legend(frameon=False, loc="lower right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--figure", type=Path, help="where to write the picture")
    arguments = parser.parse_args()
    console, samplers = Console(), tuple(arguments.samplers)
    found = compare(Curves.load(arguments.data), arguments.repeats, samplers, console)
    console.print(table_of(found, samplers))
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.figure:
        figure_of(found, samplers).savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
