"""What a student's step costs by its scheme: CPU time over that of the paper's joint scheme, in one run.

    python -m tests.benchmarks.steps [--image-size 32] [--width 8] [--critic 16] [--runs 7] [--out FILE]

Students of an untrained teacher's images, which take as long as a trained one's; its critic is untrained too. On one
thread, all schemes in turn; medians of CPU time, which neighbours on the machine disturb least.
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

from gan import (
    CriticConfig,
    DistillationConfig,
    GeneratorConfig,
    Lesson,
    build_critic,
    distill,
)
from tests.benchmarks.works import pool_of, shapes

BATCH, STEPS, LATENT_SIZE, TEACHER_WIDTH = 64, 40, 16, 8
JOINT = "joint"
TOGETHER = {"gan_weight": 0.05, "opponent": "teacher", "critic_features": 0.1}
WAYS: dict[str, dict[str, Any]] = {
    "mse": {},
    JOINT: {"gan_weight": 0.02},
    "joint, critic learns at every 2nd": {"gan_weight": 0.02, "critic_every": 2},
    "joint, critic learns at every 4th": {"gan_weight": 0.02, "critic_every": 4},
    "joint, GAN term at every 4th": {"gan_weight": 0.02, "critic_every": 4, "gan_every": 4},
    "mse and critic features": {"critic_features": 0.1},
    "features and the teacher's critic": TOGETHER,
    "the same, critic learns at every 4th": {**TOGETHER, "critic_every": 4},
    "the same, GAN term at every 2nd": {**TOGETHER, "critic_every": 4, "gan_every": 2},
    "the same, GAN term at every 4th": {**TOGETHER, "critic_every": 4, "gan_every": 4},
}


def recipe_of(changes: dict[str, Any], critic: int) -> DistillationConfig:
    changes = dict(changes)
    adversarial = {"critic": {"width": critic}, "critic_every": changes.pop("critic_every", 1)}
    return DistillationConfig.model_validate(
        {"kimg": STEPS * BATCH / 1000, "batch_size": BATCH, "adversarial": adversarial, **changes}
    )


def step_ms(student: GeneratorConfig, recipe: DistillationConfig, lesson: Lesson) -> float:
    """CPU milliseconds of a step; what is done once before the first is left out."""
    training = distill(student, recipe, lesson=lesson, seed=0, report_at_kimg=[BATCH / 1000])
    next(training)
    began = time.process_time()
    list(training)
    return 1000 * (time.process_time() - began) / (STEPS - 1)


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    images = GeneratorConfig.model_validate(
        {"image_size": arguments.image_size, "image_channels": 3, "width": TEACHER_WIDTH, "latent_size": LATENT_SIZE}
    )
    config = CriticConfig(width=arguments.critic, gain=3.0, minibatch_deviation=True)
    critic = build_critic(config, images, norm="spectral", seed=0)
    lesson = Lesson(pool_of(images, folder), shapes(arguments.image_size), critic=critic)
    student = images.model_copy(update={"width": arguments.width})
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(arguments.runs + 1):
        for name, changes in WAYS.items():
            ms = step_ms(student, recipe_of(changes, arguments.critic), lesson)
            found[name] += [ms] if turn else []  # the first is to warm up
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--critic", type=int, default=16, help="width of the critics (default 16)")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = measure(arguments, Path(name))
    table = Table(box=None, header_style="bold", title=f"a student's step, width {arguments.width}, CPU time")
    for heading in ("scheme", "ms", "over joint"):
        table.add_column(heading, justify="left" if heading == "scheme" else "right")
    for name, ms in found.items():
        ratio = statistics.median(own / joint for own, joint in zip(ms, found[JOINT], strict=True))
        table.add_row(name, f"{statistics.median(ms):.1f}", f"{ratio:.2f}")
    Console().print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps({**vars(arguments), "out": None, "ms": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
