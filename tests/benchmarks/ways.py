"""Ways to make a trial cheaper, each measured alone: what is kept pays, and what is not kept does not.

    python -m tests.benchmarks.ways [--runs 5] [--teacher-kimg 64] [--out ways.json]

On one thread, on the digits with a teacher that is trained for a while. Seconds are medians over runs in which all
choices are timed in turn. Two ways change results, and are judged by that: images of the pool kept in uint8 (final FID
of the same students, beside the standard deviation between seeds), and fewer samples at a rung (rank correlation of
FID, over students, with that of 10,000 samples, and the seconds that they take).
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

import sweeps
from gan import (
    Evaluator,
    Generator,
    Lesson,
    TeacherPool,
    build_generator,
    default_data_root,
    distill,
    generate,
    load_generator,
)
from gan.extractors.features import extract
from gan.measuring.metrics import FeatureStatistics, fid
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.materials import Materials
from sweeps.models.workshop import Workshop

Work = Callable[[], object]

WIDTHS, SEEDS, KIMG, MANY = (2, 3, 4, 6, 8, 12, 16), (0, 1, 2, 3), 20.0, 10_000
ADAM_KINDS: dict[str, dict[str, Any]] = {
    "fused": {"fused": True},
    "foreach": {"foreach": True},
    "plain": {"foreach": False},
}


def seconds(work: Work, repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats


def in_turn(works: dict[str, Work], runs: int, repeats: int) -> dict[str, float]:
    """Median seconds of each."""
    for work in works.values():
        seconds(work, 2)
    times = [{name: seconds(work, repeats) for name, work in works.items()} for _ in range(runs)]
    return {name: statistics.median(run[name] for run in times) for name in works}


class Ways:
    """The ways, on one foundation."""

    def __init__(self, spec: sweeps.SweepSpec, foundation: Foundation, materials: Materials, runs: int) -> None:
        self._spec, self._materials, self._runs = spec, materials, runs
        self._evaluator = Evaluator(foundation.protocol, materials.extractor, real=materials.reference)
        self._student = build_generator(spec.student_architecture(8, 1), seed=0)

    def adam(self) -> dict[str, float]:
        """A step of a student, by the kind of Adam's loop."""
        (latents_BL, teacher_BCHW) = next(
            self._materials.pool.batches(64, torch.Generator(), device=torch.device("cpu"))
        )

        def step(student: Generator, adam: torch.optim.Adam) -> None:
            adam.zero_grad()
            F.mse_loss(student(latents_BL), teacher_BCHW).backward()
            adam.step()

        works: dict[str, Work] = {}
        for name, kind in ADAM_KINDS.items():
            student = build_generator(self._student.config, seed=0).train()
            adam = torch.optim.Adam(student.parameters(), **kind)
            works[name] = partial(step, student, adam)
        return in_turn(works, self._runs, 100)

    def gradients(self) -> dict[str, float]:
        """Images of a student, with what PyTorch keeps for a gradient and without."""
        student, latents = self._student.eval(), self._evaluator.latents(self._student.config.latent_size)[:512]

        def without(mode: Any) -> None:
            with mode():
                student(latents)

        works = {"inference mode": partial(without, torch.inference_mode), "no_grad": partial(without, torch.no_grad)}
        return in_turn({**works, "with gradients": lambda: student(latents)}, self._runs, 20)

    def evaluation_batch(self) -> dict[str, float]:
        """Images of 2,048 latents and their features, by batch size."""
        student, latents = self._student.eval(), self._evaluator.latents(self._student.config.latent_size)

        def measure(size: int) -> None:
            extract(self._materials.extractor, generate(student, latents, batch_size=size), batch_size=size)

        return in_turn({str(size): partial(measure, size) for size in (64, 256, 512, 2048)}, self._runs, 1)

    def threads(self) -> dict[str, float]:
        """A step of a student, by threads."""

        def train(threads: int) -> None:
            torch.set_num_threads(threads)
            recipe = self._spec.student.model_copy(update={"kimg": 3.2})
            list(
                distill(
                    self._student.config, recipe, lesson=Lesson(self._materials.pool, self._materials.dataset), seed=0
                )
            )
            torch.set_num_threads(1)

        return in_turn({str(threads): partial(train, threads) for threads in (1, 2)}, self._runs, 1)

    def root(self) -> dict[str, float]:
        """A FID at 64 features, the root of the real covariance kept and not."""
        found, kept = self._materials.reference.features_MF, self._materials.reference.statistics
        assert found is not None
        fake = FeatureStatistics.of(found[::2])
        fresh = partial(FeatureStatistics, kept.mean, kept.covariance, count=kept.count)
        return in_turn({"kept": lambda: fid(kept, fake), "anew": lambda: fid(fresh(), fake)}, self._runs, 20)

    def samples(self, students: list[Generator]) -> dict[str, dict[str, float]]:
        """By samples: the rank correlation of FID with that of many, and the median seconds of a measurement."""
        by_count: dict[int, list[float]] = {}
        spent: dict[int, list[float]] = {}
        for student, count in itertools.product(students, (256, 512, 1024, 2048, MANY)):
            protocol = self._evaluator.protocol.model_copy(update={"num_samples": count})
            evaluator = Evaluator(protocol, self._materials.extractor, real=self._materials.reference)
            began = time.perf_counter()
            by_count.setdefault(count, []).append(evaluator.evaluate(student).fid)
            spent.setdefault(count, []).append(time.perf_counter() - began)
        correlations = {count: float(spearmanr(found, by_count[MANY]).statistic) for count, found in by_count.items()}
        return {
            str(count): {"rank_correlation": correlations[count], "seconds": statistics.median(spent[count])}
            for count in by_count
        }

    def students(self, pool: TeacherPool, widths: tuple[int, ...]) -> list[tuple[float, Generator]]:
        """(FID, student) of each width and seed."""
        found = []
        recipe = self._spec.student.model_copy(update={"kimg": KIMG})
        for width, seed in itertools.product(widths, SEEDS):
            architecture = self._spec.student_architecture(width, 1)
            *_, progress = distill(architecture, recipe, lesson=Lesson(pool, self._materials.dataset), seed=seed)
            found.append((self._evaluator.evaluate(progress.generator).fid, progress.generator))
        return found


def unrounded(teacher: Generator, pool: TeacherPool) -> TeacherPool:
    """The pool's images as the teacher made them, in float32 of 0 to 255."""
    latents_NL, _ = pool.all()
    with torch.inference_mode():
        images = torch.cat([teacher(part).add(1).mul(127.5) for part in latents_NL.split(256)])
    return TeacherPool(latents_NL.numpy(), images.numpy(), teacher_digest=pool.teacher_digest, digest="unrounded")


def measure(arguments: argparse.Namespace, data_dir: Path) -> dict[str, Any]:
    changes = {"teacher.training.kimg": arguments.teacher_kimg, "teacher.pool_size": 16384}
    spec = sweeps.load_spec("digits-seeds", changes)
    workspace = Workspace.open(data_dir)
    tracking = Tracking(workspace.store)
    foundation = lay_foundation(spec, Workshop(workspace=workspace, tracking=tracking, data_root=default_data_root()))
    materials = foundation.materials.load(foundation.protocol, spec.resources.compute)
    model, _, number = foundation.teacher_version.partition("/")
    version = tracking.registry.version(model, number)
    assert version is not None, "the foundation stands on it"
    teacher, _ = load_generator(tracking.registry.fetch(version))
    ways = Ways(spec, foundation, materials, arguments.runs)
    rounded = ways.students(materials.pool, WIDTHS)
    exact = ways.students(unrounded(teacher, materials.pool), (8,))
    own = [value for value, student in rounded if student.config.width == 8]
    change = statistics.mean(one - other for one, (other, _) in zip(own, exact, strict=True))
    return {
        "seconds": {
            "Adam": ways.adam(),
            "images": ways.gradients(),
            "evaluation batch": ways.evaluation_batch(),
            "threads of a training": ways.threads(),
            "root of the real covariance": ways.root(),
        },
        "samples": ways.samples([student for _, student in rounded]),
        "pool in uint8": {"fid_change": change, "fid": own, "fid_unrounded": [value for value, _ in exact]},
    }


def show(found: dict[str, Any], console: Console) -> None:
    table = Table("way", "", "ms", "over the first", box=None, header_style="bold")
    for name, times in found["seconds"].items():
        first = next(iter(times.values()))
        for number, (choice, value) in enumerate(times.items()):
            table.add_row("" if number else name, choice, f"{1000 * value:.2f}", f"{value / first:.2f}")
    console.print(table)
    table = Table("samples", "rank correlation", "s", box=None, header_style="bold")
    for count, row in found["samples"].items():
        table.add_row(count, f"{row['rank_correlation']:.3f}", f"{row['seconds']:.2f}")
    console.print(table)
    pool = found["pool in uint8"]
    console.print(
        f"pool in uint8: FID {np.mean(pool['fid']):.1f}, unrounded {np.mean(pool['fid_unrounded']):.1f} "
        f"(standard deviation between seeds {np.std(pool['fid'], ddof=1):.1f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--teacher-kimg", type=float, default=64.0)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        found = measure(arguments, Path(name))
    show(found, Console())
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
