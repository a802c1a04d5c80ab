"""What each scheme of distillation is worth, one by one and together: FID, IS, sharpness and CPU seconds of students.

    python -m tests.benchmarks.schemes --folder FOLDER [--preset shapes] [--widths 2 4 8] [--seeds 0 1 2] [--kimg 48]
        [--schemes joint together ...] [--add NAME {"gan_weight":0.1,...}] [--set KEY=VALUE ...]
        [--layers {"depth":2,"first_layer_rank":12}] [--out FILE] [--show]

Data set, extractor, teacher and recipes are the preset's, which `--set` changes. What students stand on is made once
into the folder. A row is written as soon as its student is measured, and one that is written is not measured again: the
same command goes on, and further schemes, sizes and seeds are added. `scratch` trains the same generator by the
preset's baseline. CPU seconds are of training alone, on one thread.
"""

import argparse
import itertools
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gan import GeneratorConfig, count_parameters, distill, train_gan
from gan.training.loop import Progress
from sweeps import SweepSpec, load_spec
from tests.benchmarks.standing import Standing, standing_of

FEATURES, WEIGHT = 0.1, 0.05
TAUGHT = {"gan_weight": WEIGHT, "opponent": "teacher"}
TOGETHER = {**TAUGHT, "critic_features": FEATURES}
SELDOM = {"gan_every": 4, "adversarial.critic_every": 4}
SCRATCH = "scratch"
HEADINGS = "scheme", "width", "parameters", "ratio", "kimg", "seeds", "FID", "IS", "sharpness", "CPU s", "wins"

# Every scheme is stated as what it changes of the paper's MSE, by dotted name, whatever the preset's student has.
MSE: dict[str, Any] = {
    "gan_weight": 0.0,
    "opponent": "fresh",
    "real": "data",
    "pixels": "mse",
    "pixel_weight": 1.0,
    "critic_features": 0.0,
    "feature_weight": 0.0,
    "gan_from": 0.0,
    "gan_every": 1,
    "adversarial.critic_every": 1,
    "start": "random",
}
SCHEMES: dict[str, Mapping[str, Any]] = {
    "mse": {},
    "l1": {"pixels": "l1"},
    "multiscale": {"pixels": "multiscale"},
    "joint": {"gan_weight": 0.02},
    "mse-pruned": {"start": "pruned"},
    "joint-pruned": {"gan_weight": 0.02, "start": "pruned"},
    "joint-seldom": {"gan_weight": 0.02, **SELDOM},
    "features": {"critic_features": FEATURES},
    "features-alone": {"critic_features": FEATURES, "pixel_weight": 0.0},
    "features-fresh": {"critic_features": FEATURES, "gan_weight": WEIGHT},
    "taught": TAUGHT,
    "together": TOGETHER,
    "together-no-pixels": {**TOGETHER, "pixel_weight": 0.0},
    "together-multiscale": {**TOGETHER, "pixels": "multiscale"},
    "together-real-teacher": {**TOGETHER, "real": "teacher"},
    "together-real-both": {**TOGETHER, "real": "both"},
    "together-late": {**TOGETHER, "gan_from": 0.5},
    "together-pruned": {**TOGETHER, "start": "pruned"},
    "together-seldom": {**TOGETHER, **SELDOM},
}

Row = dict[str, Any]


def specs_of(arguments: argparse.Namespace) -> dict[str, SweepSpec]:
    """The preset with each scheme's student, by the scheme's name."""
    base = {key: json_or_text(value) for key, value in arguments.set}
    if arguments.kimg:
        base["student.kimg"] = arguments.kimg
    schemes = SCHEMES | {name: json.loads(changes) for name, changes in arguments.add} | {SCRATCH: {}}
    return {
        name: load_spec(
            arguments.preset, base | {f"student.{key}": value for key, value in (MSE | schemes[name]).items()}
        )
        for name in [*arguments.schemes, *(name for name, _ in arguments.add)]
    }


def json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def trained(spec: SweepSpec, student: GeneratorConfig, scheme: str, standing: Standing, seed: int) -> Progress:
    compute = spec.resources.compute
    if scheme == SCRATCH:
        training = train_gan(student, spec.baseline.training, dataset=standing.dataset, seed=seed, compute=compute)
    else:
        training = distill(student, spec.student, lesson=standing.lesson, seed=seed, compute=compute)
    *_, progress = training
    return progress


def student_of(spec: SweepSpec, width: int, layers: Mapping[str, Any]) -> GeneratorConfig:
    """The student of a width, of the teacher's depth and block, with layers of its own where some are asked for."""
    teacher = spec.trained_teacher
    plain = spec.student_architecture(width, teacher.depth).model_dump()
    return GeneratorConfig.model_validate({**plain, "block": teacher.block, **layers})


def measured(spec: SweepSpec, standing: Standing, place: Mapping[str, Any]) -> Row:
    student = student_of(spec, place["width"], place.get("layers", {}))
    began = time.process_time()
    progress = trained(spec, student, place["scheme"], standing, place["seed"])
    cpu_s = time.process_time() - began
    row = {**place, "parameters": count_parameters(student), "cpu_s": cpu_s, "losses": progress.losses}
    if progress.diverged:
        return {**row, "fid": None, "inception_score": None, "sharpness": None}
    scores = standing.evaluator.evaluate(progress.generator).as_dict()
    return {**row, **{name: scores.get(name) for name in ("fid", "inception_score", "sharpness")}}


def place_of(spec: SweepSpec, scheme: str, width: int, *, seed: int, layers: Mapping[str, Any]) -> Row:
    """What tells a row from all others: the student, its recipe, and how long it learns."""
    own = {"layers": layers} if layers else {}
    recipe: Any = spec.baseline.training if scheme == SCRATCH else spec.student
    changed = recipe.model_dump(mode="json", exclude_defaults=True)
    changed["batchnorm_statistics"] = recipe.batchnorm_statistics  # rows of before have the running ones
    return {"scheme": scheme, "width": width, "seed": seed, "kimg": recipe.kimg, "recipe": changed, **own}


def known(rows: list[Row], place: Row) -> bool:
    named = {"layers": {}, **place}
    return any(all(row.get(name, {}) == value for name, value in named.items()) for row in rows)


def table_of(rows: list[Row], standing: Standing) -> Table:
    """Medians over seeds, schemes of a size in the order of their FID, and in how many pairs scratch is beaten."""
    table = _table_above(standing)
    groups: dict[tuple[int, int, str, float, str], list[Row]] = defaultdict(list)
    for row in rows:
        recipe = json.dumps(row["recipe"], sort_keys=True)
        groups[row["width"], row["parameters"], row["scheme"], row["kimg"], recipe].append(row)
    ordered = sorted(groups.items(), key=lambda item: (*item[0][:2], median(item[1], "fid")))
    for (_, parameters, *_), own in ordered:
        scratch = [row for row in rows if row["scheme"] == SCRATCH and row["parameters"] == parameters]
        table.add_row(*_cells(own, scratch, teacher_parameters=standing.teacher.parameters))
    return table


def _table_above(standing: Standing) -> Table:
    """The table with its first two rows: real images and the teacher."""
    table = Table(box=None, header_style="bold", title=f"students of {standing.dataset.name}, medians over seeds")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "scheme" else "right", no_wrap=True)
    real, teacher = standing.real, standing.teacher.metrics
    cells = [f"{real.fid or 0:.1f}", f"{real.inception_score or 0:.2f}", f"{real.sharpness:.0f}"]
    table.add_row("real held-out images", *[""] * 5, *cells)
    cells = [f"{teacher['fid']:.1f}", f"{teacher['inception_score']:.2f}", f"{teacher['sharpness']:.0f}"]
    table.add_row("teacher", "", f"{standing.teacher.parameters:,}", "1", f"{standing.teacher.kimg:g}", "1", *cells)
    return table


def _cells(own: list[Row], scratch: list[Row], *, teacher_parameters: int) -> tuple[str, ...]:
    """A group of students beside the scratch ones of its size."""
    first = own[0]
    layers = first.get("layers", {})
    return (
        first["scheme"],
        f"{first['width']}x{layers['depth']}" if "depth" in layers else str(first["width"]),
        f"{first['parameters']:,}",
        f"1/{teacher_parameters / first['parameters']:.0f}",
        f"{first['kimg']:g}",
        str(len(own)),
        f"{median(own, 'fid'):.1f}",
        f"{median(own, 'inception_score'):.2f}",
        f"{median(own, 'sharpness'):.0f}",
        f"{median(own, 'cpu_s'):.0f}",
        wins(own, scratch),
    )


def median(rows: list[Row], name: str) -> float:
    """A student that diverged is worse than any other."""
    return statistics.median(float("inf") if row[name] is None else row[name] for row in rows)


def wins(rows: list[Row], scratch: list[Row]) -> str:
    pairs = [
        (row["fid"], other["fid"])
        for row, other in itertools.product(rows, scratch)
        if row["seed"] == other["seed"] and row["scheme"] != SCRATCH and row["fid"] and other["fid"]
    ]
    return f"{sum(ours < theirs for ours, theirs in pairs)} of {len(pairs)}" if pairs else ""


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of extractor, teacher, critic, pool and rows")
    parser.add_argument("--preset", default="shapes", help="or a file of a sweep (default shapes)")
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kimg", type=float, help="a distilled student's budget (default the preset's)")
    parser.add_argument("--schemes", nargs="*", choices=[*SCHEMES, SCRATCH], default=[*SCHEMES, SCRATCH])
    parser.add_argument("--add", nargs=2, action="append", default=[], metavar=("NAME", "JSON"))
    parser.add_argument("--set", type=lambda text: text.split("=", 1), action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--layers", type=json.loads, default={}, metavar="JSON", help="of the students beside width")
    parser.add_argument("--out", type=Path, help="of the rows as JSON (default schemes.json in the folder)")
    parser.add_argument("--show", action="store_true", help="print what is measured so far, and measure nothing")
    return parser.parse_args()


def main() -> None:
    arguments, console = parsed(), Console()
    console.width = max(console.width, 120)  # of a table in a file
    torch.set_num_threads(1)
    specs = specs_of(arguments)
    standing = standing_of(next(iter(specs.values())), arguments.folder, console.print)
    out: Path = arguments.out or arguments.folder / "schemes.json"
    rows: list[Row] = json.loads(out.read_text()) if out.exists() else []
    asked = [
        (spec, place_of(spec, scheme, width, seed=seed, layers=arguments.layers))
        for seed, width, (scheme, spec) in itertools.product(arguments.seeds, arguments.widths, specs.items())
    ]
    missing = [] if arguments.show else [(spec, place) for spec, place in asked if not known(rows, place)]
    for number, (spec, place) in enumerate(missing, start=1):
        row = measured(spec, standing, place)
        rows.append(row)
        unfinished = out.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(rows, indent=1) + "\n")
        unfinished.replace(out)
        said = f"{row['scheme']} {row['width']} seed {row['seed']}: FID {row['fid'] or float('nan'):.1f}"
        console.print(f"{number}/{len(missing)} {said}, {row['cpu_s']:.0f} CPU s", style="dim")
    console.print(table_of(rows, standing))


if __name__ == "__main__":
    main()
