"""Whether a device computes what the CPU computes: losses step by step, images of equal weights, and their FID.

    python -m tests.benchmarks.agreement [--device cuda] [--steps 8] [--image-size 64] [--out agreement.json]

In float32, without TF32, from the same seeds. Rounding grows with every step of a GAN, so beside the device stands the
CPU in another layout of its images (channels last), which rounds otherwise too: it shows how fast two right answers
part. Numbers are the greatest relative differences from the CPU. The command ends with code 1 where the device's first
step, its images or its FID differ by more than 0.1%, or a later step by more than 20 times the other layout's.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table

from gan import (
    AdversarialConfig,
    Compute,
    DistillationConfig,
    GanError,
    GanTrainingConfig,
    Lesson,
    Progress,
    build_generator,
    distill,
    evaluation_latents,
    train_gan,
)
from tests.benchmarks.works import architecture, evaluator_of, pool_of, shapes

BATCH, WIDTH = 64, 16
EXACT, DRIFT = 1e-3, 20.0
STEPPED = ("teacher training", "distillation")
Numbers = npt.NDArray[np.float64]
Found = dict[str, Numbers]


def losses_of(steps: Iterator[Progress]) -> Numbers:
    return np.array([[progress.losses[name] for name in sorted(progress.losses)] for progress in steps])


def computed(compute: Compute, image_size: int, *, steps: int, folder: Path) -> Found:
    """The losses of each step, and what equal weights give."""
    torch.manual_seed(0)  # of the extractor, which is never trained
    dataset, generator = shapes(image_size), architecture(image_size, WIDTH)
    at = tuple(islice((BATCH * step / 1000 for step in count(1)), steps - 1))
    critic = AdversarialConfig(max_shift=2)
    gan = GanTrainingConfig(kimg=BATCH * steps / 1000, batch_size=BATCH, adversarial=critic)
    joint = DistillationConfig(kimg=BATCH * steps / 1000, batch_size=BATCH, gan_weight=0.05, adversarial=critic)
    lesson = Lesson(pool_of(generator, folder), dataset)
    student = architecture(image_size, WIDTH // 4)
    network = compute.place(build_generator(generator, seed=0).eval())
    latents = evaluation_latents(BATCH, generator.latent_size, seed=0)
    with torch.inference_mode():
        images = network(latents.to(compute.torch_device)).float().cpu().numpy()
    return {
        STEPPED[0]: losses_of(train_gan(generator, gan, dataset=dataset, seed=0, report_at_kimg=at, compute=compute)),
        STEPPED[1]: losses_of(distill(student, joint, lesson=lesson, seed=0, report_at_kimg=at, compute=compute)),
        "images": images.astype(np.float64),
        "FID": np.array([evaluator_of(dataset, compute).evaluate(network).fid]),
    }


def differences(found: Found, expected: Found) -> dict[str, list[float]]:
    """The greatest relative difference: of each step's losses, of images, of FID."""
    apart = {}
    for name, numbers in expected.items():
        scale = np.abs(numbers).max() if name == "images" else np.maximum(np.abs(numbers), 1e-2)
        relative = np.abs(found[name] - numbers) / scale
        apart[name] = [float(row.max()) for row in relative] if name in STEPPED else [float(relative.max())]
    return apart


def failures_of(device: dict[str, list[float]], layout: dict[str, list[float]]) -> list[str]:
    far = [f"{name}: {apart[0]:.1e} is more than {EXACT:g}" for name, apart in device.items() if not apart[0] <= EXACT]
    for name in STEPPED:
        allowed = float(np.maximum(EXACT, DRIFT * np.max(layout[name])))
        farthest = float(np.max(device[name]))  # NaN where one is
        if not farthest <= allowed:
            far.append(f"{name}: after {len(device[name])} steps {farthest:.1e} is more than {allowed:.1e}")
    return far


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--image-size", type=int, choices=[16, 32, 64], default=64)
    parser.add_argument("--out", type=Path)
    arguments, console = parser.parse_args(), Console()
    try:
        device = Compute(device=arguments.device)
        assert device.torch_device
    except GanError as error:
        print(f"error: {error.rule}, got {error.value}. Give --device cpu, or use a GPU.", file=sys.stderr)
        raise SystemExit(2) from None
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    found = {}
    for name, compute in {"CPU": Compute(), "layout": Compute(channels_last=True), "device": device}.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = computed(compute, arguments.image_size, steps=arguments.steps, folder=Path(folder))
    apart = {name: differences(found[name], found["CPU"]) for name in ("device", "layout")}
    table = Table(box=None, header_style="bold", title="greatest relative differences from the CPU")
    for heading in ("", "first step", "last step", "CPU, another layout, last step"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, differing in apart["device"].items():
        table.add_row(name, *(f"{value:.1e}" for value in (differing[0], differing[-1], apart["layout"][name][-1])))
    console.print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps({"device": arguments.device, **apart}, indent=1) + "\n")
    if failures := failures_of(apart["device"], apart["layout"]):
        console.print("\n".join(failures), style="bold red", highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
