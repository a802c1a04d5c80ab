"""What it saves to distil several students in one process: seconds of a student in each, alone and fused.

    python -m tests.benchmarks.fused [--image-sizes 16 32 64] [--widths 2 8] [--fused 2 4 8] [--device cpu] [--out FILE]

Digits at 16x16, coloured shapes above; with and without a critic of width 8. On one thread, on the images of an
untrained teacher; alone and each number of students in turn, several times, medians of the ratios. On a GPU also how
many processes share it matters, which gpu.py measures.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gan import (
    AdversarialConfig,
    Compute,
    CriticConfig,
    DistillationConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Student,
    TeacherPool,
    distill,
    distill_fused,
    load_dataset,
)
from tests.benchmarks.works import images_per_s, pool_of, shapes, title_of

CRITIC = AdversarialConfig(critic=CriticConfig(width=8))
TEACHER_WIDTH, LATENT_SIZE, BATCH = 8, 64, 64


def student_of(image_size: int, width: int) -> GeneratorConfig:
    channels = 1 if image_size == 16 else 3
    return GeneratorConfig.model_validate(
        {"image_size": image_size, "image_channels": channels, "width": width, "latent_size": LATENT_SIZE}
    )


def data_of(image_size: int, folder: Path) -> tuple[ImageDataset, TeacherPool]:
    dataset = load_dataset("digits") if image_size == 16 else shapes(image_size)
    return dataset, pool_of(student_of(image_size, TEACHER_WIDTH), folder)


def rates(
    student: GeneratorConfig,
    config: DistillationConfig,
    data: tuple[ImageDataset, TeacherPool],
    counts: list[int],
    compute: Compute,
    turn: int = 0,
) -> dict[int, float]:
    """Images per second of all students together, by how many are fused."""
    dataset, pool = data

    def together(count: int) -> list[Any]:
        students = [Student(config, seed) for seed in range(count)]
        return list(distill_fused(student, students, lesson=Lesson(pool, dataset), compute=compute))

    def rate(count: int) -> float:
        images = 1000 * config.kimg
        if count == 1:
            return images_per_s(
                images, lambda: list(distill(student, config, lesson=Lesson(pool, dataset), seed=0, compute=compute))
            )
        return images_per_s(count * images, partial(together, count))

    order = [1, *counts]
    order = order[turn % len(order) :] + order[: turn % len(order)]
    return {count: rate(count) for count in order}


def measure(arguments: argparse.Namespace, image_size: int, folder: Path) -> list[dict[str, Any]]:
    compute = Compute.model_validate({"device": arguments.device})
    data, rows = data_of(image_size, folder), []
    for width, gan_weight in itertools.product(arguments.widths, (0.0, 0.01)):
        config = DistillationConfig(
            kimg=arguments.steps * BATCH / 1000, batch_size=BATCH, gan_weight=gan_weight, adversarial=CRITIC
        )
        student = student_of(image_size, width)
        rates(student, config, data, arguments.fused, compute)  # kernels and caches
        runs = [rates(student, config, data, arguments.fused, compute, turn) for turn in range(arguments.runs)]
        rows.append(
            {
                "image_size": image_size,
                "width": width,
                "gan_weight": gan_weight,
                "images_per_s": {count: [run[count] for run in runs] for count in (1, *arguments.fused)},
                "times_as_many": {
                    count: statistics.median(run[count] / run[1] for run in runs) for count in arguments.fused
                },
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--image-sizes", type=int, nargs="+", choices=[16, 32, 64], default=[16, 32, 64])
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--fused", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--steps", type=int, default=40, help="of a training (default 40)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments, console = parser.parse_args(), Console()
    torch.set_num_threads(1)
    table = Table(
        box=None,
        header_style="bold",
        title=f"images per second of training over one by one ({title_of(arguments.device)})",
    )
    for heading in ("images", "width", "scheme", "ms a step alone", *(f"{count} fused" for count in arguments.fused)):
        table.add_column(heading, justify="left" if heading == "scheme" else "right")
    found = []
    for image_size in arguments.image_sizes:
        with tempfile.TemporaryDirectory() as name:
            found += measure(arguments, image_size, Path(name))
    for row in found:
        alone_ms = 1000 * BATCH / statistics.median(row["images_per_s"][1])
        scheme = "joint" if row["gan_weight"] else "MSE"
        ratios = (f"{ratio:.2f}" for ratio in row["times_as_many"].values())
        table.add_row(f"{row['image_size']}x{row['image_size']}", str(row["width"]), scheme, f"{alone_ms:.1f}", *ratios)
    console.print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
