"""The embedded extractor against the classifier: is it a straight ruler, and does it rank generators alike?

    python -m tests.benchmarks.extractors [--sets digits shapes faces flat] [--seeds 0 1] [--out extractors.json]
        [--figure extractors.png]
    python -m tests.benchmarks.extractors --sets none --pretrained seconds.json

The 20 generators of a data set are 10 snapshots of a small teacher's training at rising kimg, and 10 students of it:
five widths, two budgets. The flat folder has drawn shapes of several kinds as PNG files, whose classes only this
program knows. Seed 0 is the one that the extractor was chosen on; the other chose nothing. What two classifiers of
different seeds agree on is the most that can be expected. Seconds are CPU time of one core, of few images, for 10,000.
Those of pretrained networks are with random weights of the true shape: nothing is downloaded. The command ends with
code 1 where an extractor failed its examination, or ranks generators otherwise than the classifier (below 0.9).
"""

import argparse
import copy
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from gan import (
    AdversarialConfig,
    ClassifierConfig,
    CriticConfig,
    DataRoot,
    DatasetConfig,
    DistillationConfig,
    Examination,
    FeatureExtractor,
    GanTrainingConfig,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    OptimiserConfig,
    SelfSupervisedConfig,
    build_pool,
    distill,
    evaluation_latents,
    examine,
    generate,
    load_dataset,
    open_pool,
    pool_latents,
    train_classifier,
    train_gan,
    train_selfsupervised,
)
from gan.datasets.shapes import SHAPES
from gan.digests import array_digest
from gan.extractors.features import extract
from gan.measuring.metrics import FeatureStatistics, fid_of_few
from gan.networks.blocks import BlockName
from gan.training.losses import AdversarialName
from tests.benchmarks.pretrained import seconds_of_pretrained

LATENT, SAMPLES, SNAPSHOTS, POOL = 16, 600, 10, 4096
WIDTHS = (1, 2, 3, 4, 6)
OURS = "selfsupervised"
EXTRACTORS = ("classifier", "another classifier", OURS)
LEAST_ALIKE = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is trained on a data set. Budgets are in thousands of images."""

    images: int  # drawn, where they are drawn
    size: int
    width: int  # of the teacher
    kimg: float  # of the teacher
    budgets: tuple[float, float]  # of the students
    epochs: int  # of the classifiers
    block: BlockName = "dcgan"  # of the teacher
    loss: AdversarialName = "hinge"
    gain: float = 3.0  # of the teacher's critic
    rates: tuple[float, float] = (1e-3, 4e-3)  # of the teacher and its critic


# A teacher that stands still leaves generators among which no two extractors agree: on faces the first recipe got no
# better from 40 kimg on, by either extractor.
STEADY: dict[str, Any] = {"block": "resize", "loss": "nonsaturating", "gain": 1.5, "rates": (6e-4, 4e-3)}
PLANS = {
    "digits": Plan(images=0, size=16, width=32, kimg=60, budgets=(2, 10), epochs=20),
    "shapes": Plan(images=10_000, size=32, width=16, kimg=120, budgets=(2, 20), epochs=8),
    "faces": Plan(images=4000, size=64, width=8, kimg=64, budgets=(5, 20), epochs=8, **STEADY),
    "flat": Plan(images=4000, size=16, width=24, kimg=60, budgets=(2, 10), epochs=12),
}


def data_set(name: str, folder: Path) -> tuple[ImageDataset, ImageDataset]:
    """The data set as a user has it, and with its classes."""
    plan, root = PLANS[name], DataRoot(folder / "root", download=False)
    if name != "flat":
        config = DatasetConfig(name=name) if not plan.images else DatasetConfig(name=name, num_images=plan.images)
        found = load_dataset(config, root)
        return found, found
    labels = write_flat(folder / "flat", plan)
    found = load_dataset(DatasetConfig(name="flat", path=str(folder / "flat"), image_size=16, image_channels=3), root)

    def known(images_NCHW: torch.Tensor) -> torch.Tensor:
        return torch.tensor([labels[array_digest(image)] for image in images_NCHW.numpy()])

    parts: dict[str, Any] = {"train_labels": known(found.train_images), "held_out_labels": known(found.held_out_images)}
    return found, dataclasses.replace(found, num_classes=SHAPES.num_classes, **parts)


def write_flat(folder: Path, plan: Plan) -> dict[str, int]:
    """Write drawn shapes into one folder. Returns the class of each by the digest of its pixels."""
    folder.mkdir()
    labels = {}
    for number in range(plan.images):
        image_HWC = SHAPES.image(100_000 + number, plan.size)
        labels[array_digest(np.ascontiguousarray(image_HWC.transpose(2, 0, 1)))] = SHAPES.label(100_000 + number)
        assert cv2.imwrite(str(folder / f"{number:05}.png"), image_HWC[:, :, ::-1])
    return labels


def generators(dataset: ImageDataset, plan: Plan, seed: int, folder: Path) -> Iterator[tuple[str, Generator]]:
    """The 20 generators, as they come."""
    shape: dict[str, Any] = {
        "image_size": dataset.image_size,
        "image_channels": dataset.image_channels,
        "latent_size": LATENT,
    }
    optimiser, faster = (
        OptimiserConfig(learning_rate=rate, beta1=0.0, beta2=0.99, final_fraction=0.2) for rate in plan.rates
    )
    network = CriticConfig(width=16, gain=plan.gain, minibatch_deviation=True)
    critic = AdversarialConfig(loss=plan.loss, critic=network, optimiser=faster, max_shift=1)
    recipe = GanTrainingConfig(kimg=plan.kimg, optimiser=optimiser, adversarial=critic, ema_halflife_kimg=2.0)
    at = [plan.kimg * number / SNAPSHOTS for number in range(1, SNAPSHOTS)]  # where a sweep looks at its teacher
    architecture = GeneratorConfig(width=plan.width, block=plan.block, **shape)
    for progress in train_gan(architecture, recipe, dataset=dataset, seed=seed, report_at_kimg=at):
        yield f"teacher {progress.kimg:.1f} kimg", progress.generator
    teacher, path = copy.deepcopy(progress.generator).eval(), folder / f"pool-{dataset.name}-{seed}.arrow"
    list(build_pool(teacher, "teacher", path=path, latents_NL=pool_latents(POOL, LATENT, seed=seed)))
    lesson = Lesson(open_pool(path), dataset)
    for kimg in plan.budgets:
        for width in WIDTHS:
            student = GeneratorConfig(width=width, **shape)
            *_, progress = distill(student, DistillationConfig(kimg=kimg), lesson=lesson, seed=seed)
            yield f"student {width}, {kimg:g} kimg", progress.generator


def compare(name: str, seeds: list[int], folder: Path, console: Console) -> dict[str, Any]:
    """Everything of one data set."""
    plan = PLANS[name]
    plain, known = data_set(name, folder)
    networks, seconds = {}, {}
    for number, kind in enumerate(EXTRACTORS):
        began = time.process_time()
        networks[kind] = trained(kind, plain, known, plan, seed=number % 2)
        seconds[kind] = {"training": time.process_time() - began}
        console.print(f"{name}: {kind} in {seconds[kind]['training']:.1f} s", style="dim")
    real = {kind: FeatureStatistics.of(extract(network, plain.train_images)[0]) for kind, network in networks.items()}
    ranks = {}
    for seed in seeds:
        latents_NL = evaluation_latents(SAMPLES, LATENT, seed=seed)
        rows: dict[str, dict[str, float]] = {}
        for label, generator in generators(plain, plan, seed, folder):
            images_NCHW = generate(generator, latents_NL)
            rows[label] = {
                kind: fid_of_few(real[kind], extract(network, images_NCHW)[0]) for kind, network in networks.items()
            }
        ranks[str(seed)] = rows
        console.print(f"{name}, seed {seed}: {spearman(rows, OURS):.3f}", style="dim")
    exams = {}
    for kind in ("classifier", OURS):
        dataset = known if kind == "classifier" else plain
        *_, last = examine(networks[kind], dataset, real=real[kind], extractor_digest="")
        exams[kind] = told(last.examination)
    few = plain.train_images[:500]
    for kind, network in networks.items():
        began = time.process_time()
        extract(network, few)
        seconds[kind]["10,000 images"] = (time.process_time() - began) * 10_000 / len(few)
    return {"fid": ranks, "examination": exams, "seconds": seconds}


def trained(kind: str, plain: ImageDataset, known: ImageDataset, plan: Plan, *, seed: int) -> FeatureExtractor:
    if kind == OURS:
        *_, learnt = train_selfsupervised(SelfSupervisedConfig(), plain)
        return learnt.network
    *_, progress = train_classifier(ClassifierConfig(epochs=plan.epochs, seed=seed), known)
    return progress.classifier


def told(examination: Examination) -> dict[str, Any]:
    rows = {name: [level.distance for level in levels] for name, levels in examination.disturbances.items()}
    return {"faults": list(examination.faults), "distances": rows}


def spearman(rows: dict[str, dict[str, float]], kind: str) -> float:
    """How alike an extractor's FIDs and the classifier's rank the generators."""
    ours, reference = ([row[name] for row in rows.values()] for name in (kind, "classifier"))
    return float(spearmanr(ours, reference).statistic)


def failures_of(found: dict[str, Any]) -> list[str]:
    """What keeps an extractor from standing in for the classifier, in words."""
    alike = {(name, seed): spearman(row["fid"][seed], OURS) for name, row in found.items() for seed in row["fid"]}
    low = [
        f"{name}, seed {seed}: Spearman's correlation {value:.3f} is below {LEAST_ALIKE}"
        for (name, seed), value in alike.items()
        if not value >= LEAST_ALIKE
    ]
    faults = [
        f"{name}: {kind} failed with {fault}"
        for name, row in found.items()
        for kind, exam in row["examination"].items()
        for fault in exam["faults"]
    ]
    return low + faults


def table_of(found: dict[str, Any]) -> Table:
    table = Table(
        box=None, header_style="bold", title="Spearman's correlation with the classifier's FID, 20 generators"
    )
    for heading in ("data set", "seed", "selfsupervised", "another classifier", "faults", "s / 10,000", "classifier's"):
        table.add_column(heading, justify="left" if heading == "data set" else "right")
    for name, row in found.items():
        times = [f"{row['seconds'][kind]['10,000 images']:.1f}" for kind in (OURS, "classifier")]
        named = [fault.partition(":")[0] for fault in row["examination"][OURS]["faults"]]
        faults = ", ".join(named) or "none"
        for seed, rows in row["fid"].items():
            table.add_row(name, seed, *(f"{spearman(rows, kind):.3f}" for kind in EXTRACTORS[:0:-1]), faults, *times)
    return table


def figure_of(found: dict[str, Any]) -> Figure:
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9.0, 3.8), layout="constrained")
        scatter, levels = figure.subplots(1, 2)
        for name, row in found.items():
            rows = row["fid"][min(row["fid"])]
            fids_of = ([fids[kind] for fids in rows.values()] for kind in (OURS, "classifier"))
            ours, reference = (np.argsort(np.argsort(fids)) + 1 for fids in fids_of)
            scatter.plot(reference, ours, "o", ms=4, label=f"{name} ({spearman(rows, OURS):.2f})")
        scatter.plot([1, 20], [1, 20], color="#BBBBBB", lw=0.8, zorder=0)
        ranks = [1, 5, 10, 15, 20]
        scatter.set(xlabel="rank by the classifier's FID", ylabel="rank by selfsupervised's FID")
        scatter.set(xticks=ranks, yticks=ranks)
        scatter.legend(frameon=False, title="Spearman, seed 0")
        name, row = next(iter(found.items()))
        for disturbance, distances in row["examination"][OURS]["distances"].items():
            levels.plot(range(4), distances, "o-", ms=3, lw=1.2, label=disturbance)
        levels.set(yscale="log", ylabel="Fréchet distance", title=f"selfsupervised, {name}")
        levels.set_xticks(range(4), ["real", "weak", "middle", "strong"])
        levels.legend(frameon=False, fontsize=7)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(PLANS), choices=[*PLANS, "none"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--out", type=Path, help="where the figures are kept as JSON; a set that is there is kept")
    parser.add_argument("--pretrained", type=Path, help="where to write the pretrained networks' seconds as JSON")
    parser.add_argument("--figure", type=Path, help="where to write the picture")
    arguments, console = parser.parse_args(), Console()
    torch.set_num_threads(1)
    if arguments.pretrained:
        arguments.pretrained.write_text(json.dumps(seconds_of_pretrained(console), indent=1) + "\n")
    found: dict[str, Any] = {}
    if arguments.out and arguments.out.exists():
        found = json.loads(arguments.out.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in arguments.sets if name not in (*found, "none")]:
            found[name] = compare(name, arguments.seeds, Path(folder), console)
            if arguments.out:
                arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    if not found:
        return
    console.print(table_of(found))
    if arguments.figure:
        figure_of(found).savefig(arguments.figure, dpi=150)
    if failures := failures_of(found):
        console.print("\n".join(failures), style="bold red", highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
