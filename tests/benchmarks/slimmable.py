"""Whether one student with shared weights at all sizes says which sizes are good, and starts them well.

    python -m tests.benchmarks.slimmable --folder FOLDER [--preset digits-seeds] [--widths 2 3 ...] [--free]
        [--depths 1 2] [--seeds 0 1 2] [--prices 40 120] [--kimg 40] [--gan-weights 0]
        [--ways separate slice started] [--out FILE] [--show]

The supernet is that of `supernet.py`; all images that any of its sizes makes count for its price in kimg. Its slices'
FIDs are compared with those of students that are distilled separately, and so is what costs no more: the count of
parameters, and the FID of the same trainings after their first images. The truth for a seed is the mean FID of the
other seeds' students. `started` students begin as their slice and not at random. A row is written as soon as it is
measured, and the same command goes on, as that of `schemes.py` does; so sizes, ways and prices are added.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from gan import Generator, GeneratorConfig, count_parameters
from gan.compute import CPU
from gan.networks.dcgan import halved_widths
from gan.training.distillation import DistilledMember
from gan.training.loop import Progress, alone, run_loop
from gan.training.step import Step
from sweeps import SweepSpec, load_spec
from tests.benchmarks.standing import Standing, standing_of
from tests.benchmarks.supernet import AT_ONCE, Size, Supernet, student_of

SEPARATE, SLICE, STARTED = "separate", "slice", "started"
EARLY_KIMG = 5.0  # so long the trainings go that rank by their first images

Row = dict[str, Any]
Said = dict[tuple[int, Size], float]  # of a seed and a size


class Bench:
    """All that is measured stands on one teacher, and a supernet is trained once for all its sizes."""

    def __init__(self, spec: SweepSpec, standing: Standing) -> None:
        self._spec, self._standing = spec, standing
        self._supernet = cache(self._trained_supernet)

    def measured(self, place: Row) -> Row:
        student = student_of(self._spec, size_of(place))
        row = {**place, "parameters": count_parameters(student)}
        start = None
        if place["way"] != SEPARATE:
            supernet, cpu_s = self._supernet(place["seed"], json.dumps(place["supernet"]))
            start = supernet.generator(student, self._standing.lesson)
            if place["way"] == SLICE:
                return {**row, "cpu_s": cpu_s, "fid": self._fid(start)}
        fids, cpu_s = self._trained_fids(self._training(student, place, start))
        return {**row, "cpu_s": cpu_s, "fid": fids[-1], "early_fid": fids[0]}

    def _trained_supernet(self, seed: int, described: str) -> tuple[Supernet, float]:
        about = json.loads(described)
        narrowest, widest = about["widths"]
        supernet = Supernet(self._spec, range(narrowest, widest + 1), about["depths"], free=about["free"])
        began = time.process_time()
        recipe = self._spec.student.model_copy(update={"kimg": about["kimg"] / AT_ONCE})
        supernet.train(recipe, self._standing.lesson, seed)
        return supernet, time.process_time() - began

    def _training(self, student: GeneratorConfig, place: Row, start: Generator | None) -> Iterator[Progress]:
        """As `distill` trains, which draws the first weights."""
        recipe = self._spec.student.model_copy(update={"kimg": place["kimg"], "gan_weight": place["gan_weight"]})
        member = DistilledMember(student, recipe, lesson=self._standing.lesson, seed=place["seed"], compute=CPU)
        if start:
            member.generator.load_state_dict(start.state_dict())
        return alone(run_loop(Step([member]), recipe, report_at_kimg=[EARLY_KIMG], resume=[None]))

    def _trained_fids(self, training: Iterator[Progress]) -> tuple[list[float | None], float]:
        """FID at each report, None where it diverged, and CPU seconds of training alone."""
        fids: list[float | None] = []
        cpu_s, began = 0.0, time.process_time()
        for progress in training:
            cpu_s += time.process_time() - began
            fids.append(None if progress.diverged else self._fid(progress.generator))
            began = time.process_time()
        return fids, cpu_s

    def _fid(self, generator: Generator) -> float:
        return self._standing.evaluator.evaluate(generator).fid


@dataclass
class Predictor:
    """What it says of each size, lower for a better one, and kimg and CPU seconds of each training that it takes."""

    said: Said = field(default_factory=dict)
    cost: dict[tuple[int, str], tuple[float, float]] = field(default_factory=dict)

    def says(self, row: Row, value: float | None, *, kimg: float, cpu_s: float) -> None:
        self.said[row["seed"], size_of(row)] = float("inf") if value is None else value
        self.cost[row["seed"], json.dumps(row.get("supernet", size_of(row)))] = kimg, cpu_s

    def costs(self) -> tuple[float, float]:
        """For one seed."""
        seeds = {seed for seed, _ in self.cost}
        kimg, cpu_s = (sum(part) / len(seeds) for part in zip(*self.cost.values(), strict=True))
        return kimg, cpu_s


def size_of(row: Row) -> Size:
    return tuple(row["stages"]), row["depth"]


def predictors_of(rows: list[Row], full: list[Row]) -> dict[str, Predictor]:
    """All that ranks sizes; `full` are the separate students that the truth is of."""
    names = "parameters", f"first {EARLY_KIMG:g} kimg of each", "another seed's students"
    found = {name: Predictor() for name in names}
    for row in full:
        said = (0.0, -row["parameters"]), (EARLY_KIMG, row["early_fid"]), (row["kimg"], row["fid"])
        for predictor, (kimg, value) in zip(found.values(), said, strict=True):
            predictor.says(row, value, kimg=kimg, cpu_s=row["cpu_s"] * kimg / row["kimg"])
    for row in (row for row in rows if row["way"] == SLICE):
        kimg, depths = row["supernet"]["kimg"], row["supernet"]["depths"]
        name = f"supernet{'s of one depth' if len(depths) == 1 else ''}, {kimg:g} kimg"
        predictor = found.setdefault(name, Predictor())
        predictor.says(row, row["fid"], kimg=kimg, cpu_s=row["cpu_s"])
    return found


def truth_of(full: list[Row]) -> Said:
    """The mean FID of the other seeds' students."""
    fids: Said = {(row["seed"], size_of(row)): float("inf") if row["fid"] is None else row["fid"] for row in full}
    truth = {}
    for seed, size in fids:
        others = [fid for (other, own), fid in fids.items() if own == size and other != seed]
        if others:
            truth[seed, size] = statistics.fmean(others)
    if not truth:
        raise SystemExit("The truth for a seed is what other seeds found: measure students of two or more --seeds.")
    return truth


def correlations(said: Said, truth: Said, depths: set[int]) -> str:
    """Spearman's, the median over seeds and the range, at the sizes of `depths`; nothing where some are not known."""
    places = [place for place in sorted(truth) if place[1][1] in depths]
    if not all(place in said for place in places):
        return ""
    found = []
    for _, group in itertools.groupby(places, key=lambda place: place[0]):
        own = list(group)
        found.append(float(spearmanr([said[place] for place in own], [truth[place] for place in own]).statistic))
    return f"{statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})"


def wrong_pairs(said: Said, truth: Said) -> str:
    """How many pairs of a seed's sizes are put in the wrong order, over all seeds."""
    if not all(place in said for place in truth):
        return ""
    pairs = [(a, b) for a, b in itertools.combinations(truth, 2) if a[0] == b[0]]
    return f"{sum((said[a] < said[b]) != (truth[a] < truth[b]) for a, b in pairs)} of {len(pairs)}"


def ranking_table(rows: list[Row], weight: float, trial_kimg: float) -> Table:
    full = [row for row in separate(rows, weight) if row["kimg"] == trial_kimg]
    truth, depths = truth_of(full), sorted({row["depth"] for row in full})
    groups = [set(depths), *({depth} for depth in depths if len(depths) > 1)]
    headings = ["trials", "CPU s", *(f"depth {' and '.join(map(str, group))}" for group in groups), "pairs wrong"]
    trial_s = statistics.fmean(row["cpu_s"] for row in full)
    table = Table(
        box=None, title=f"GAN weight {weight:g}: a trial has {trial_kimg:g} kimg, in the mean {trial_s:.1f} CPU s"
    )
    table.add_column("ranked by")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, own in predictors_of(rows, full).items():
        agreed = [correlations(own.said, truth, group) for group in groups]
        kimg, cpu_s = own.costs()
        table.add_row(name, f"{kimg / trial_kimg:.1f}", f"{cpu_s:.0f}", *agreed, wrong_pairs(own.said, truth))
    return table


def separate(rows: list[Row], weight: float) -> list[Row]:
    return [row for row in rows if row["way"] == SEPARATE and row["gan_weight"] == weight]


def started_fids(rows: list[Row], weight: float) -> dict[tuple[str, float], Said]:
    """FIDs by the start and the budget."""
    fids: dict[tuple[str, float], Said] = {}
    for row in rows:
        if row["way"] != SLICE and row["gan_weight"] == weight:
            own = fids.setdefault((row["way"], row["kimg"]), {})
            own[row["seed"], size_of(row)] = float("inf") if row["fid"] is None else row["fid"]
    return fids


def starts_table(fids: dict[tuple[str, float], Said], weight: float) -> Table:
    """Medians over seeds of the FIDs of students that began at random and as a slice."""
    columns = sorted(fids, key=lambda column: (column[1], column[0]))
    table = Table(box=None, title=f"GAN weight {weight:g}: FID of students by their start")
    for heading in ("stages", "depth", *(f"{way}, {kimg:g} kimg" for way, kimg in columns)):
        table.add_column(heading, justify="right")
    for stages, depth in sorted({size for said in fids.values() for _, size in said}, key=lambda size: size[::-1]):
        found = [[fid for (_, size), fid in fids[column].items() if size == (stages, depth)] for column in columns]
        cells = (f"{statistics.median(own):.1f}" if own else "" for own in found)
        table.add_row("-".join(map(str, stages)), str(depth), *cells)
    return table


def wins_of(fids: dict[tuple[str, float], Said]) -> Iterator[str]:
    """How students that began as a slice compare with those that began at random, of the same budget or a greater."""
    for (way, kimg), (other, more) in itertools.product(sorted(fids), sorted(fids)):
        if way == STARTED and other == SEPARATE and kimg <= more:
            ours, theirs = fids[way, kimg], fids[other, more]
            ratios = [ours[place] / theirs[place] for place in ours if place in theirs]
            yield (
                f"{kimg:g} kimg from a slice beat {more:g} from random weights in "
                f"{sum(ratio < 1 for ratio in ratios)} of {len(ratios)}, median ratio {statistics.median(ratios):.2f}"
            )


def sizes_of(arguments: argparse.Namespace, spec: SweepSpec) -> list[Size]:
    """Stages of each width, or with any of the widths each."""
    stages = [halved_widths(width, spec.shape["image_size"]) for width in arguments.widths]
    if arguments.free:
        stages = list(itertools.product(*zip(*stages, strict=True)))
    return list(itertools.product(stages, arguments.depths))


def places_of(arguments: argparse.Namespace, spec: SweepSpec) -> Iterator[Row]:
    """What tells a row from all others, those of one supernet together."""
    widths = [min(arguments.widths), max(arguments.widths)]
    for seed, kimg in itertools.product(arguments.seeds, arguments.prices):
        supernet = {"kimg": kimg, "widths": widths, "depths": arguments.depths, "free": arguments.free}
        for way, (stages, depth) in itertools.product(arguments.ways, sizes_of(arguments, spec)):
            place = {"way": way, "stages": list(stages), "depth": depth, "seed": seed}
            place |= {} if way == SEPARATE else {"supernet": supernet}
            learning = itertools.product(arguments.kimg, arguments.gan_weights)
            yield from (
                [place]
                if way == SLICE
                else [{**place, "kimg": kimg, "gan_weight": weight} for kimg, weight in learning]
            )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of extractor, teacher, critic, pool and rows")
    parser.add_argument("--preset", default="digits-seeds", help="or a file of a sweep (default digits-seeds)")
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 3, 4, 6, 8, 11, 14, 19, 24])
    parser.add_argument("--free", action="store_true", help="each stage has any of the widths")
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="two or more")
    parser.add_argument("--prices", type=float, nargs="+", default=[40.0, 120.0], help="of supernets, in kimg")
    parser.add_argument("--kimg", type=float, nargs="+", default=[40.0], help="a student's budget")
    parser.add_argument("--gan-weights", type=float, nargs="+", default=[0.0], help="of students; supernets have MSE")
    parser.add_argument("--ways", nargs="+", choices=[SEPARATE, SLICE, STARTED], default=[SEPARATE, SLICE, STARTED])
    parser.add_argument("--out", type=Path, help="of the rows as JSON (default slimmable.json in the folder)")
    parser.add_argument("--show", action="store_true", help="print what is measured so far, and measure nothing")
    return parser.parse_args()


def main() -> None:
    arguments, console = parsed(), Console()
    console.width = max(console.width, 140)  # of a table in a file
    torch.set_num_threads(1)
    spec = load_spec(arguments.preset, {})
    out: Path = arguments.out or arguments.folder / "slimmable.json"
    rows: list[Row] = json.loads(out.read_text()) if out.exists() else []
    if not arguments.show:
        bench = Bench(spec, standing_of(spec, arguments.folder, console.print))
        for place in places_of(arguments, spec):
            if any(place.items() <= row.items() for row in rows):
                continue
            rows.append(bench.measured(place))
            unfinished = out.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(rows, indent=1) + "\n")
            unfinished.replace(out)
            console.print(json.dumps(rows[-1]), style="dim")
    sizes = sizes_of(arguments, spec)
    shown = [
        row
        for row in rows
        if size_of(row) in sizes and row.get("supernet", {}).get("free", arguments.free) == arguments.free
    ]
    for weight in arguments.gan_weights:
        console.print(ranking_table(shown, weight, spec.student.kimg))
        fids = started_fids(shown, weight)
        console.print(starts_table(fids, weight), *wins_of(fids), sep="\n")


if __name__ == "__main__":
    main()
