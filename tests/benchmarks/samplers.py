"""Samplers and pruning compared on recorded learning curves, by simulated time.

    python -m tests.benchmarks.samplers [--repeats 20] [--out samplers.json] [--figure samplers.png]

Every sampler searches the space of curves.yaml, four trials at once, with and without pruning, for as many kimg
as sixty whole trainings take. Pruning alone is measured on all recorded students in an order of chance: what it
spends and what it finds, against training all of them to the end.
"""

import argparse
import json
import math
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from tests.benchmarks.simulation import DATA, Curves, Simulation, spec_of

SAMPLERS = ("tpe", "nsgaii", "gp", "random", "grid")
PRUNING = " + pruning"
STUDENTS, POINTS = 60, 60  # budget in whole trainings; points of a curve
COLOURS = {"tpe": "#0072B2", "nsgaii": "#E69F00", "gp": "#009E73", "random": "#7F7F7F", "grid": "#CC79A7"}

Track = list[tuple[float, float]]  # (kimg spent, share of the attainable hypervolume)
Repeat = Callable[[Callable[[int], Any]], list[Any]]  # does something for every repeat, side by side


def search(curves: Curves, sampler: str, pruning: bool, repeat: int) -> Track:
    """What a search has found, whenever it found something, until the budget is spent."""
    simulation = Simulation(curves, spec_of(sampler, pruning, repeat))
    attainable = curves.hypervolume(set(curves.runs))
    track = [(0.0, 0.0)]
    for spent in simulation.run(STUDENTS * simulation.kimg):
        share = curves.hypervolume(simulation.found) / attainable
        if share > track[-1][1]:
            track.append((spent, share))
    return track


def prune(curves: Curves, repeat: int) -> tuple[float, float]:
    """Of all students in an order of chance: (kimg, hypervolume) with pruning, each over that without."""
    found = []
    for pruning in (False, True):
        simulation = Simulation(curves, spec_of("random", pruning, repeat))
        *_, spent = simulation.run()
        found.append((spent, curves.hypervolume(simulation.found)))
    (kimg, share), (pruned_kimg, pruned_share) = found
    return pruned_kimg / kimg, pruned_share / share


def share_at(track: Track, kimg: float) -> float:
    """The hypervolume when `kimg` were spent."""
    return max(share for spent, share in track if spent <= kimg)


def first_to(track: Track, share: float) -> float:
    """The kimg spent when `share` was reached; infinite where it never was."""
    return next((spent for spent, reached in track if reached >= share), math.inf)


def names_of(samplers: list[str]) -> list[str]:
    """The searches to compare, the slowest last."""
    names = [f"{sampler}{suffix}" for sampler in samplers for suffix in ("", PRUNING)]
    return sorted(names, key=lambda name: name.startswith("gp"))


def compare(curves: Curves, name: str, repeat: Repeat) -> dict[str, Any]:
    """One search: what it has found at each kimg, median and 5-95% band over the repeats."""
    axis = np.linspace(0, STUDENTS * curves.kimg, POINTS + 1)[1:]
    tracks = repeat(partial(search, curves, name.removesuffix(PRUNING), name.endswith(PRUNING)))
    shares = np.array([[share_at(track, kimg) for kimg in axis] for track in tracks])
    low, median, high = np.percentile(shares, [5, 50, 95], axis=0)
    to_95 = float(np.median([first_to(track, 0.95) for track in tracks]))
    found = {"kimg": axis.tolist(), "median": median.tolist(), "low": low.tolist(), "high": high.tolist()}
    return {**found, "kimg_to_95": to_95 if math.isfinite(to_95) else None, "mean": float(shares.mean())}


def compare_pruning(curves: Curves, repeat: Repeat) -> dict[str, Any]:
    """Pruning alone: (kimg, hypervolume) over those of training all students."""
    kimg, share = np.array(repeat(partial(prune, curves))).T
    return {"kimg": kimg.tolist(), "hypervolume": share.tolist()}


def table_of(found: dict[str, Any], samplers: list[str]) -> Table:
    table = Table(box=None, header_style="bold", title="share of the attainable hypervolume, median of the repeats")
    for heading in ("search", "at 1/4", "at 1/2", "at the end", "mean over kimg", "kimg to 95%"):
        table.add_column(heading, justify="left" if heading == "search" else "right")
    for name in (name for name in names_of(samplers) if name in found):
        row = found[name]
        quarter, half = (row["median"][round(POINTS * part) - 1] for part in (0.25, 0.5))
        cells = [f"{value:.3f}" for value in (quarter, half, row["median"][-1], row["mean"])]
        table.add_row(name, *cells, f"{row['kimg_to_95']:.0f}" if row["kimg_to_95"] else "never")
    return table


def figure_of(found: dict[str, Any], samplers: list[str]) -> Figure:
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8.0, 3.4), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, suffix, title in zip(axes, ("", PRUNING), ("every trial to its end", "with pruning"), strict=True):
            for sampler in (sampler for sampler in samplers if sampler + suffix in found):
                row = found[sampler + suffix]
                axis.fill_between(row["kimg"], row["low"], row["high"], color=COLOURS[sampler], alpha=0.12, lw=0)
                axis.plot(row["kimg"], row["median"], color=COLOURS[sampler], lw=1.6, label=sampler)
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
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--out", type=Path, help="where the figures are kept as JSON; a search that is there is not run again"
    )
    parser.add_argument("--draw", action="store_true", help="only show what --out has")
    parser.add_argument("--figure", type=Path, help="where to write the picture")
    arguments, console = parser.parse_args(), Console()
    curves, samplers = Curves.load(arguments.data), arguments.samplers
    found: dict[str, Any] = {"repeats": arguments.repeats}
    if arguments.out and arguments.out.exists():
        kept = json.loads(arguments.out.read_text())
        found = kept if kept["repeats"] == arguments.repeats else found
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:

        def repeat(once: Callable[[int], Any]) -> list[Any]:
            return list(pool.map(once, range(arguments.repeats)))

        todo = {"pruning": partial(compare_pruning, curves, repeat)}
        todo |= {name: partial(compare, curves, name, repeat) for name in names_of(samplers)}
        for name in [] if arguments.draw else [name for name in todo if name not in found]:
            console.print(f"{name} ...", style="dim")
            found[name] = todo[name]()
            if arguments.out:  # the slow ones take many minutes: what is done is kept
                arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    console.print(table_of(found, samplers))
    kimg, share = (np.percentile(found["pruning"][name], [50, 5, 95]) for name in ("kimg", "hypervolume"))
    console.print(
        f"\npruning over all students: {kimg[0]:.0%} of the kimg ({kimg[1]:.0%} to {kimg[2]:.0%}), "
        f"{share[0]:.1%} of the hypervolume ({share[1]:.1%} to {share[2]:.1%})"
    )
    if arguments.figure:
        figure_of(found, samplers).savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
