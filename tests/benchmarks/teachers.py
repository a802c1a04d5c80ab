"""What each part of a teacher's recipe is worth: FID at equal CPU seconds, and whether the critic could judge.

    python -m tests.benchmarks.teachers --folder FOLDER [--preset shapes] [--kimg 48] [--seeds 0] [--reports 12]
        [--recipes as-it-is ...] [--add NAME {"training.batch_size":32,...}] [--cpu-s 120] [--out FILE] [--show]

A recipe is the preset's with some of its keys changed. The folder has the extractor, which is made once; FIDs of
another folder are not comparable. A row is written as soon as its teacher is trained, and the same command goes on. CPU
seconds are of training alone, on one thread. The critic's accuracy is the share of pairs of a held-out and a generated
image in which it scores the real one higher, at the end; a row is marked where it is no judge by gan's own rule.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gan import Evaluator, ImageDataset, count_parameters, default_data_root, judge_critic, load_dataset, pool_latents
from gan import train_gan as trained
from sweeps import SweepSpec, load_spec
from tests.benchmarks.schemes import MSE
from tests.benchmarks.standing import evaluator_of

JUDGED = 1024  # images of each kind
CRITIC = "training.adversarial.critic"
RECIPES: dict[str, dict[str, Any]] = {
    "as-it-is": {},
    "gain-1": {f"{CRITIC}.gain": 1.0},
    "gain-3": {f"{CRITIC}.gain": 3.0},
    "no-deviation": {f"{CRITIC}.minibatch_deviation": False},
    "hinge": {"training.adversarial.loss": "hinge"},
    "one-rate": {"training.adversarial.optimiser.learning_rate": 6e-4},
    "narrow-critic": {f"{CRITIC}.width": 16},
    "dcgan": {"block": "dcgan"},
    "shallow": {"depth": 1},
    "latent-16": {"latent_size": 16},
    "shifted": {"training.adversarial.max_shift": 2},
}
# The recipe of the first records of shapes.
BEFORE: dict[str, Any] = {
    "depth": 1,
    "block": "dcgan",
    "latent_size": 16,
    "training.optimiser.learning_rate": 2e-3,
    "training.optimiser.final_fraction": 0.2,
    "training.ema_halflife_kimg": 44.0,
    "training.adversarial.loss": "hinge",
    f"{CRITIC}.width": 32,
    f"{CRITIC}.gain": 1.0,
    f"{CRITIC}.minibatch_deviation": False,
    "training.adversarial.optimiser.learning_rate": 2e-3,
    "training.adversarial.optimiser.final_fraction": 0.2,
    "training.adversarial.max_shift": 2,
}
RECIPES["before"] = BEFORE

Row = dict[str, Any]


def spec_of(preset: str, changes: dict[str, Any], *, kimg: float | None, seed: int) -> SweepSpec:
    own = {f"teacher.{key}": value for key, value in changes.items()}
    budget = {"teacher.training.kimg": kimg} if kimg else {}
    apart = {f"student.{key}": value for key, value in MSE.items()}  # no student of theirs has to fit
    return load_spec(preset, {**budget, **apart, **own, "seed": seed})


def measured(spec: SweepSpec, dataset: ImageDataset, evaluator: Evaluator, *, reports: int) -> Row:
    """The teacher's reports, and its critic's judgement at the end."""
    training, architecture = spec.trained_teacher.training, spec.teacher_architecture
    at = [training.kimg * number / reports for number in range(1, reports)]
    found: list[Row] = []
    cpu_s, began = 0.0, time.process_time()
    for progress in trained(architecture, training, dataset=dataset, seed=spec.seed, report_at_kimg=at):
        cpu_s += time.process_time() - began
        if progress.diverged:
            return {"parameters": count_parameters(architecture), "reports": found, "accuracy": None, "judges": False}
        metrics = evaluator.evaluate(progress.generator).as_dict()
        kept = {name: metrics.get(name) for name in ("fid", "inception_score", "sharpness")}
        found.append({"kimg": progress.kimg, "cpu_s": cpu_s, **kept, "losses": progress.losses})
        began = time.process_time()
    assert progress.critic
    judgement = judge_critic(
        progress.critic,
        progress.generator,
        loss=training.adversarial.loss,
        dataset=dataset,
        inputs_NI=pool_latents(JUDGED, architecture, seed=1),
        kimg=progress.kimg,
    )
    judged = {"accuracy": judgement.accuracy, "judges": judgement.separates}
    return {"parameters": count_parameters(architecture), "reports": found, **judged}


def best_until(row: Row, cpu_s: float) -> Row | None:
    """The report of the lowest FID among those that had no more CPU time than that."""
    within = [report for report in row["reports"] if report["cpu_s"] <= cpu_s]
    return min(within, key=lambda report: report["fid"], default=None)


def table_of(rows: list[Row], cpu_s: float, real_fid: float) -> Table:
    title = f"best FID within {cpu_s:.0f} CPU seconds; real held-out images: {real_fid:.1f}"
    table = Table(box=None, header_style="bold", title=title)
    for heading in ("recipe", "seed", "parameters", "FID", "times real", "at kimg", "IS", "sharpness", "critic right"):
        table.add_column(heading, justify="left" if heading == "recipe" else "right")
    for row in sorted(rows, key=lambda row: (best_until(row, cpu_s) or {"fid": float("inf")})["fid"]):
        head = (row["recipe"], str(row["seed"]), f"{row['parameters']:,}")
        best = best_until(row, cpu_s)
        if best is None:
            table.add_row(*head, "none yet" if row["reports"] else "diverged")
            continue
        right = "" if row["accuracy"] is None else f"{row['accuracy']:.0%}" + ("" if row["judges"] else " (no judge)")
        scores = (f"{best['fid']:.1f}", f"{best['fid'] / real_fid:.0f}", f"{best['kimg']:.0f}")
        table.add_row(*head, *scores, f"{best['inception_score']:.2f}", f"{best['sharpness']:.0f}", right)
    return table


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of the extractor and of the rows")
    parser.add_argument("--preset", default="shapes", help="or a file of a sweep")
    parser.add_argument("--kimg", type=float, help="of each teacher (default the preset's)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--reports", type=int, default=12, help="of each training, evenly spread")
    parser.add_argument("--recipes", nargs="*", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--add", nargs=2, action="append", default=[], metavar=("NAME", "JSON"))
    parser.add_argument("--cpu-s", type=float, help="that all are compared at (default what the quickest took)")
    parser.add_argument("--out", type=Path, help="of the rows as JSON (default teachers.json in the folder)")
    parser.add_argument("--show", action="store_true", help="print what is measured so far, and measure nothing")
    return parser.parse_args()


def main() -> None:
    arguments, console = parsed(), Console()
    torch.set_num_threads(1)
    recipes = {name: RECIPES[name] for name in arguments.recipes}
    recipes |= {name: json.loads(text) for name, text in arguments.add}
    spec = load_spec(arguments.preset)
    dataset = load_dataset(spec.dataset, default_data_root())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    evaluator = evaluator_of(spec, dataset, folder=arguments.folder, say=console.print)
    out: Path = arguments.out or arguments.folder / "teachers.json"
    rows: list[Row] = json.loads(out.read_text()) if out.exists() else []
    for seed in arguments.seeds:
        for name, changes in recipes.items():
            own = spec_of(arguments.preset, changes, kimg=arguments.kimg, seed=seed)
            recipe = own.teacher.model_dump(mode="json")
            if arguments.show or any(row["seed"] == seed and row["teacher"] == recipe for row in rows):
                continue
            rows.append(
                {
                    "recipe": name,
                    "seed": seed,
                    "teacher": recipe,
                    **measured(own, dataset, evaluator, reports=arguments.reports),
                }
            )
            unfinished = out.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(rows, indent=1) + "\n")
            unfinished.replace(out)
            console.print(f"{name}, seed {seed}: {[round(report['fid'], 1) for report in rows[-1]['reports']]}")
    whole = [row["reports"][-1]["cpu_s"] for row in rows if row["accuracy"] is not None]
    if real_fid := evaluator.evaluate_held_out(dataset).fid:
        console.print(table_of(rows, arguments.cpu_s or min(whole, default=0.0), real_fid))


if __name__ == "__main__":
    main()
