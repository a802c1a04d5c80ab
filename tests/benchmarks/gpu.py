"""How much of a device's own ceiling distillation, teacher training and FID use: alone, and with trials packed.

    python -m tests.benchmarks.gpu --device cuda --precision bfloat16 --channels-last --out gpu.json

For students of several sizes images per second of one trial, and of as many at once as `resources.trials_per_gpu: auto`
would choose; for the teacher and FID of one. Beside them the share of the FLOPs and of the bytes per second that the
device reached in a large product of matrices and a large copy, in the same run: `ceilings.py` says what is counted.
Distillation is joint by default, so that a critic is trained as well. FID is in float32 whatever the precision.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from gan import (
    Compute,
    DatasetConfig,
    DistillationConfig,
    GanError,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Progress,
    build_generator,
    count_parameters,
    default_data_root,
    distill,
    train_gan,
)
from sweeps.models.extractors import ExtractorFiles
from sweeps.models.materials import MaterialFiles
from sweeps.planning.packing import Load, Packing, device_name
from sweeps.planning.packing_measurement import measure_packing
from sweeps.spec.models import ClassifierSpec
from tests.benchmarks.ceilings import Amount, ceiling_of, count
from tests.benchmarks.works import (
    FID_SAMPLES,
    architecture,
    evaluator_of,
    images_per_s,
    pool_of,
    saved_classifier,
    shapes,
    title_of,
)

BATCH, FLOAT32 = 64, "float32"


@dataclass(frozen=True)
class Row:
    """A work's speed, and what it is of the ceiling."""

    work: str
    parameters: int
    trials: int
    images_per_s: float
    flops_per_image: float
    bytes_per_image: float
    flop_share: float
    byte_share: float


def main() -> None:
    arguments = _arguments()
    compute = Compute.model_validate(
        {"device": arguments.device, "precision": arguments.precision, "channels_last": arguments.channels_last}
    )
    try:
        device = compute.torch_device
    except GanError as error:
        print(f"error: {error.rule}, got {error.value}. Give --device cpu, or use a GPU.", file=sys.stderr)
        raise SystemExit(2) from None
    torch.set_num_threads(arguments.cores)
    ceilings = {precision: ceiling_of(device, precision) for precision in dict.fromkeys((arguments.precision, FLOAT32))}
    title = title_of(arguments.device)
    torch.set_num_threads(1)  # of each training; the ceilings of a CPU are those of all its cores
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(arguments, compute, ceilings, Path(folder)))
    _print(rows, ceilings, title, arguments)
    if arguments.out:
        found = {
            "device": title,
            "compute": compute.model_dump(),
            "ceilings_per_s": _plain(ceilings),
        }
        arguments.out.write_text(json.dumps({**found, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--image-size", type=int, choices=[16, 32, 64, 128], default=32)
    parser.add_argument("--students", type=int, nargs="+", default=[6_000, 28_000, 100_000, 1_000_000])
    parser.add_argument("--teacher", type=int, default=3_600_000, help="parameters, about, as of the students")
    parser.add_argument("--gan-weight", type=float, default=0.02, help="of the distillation; 0 trains no critic")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="one for each of the packed trials")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each count of packed trials")
    parser.add_argument("--kimg", type=float, default=4.0, help="of the teacher's training")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _plain(ceilings: Mapping[str, Amount]) -> dict[str, dict[str, float]]:
    return {precision: asdict(ceiling) for precision, ceiling in ceilings.items()}


def _rows(
    arguments: argparse.Namespace, compute: Compute, ceilings: Mapping[str, Amount], folder: Path
) -> Iterator[Row]:
    ceiling = ceilings[compute.precision]
    dataset, teacher = shapes(arguments.image_size), _of_size(arguments.image_size, arguments.teacher)
    pool, recipe = (
        pool_of(teacher, folder),
        DistillationConfig(kimg=1.0, batch_size=BATCH, gan_weight=arguments.gan_weight),
    )
    files = ExtractorFiles(saved_classifier(dataset, folder / "classifier"), folder)
    materials = MaterialFiles(
        dataset=DatasetConfig.model_validate({"name": "shapes"}),
        data_root=default_data_root(),
        extractor=files,
        pool=folder,
        agreement=folder,
    )
    for size in arguments.students:
        student = _of_size(arguments.image_size, size)
        steps = distill(
            student,
            _two_steps(recipe),
            lesson=Lesson(pool, dataset),
            seed=0,
            report_at_kimg=(BATCH / 1000,),
            compute=compute,
        )
        row = partial(_row, "distillation", student, _of_one_step(steps, compute), ceiling)
        load = Load(
            device=device_name(compute),
            most=arguments.cores,
            architecture=student,
            recipe=recipe,
            compute=compute,
            threads=1,
            extractor=ClassifierSpec(),
        )
        packing = measure_packing(load, materials.extractor.model, heard=lambda *_: None, timed_s=arguments.seconds)
        yield from (row(trials, rate) for trials, rate in _alone_and_packed(packing).items())
    yield _teacher_row(arguments, teacher, dataset, compute, ceiling)
    yield _fid_row(teacher, dataset, compute, ceilings[FLOAT32])


def _alone_and_packed(packing: Packing) -> dict[int, float]:
    rates = {found.trials: found.images_per_s for found in packing.measurements}
    return {trials: rates[trials] for trials in (1, packing.trials) if trials in rates}


def _teacher_row(
    arguments: argparse.Namespace, teacher: GeneratorConfig, dataset: ImageDataset, compute: Compute, ceiling: Amount
) -> Row:
    training = GanTrainingConfig(kimg=2 * BATCH / 1000, batch_size=BATCH)
    steps = train_gan(teacher, training, dataset=dataset, seed=0, report_at_kimg=(BATCH / 1000,), compute=compute)
    amount = _of_one_step(steps, compute)
    whole = training.model_copy(update={"kimg": arguments.kimg})
    warm = 3 * BATCH / 1000
    steps = train_gan(teacher, whole, dataset=dataset, seed=0, report_at_kimg=(warm,), compute=compute)
    seen = next(steps).kimg
    rate = images_per_s((arguments.kimg - seen) * 1000, lambda: list(steps))
    return _row("teacher training", teacher, amount, ceiling, 1, rate)


def _fid_row(teacher: GeneratorConfig, dataset: ImageDataset, compute: Compute, ceiling: Amount) -> Row:
    evaluator, generator = evaluator_of(dataset, compute), compute.place(build_generator(teacher, seed=0).eval())
    evaluator.evaluate(generator)
    amount = count(lambda: evaluator.evaluate(generator), compute.torch_device).per(FID_SAMPLES)
    rate = images_per_s(FID_SAMPLES, lambda: evaluator.evaluate(generator))
    return _row("FID", teacher, amount, ceiling, 1, rate)


def _row(work: str, generator: GeneratorConfig, amount: Amount, ceiling: Amount, trials: int, rate: float) -> Row:
    return Row(
        work=work,
        parameters=count_parameters(generator),
        trials=trials,
        images_per_s=rate,
        flops_per_image=amount.flops,
        bytes_per_image=amount.bytes,
        flop_share=rate * amount.flops / ceiling.flops,
        byte_share=rate * amount.bytes / ceiling.bytes,
    )


def _of_size(image_size: int, parameters: int) -> GeneratorConfig:
    """The generator whose number of parameters is nearest."""
    candidates = [architecture(image_size, width) for width in range(1, 257)]
    return min(candidates, key=lambda candidate: abs(count_parameters(candidate) - parameters))


def _two_steps(recipe: DistillationConfig) -> DistillationConfig:
    return recipe.model_copy(update={"kimg": 2 * BATCH / 1000})


def _of_one_step(steps: Iterator[Progress], compute: Compute) -> Amount:
    """What an image of the second step asks for."""
    next(steps)
    return count(lambda: list(steps), compute.torch_device).per(BATCH)


def _print(rows: list[Row], ceilings: Mapping[str, Amount], title: str, arguments: argparse.Namespace) -> None:
    table = Table(box=None, header_style="bold")
    headings = ("work", "parameters", "trials", "images/s", "MFLOP", "MB", "FLOP/s", "bytes/s")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "work" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.work,
            f"{row.parameters:,}",
            str(row.trials),
            f"{row.images_per_s:,.0f}",
            f"{row.flops_per_image / 1e6:,.2f}",
            f"{row.bytes_per_image / 1e6:,.2f}",
            f"{row.flop_share:.1%}",
            f"{row.byte_share:.1%}",
        )
    layout = ", channels last" if arguments.channels_last else ""
    console = Console()
    console.print(f"{title}; {arguments.precision}{layout}; batches of {BATCH}")
    for precision, ceiling in ceilings.items():
        speeds = f"{ceiling.flops / 1e12:.3g} TFLOP/s, {ceiling.bytes / 1e9:.3g} GB/s"
        console.print(f"ceiling in {precision}: {speeds}", highlight=False)
    console.print(table)
    console.print("MFLOP and MB of an image; FLOP/s and bytes/s as shares of the ceiling", highlight=False)


if __name__ == "__main__":
    main()
