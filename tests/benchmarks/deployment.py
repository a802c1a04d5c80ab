"""What an export costs: bytes, and time of an image beside PyTorch's, for sizes, widths and blocks.

    python -m tests.benchmarks.deployment [--sizes 16 32 64 128] [--widths 2 8 32] [--out FILE] [--show FILE]

Generators that were never trained, with 64 latents; the statistics of their BatchNorm are of their own maps, as after
a training. Every export is written, loaded from its folder, and compared with the original at 256 latents in batches
of 1, 3 and 64 before it counts, as `ganlimit deploy` does. On one thread; a generator and its exports have turns. The
teacher of a size has width 64, and 32 at 128 pixels. A time at 5% is that of the quietest moments: on a shared machine
a ratio of such times says more than one of medians, which a neighbour moves.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from gan import (
    Deployed,
    GanError,
    Generator,
    GeneratorConfig,
    MeasurementProtocol,
    Origin,
    build_generator,
    count_parameters,
    deploy_generator,
    eager,
    latencies,
    load_deployed,
)
from gan.deployment.card import Format
from gan.deployment.formats import runtimes_of
from gan.deployment.in_pytorch import threads_of_torch

BATCHES = (1, 64)
LATENT_SIZE = 64
PYTORCH = "pytorch"
FORMATS = ("onnx", "onnx-int8", "onnx-int8-static", "litert", "litert-int8")  # refused are those not installed
UNTRAINED = Origin(weights_digest="none: never trained", dataset="none")
TOLD = ("file_bytes", "compressed_bytes", "largest_difference", "rms_difference", "operators", "int8_operators")
TEACHER_WIDTHS = {16: 64, 32: 64, 64: 64, 128: 32}


def settled(config: GeneratorConfig) -> Generator:
    """Returns a generator whose weights give contrast, and whose BatchNorm has seen its own maps."""
    generator = build_generator(config, seed=0)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(10 if parameter.ndim == 4 else 1)
        for layer in generator.layers:
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = None  # all batches count alike
        for step in range(4):
            generator(config.inputs(64, "statistics", step, seed=0))
    return generator.eval()


def measure(config: GeneratorConfig, formats: Sequence[Format]) -> list[dict[str, Any]]:
    """Returns a row for PyTorch and for each format."""
    generator = settled(config)
    exports: dict[str, Deployed] = {}
    refused: dict[str, str] = {}
    for form in formats:
        with tempfile.TemporaryDirectory() as folder:
            try:
                deploy_generator(Path(folder), generator, origin=UNTRAINED, form=form)
                exports[form] = load_deployed(Path(folder))
            except GanError as error:
                refused[form] = str(error)
    found = [timed(generator, exports, batch=batch) for batch in BATCHES]
    about = {"image_size": config.image_size, "width": config.width, "block": config.block}
    about |= {"parameters": count_parameters(config)}
    rows = [{**about, "form": PYTORCH, "latencies": [each[PYTORCH] for each in found]}]
    for name, export in exports.items():
        told = export.card.model_dump(include=set(TOLD))
        rows.append({**about, "form": name, **told, "latencies": [each[name] for each in found]})
    return rows + [{**about, "form": name, "refused": why} for name, why in refused.items()]


def timed(generator: Generator, exports: dict[str, Deployed], batch: int) -> dict[str, Any]:
    inputs_NI = generator.config.inputs(batch, "latency", seed=0).numpy()
    calls: dict[str, Callable[[], object]] = {PYTORCH: eager(generator, batch)}
    calls |= {name: partial(export, inputs_NI) for name, export in exports.items()}
    return {name: latency.model_dump() for name, latency in latencies(calls, batch).items()}


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("size", "width", "block", "parameters", "form", "bytes", "of float", "differs", "ms of 1", "5-95%",
                    "PyTorch / it", "at 5%", "ms of 64"):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        place = [row[name] for name in ("image_size", "width", "block")]
        same = {one["form"]: one for one in rows if [one[name] for name in ("image_size", "width", "block")] == place}
        start = (str(row["image_size"]), str(row["width"]), row["block"], f"{row['parameters']:,}", row["form"])
        if "refused" in row:
            table.add_row(*start, "", "", "refused")
            continue
        one, many = row["latencies"]
        of_float = row["file_bytes"] / same["onnx"]["file_bytes"] if row.get("file_bytes") and "onnx" in same else None
        table.add_row(
            *start,
            f"{row['file_bytes']:,}" if "file_bytes" in row else "",
            f"{of_float:.2f}" if of_float else "",
            f"{row['largest_difference']:.1g}" if "largest_difference" in row else "",
            f"{one['median_ms']:.3f}",
            f"{one['low_ms']:.3f}-{one['high_ms']:.3f}",
            f"{same[PYTORCH]['latencies'][0]['median_ms'] / one['median_ms']:.1f}",
            f"{same[PYTORCH]['latencies'][0]['low_ms'] / one['low_ms']:.1f}",
            f"{many['median_ms']:.2f}",
        )
    return table


def show(console: Console, whole: dict[str, Any]) -> None:
    console.print(table_of(whole["rows"]))
    console.print(", ".join(f"{name} {value}" for name, value in whole["protocol"].items()), highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--blocks", nargs="+", default=["dcgan", "separable"])
    parser.add_argument("--formats", nargs="+", default=FORMATS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print what an earlier run wrote, and run nothing")
    given = parser.parse_args()
    console = Console()
    rows: list[dict[str, Any]] = []
    if given.show:
        show(console, json.loads(given.show.read_text()))
        return
    with threads_of_torch(1):
        for size in given.sizes:
            asked = [*product(given.widths, given.blocks), (TEACHER_WIDTHS[size], "dcgan")]
            for width, block in dict.fromkeys(asked):
                shape = {"image_size": size, "image_channels": 1 if size == 16 else 3, "latent_size": LATENT_SIZE}
                config = GeneratorConfig.model_validate({**shape, "width": width, "block": block})
                rows += measure(config, given.formats)
                console.print(f"{size} pixels, width {width}, {block}: done", highlight=False)
    whole = {
        "protocol": MeasurementProtocol.here(threads=1, runtimes=runtimes_of(given.formats)).model_dump(),
        "rows": rows,
    }
    show(console, whole)
    if given.out:
        given.out.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
