"""Images per second of teacher training, distillation and measurement, by precision and layout.

    python -m tests.benchmarks.throughput --device cuda --image-size 64 --width 64 --out throughput.json

Prints the median of several runs and its ratio to float32 in the usual layout. With --device cuda it also prints
how far the GPU's distillation error is from the CPU's, for the same student and seed.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gan import (
    Compute,
    DistillationConfig,
    GanTrainingConfig,
    ImageDataset,
    Lesson,
    TeacherPool,
    build_generator,
    distill,
    train_gan,
)
from tests.benchmarks.works import FID_SAMPLES, architecture, evaluator_of, images_per_s, pool_of, shapes, title_of

STUDENT_WIDTH = 4


def main() -> None:
    arguments = _arguments()
    dataset = shapes(arguments.image_size)
    with tempfile.TemporaryDirectory() as folder:
        pool = pool_of(architecture(arguments.image_size, arguments.width), Path(folder))
        rows = [row for compute in _computes(arguments.device) for row in _measure(arguments, compute, dataset, pool)]
        far = _distance_from_cpu(arguments, dataset, pool) if arguments.device == "cuda" else None
    _print(rows, far, arguments)
    if arguments.out:
        arguments.out.write_text(json.dumps({"rows": rows, "relative_difference_to_cpu": far}, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--image-size", type=int, choices=[16, 32, 64, 128], default=32)
    parser.add_argument("--width", type=int, default=32, help="the teacher's")
    parser.add_argument("--kimg", type=float, default=2.0, help="of each run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _computes(device: str) -> list[Compute]:
    layouts = [("float32", False), ("float32", True), ("bfloat16", False), ("bfloat16", True)]
    return [Compute.model_validate({"device": device, "precision": p, "channels_last": c}) for p, c in layouts]


def _measure(
    arguments: argparse.Namespace, compute: Compute, dataset: ImageDataset, pool: TeacherPool
) -> list[dict[str, Any]]:
    works: dict[str, Callable[[], float]] = {
        "teacher training": lambda: _train(arguments, compute, dataset),
        "distillation, joint": lambda: _distill(arguments, compute, dataset, pool)[0],
        "FID": _measurement(arguments, compute, dataset),
    }
    rows = []
    for name, work in works.items():
        work()  # the first run compiles kernels and fills caches
        rates = [work() for _ in range(arguments.runs)]
        rows.append({"work": name, **compute.model_dump(), "images_per_s": statistics.median(rates), "runs": rates})
    return rows


def _train(arguments: argparse.Namespace, compute: Compute, dataset: ImageDataset) -> float:
    teacher = architecture(arguments.image_size, arguments.width)
    steps = train_gan(teacher, GanTrainingConfig(kimg=arguments.kimg), dataset=dataset, seed=0, compute=compute)
    return images_per_s(arguments.kimg * 1000, lambda: list(steps))


def _distill(
    arguments: argparse.Namespace, compute: Compute, dataset: ImageDataset, pool: TeacherPool
) -> tuple[float, float]:
    student = architecture(arguments.image_size, STUDENT_WIDTH)
    config = DistillationConfig(kimg=arguments.kimg, gan_weight=0.02)
    found: list[float] = []

    def work() -> None:
        *_, progress = distill(student, config, lesson=Lesson(pool, dataset), seed=0, compute=compute)
        found.append(progress.losses["mse"])

    return images_per_s(arguments.kimg * 1000, work), found[0]


def _measurement(arguments: argparse.Namespace, compute: Compute, dataset: ImageDataset) -> Callable[[], float]:
    evaluator = evaluator_of(dataset, compute)
    student = architecture(arguments.image_size, STUDENT_WIDTH)
    generator = build_generator(student, seed=0).eval().to(compute.torch_device)
    return lambda: images_per_s(FID_SAMPLES, lambda: evaluator.evaluate(generator))


def _distance_from_cpu(arguments: argparse.Namespace, dataset: ImageDataset, pool: TeacherPool) -> float:
    errors = [_distill(arguments, Compute.model_validate({"device": d}), dataset, pool)[1] for d in ("cpu", "cuda")]
    return abs(errors[1] - errors[0]) / errors[0]


def _print(rows: list[dict[str, Any]], far: float | None, arguments: argparse.Namespace) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("work", "precision", "channels last", "images / s", "ratio"):
        table.add_column(heading, justify="right" if heading in {"images / s", "ratio"} else "left")
    plain = {row["work"]: row["images_per_s"] for row in reversed(rows)}
    for row in sorted(rows, key=lambda row: str(row["work"])):
        rate, ratio = row["images_per_s"], row["images_per_s"] / plain[row["work"]]
        layout = "yes" if row["channels_last"] else ""
        table.add_row(row["work"], row["precision"], layout, f"{rate:,.0f}", f"{ratio:.2f}")
    console = Console()
    size = f"{arguments.image_size}x{arguments.image_size}"
    console.print(f"{title_of(arguments.device)}; {size}, teacher's width {arguments.width}")
    console.print(table)
    if far is not None:
        console.print(f"distillation error on the GPU against the CPU: relative difference {far:.2e}")


if __name__ == "__main__":
    main()
