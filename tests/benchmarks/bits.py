"""What fewer bits do to FID: of students that learnt with floats and are rounded, and of those that learnt rounded.

    python -m tests.benchmarks.bits SWEEP [--data-dir DIR] [--most 12] [--fewest 10000] [--out FILE] [--show FILE]
    python -m tests.benchmarks.bits --train 6 8 10 12 14 16 [--preset digits] [--workers 1] [--out FILE]

The students are those of a finished sweep, at most so many, of all sizes that it trained from the fewest parameters on;
or floats of some widths that are trained first, one a width, by the recipe and on the teacher of a preset, in its sweep
PRESET-floats. Each is exported in every ONNX format, and the images of the file are measured under the sweep's
protocol, as `ganlimit deploy` does; weights that learnt as floats are also rounded to 8, 6 and 4 bits without further
training. A line for each form says how many of the students have a FID within 2% of the float's, the greatest and the
median ratio of both, and those of its file's bytes to the float file's. About a second for each student and form.
"""

import argparse
import copy
import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import sweeps
from gan import (
    Evaluator,
    GanError,
    Generator,
    Origin,
    default_data_root,
    deploy_generator,
    load_dataset,
    load_generator,
)
from gan.deployment.card import Format
from gan.networks.bits import FLOAT_BITS, Bits, as_rounded, prepare_rounding
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.sweeps import spec_of_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import find_or_make_extractor
from sweeps.models.workshop import Workshop
from sweeps.results.reading import read_trials

FLOAT: Format = "onnx"
FORMS: tuple[Format, ...] = (FLOAT, "onnx-fp16", "onnx-int8", "onnx-int8-static", "onnx-packed")
GAN_WEIGHT = 0.05  # of trained ones
AFTERWARDS: tuple[Bits, ...] = (8, 6, 4)  # weights alone, in PyTorch
CLOSE = 0.02


def fid_in_bits(generator: Generator, bits: Bits, evaluator: Evaluator) -> float:
    """Returns the FID of a generator whose weights were rounded to so many bits, and not trained again."""
    rounded = copy.deepcopy(generator)
    prepare_rounding(rounded, bits)
    return evaluator.evaluate(as_rounded(rounded), whole=False).fid


def measured(generator: Generator, row: dict[str, Any], *, evaluator: Evaluator) -> Iterator[dict[str, Any]]:
    """Yields what a student's forms have: FID, that of the student, and bytes where it is a file."""
    about = {name: row[name] for name in ("trial", "parameters", "bits", "weight_bytes")}
    about |= {"float_fid": evaluator.evaluate(generator, whole=False).fid}
    origin = Origin(weights_digest="of its run", dataset=row["dataset"], trial=row["trial"])
    of_float = 0  # the bytes of the first form
    for form in FORMS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                card = deploy_generator(Path(folder), generator, origin=origin, form=form, evaluator=evaluator)
            except GanError as error:
                yield {**about, "form": form, "refused": str(error)}
                continue
        of_float = of_float or card.file_bytes
        sizes = {"file_bytes": card.file_bytes, "float_bytes": of_float}
        yield {**about, "form": form, "fid": card.metrics["fid"], **sizes}
    if row["bits"] is None:
        for bits in AFTERWARDS:
            yield {**about, "form": f"{bits} bits afterwards", "fid": fid_in_bits(generator, bits, evaluator)}


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    fid, size = ("FID: median", "worst"), ("bytes: median", "worst")
    for heading in ("weights", "form", "students", "within 2%", *fid, *size, "refused"):
        table.add_column(heading, justify="right", no_wrap=True)
    kinds = dict.fromkeys((row["bits"] or FLOAT_BITS, row["form"]) for row in rows)
    for bits, form in sorted(kinds, key=lambda kind: -kind[0]):
        own = [row for row in rows if (row["bits"] or FLOAT_BITS, row["form"]) == (bits, form)]
        ratios = [row["fid"] / row["float_fid"] for row in own if "fid" in row]
        close = sum(abs(ratio - 1) <= CLOSE for ratio in ratios)
        sizes = [row["file_bytes"] / row["float_bytes"] for row in own if "float_bytes" in row]
        refused = str(len(own) - len(ratios))
        table.add_row(f"{bits} bits", form, str(len(own)), str(close), *_ends(ratios), *_ends(sizes), refused)
    return table


def _ends(ratios: list[float]) -> tuple[str, str]:
    return (f"{statistics.median(ratios):.3f}", f"{max(ratios):.3f}") if ratios else ("", "")


def floats_of(preset: str, widths: list[int]) -> sweeps.SweepSpec:
    """A sweep of one float student a width, whole in its first layer, on the preset's teacher."""
    teacher = sweeps.load_spec(preset).trained_teacher
    space: dict[str, list[Any]] = {"width": widths, "depth": [teacher.depth], "block": [teacher.block]}
    space |= {"gan_weight": [GAN_WEIGHT]}
    search = {"sampler": "grid", "trials": len(widths), "objectives": ["parameters", "fid"]}
    search |= {"space": {name: {"type": "choice", "values": values} for name, values in space.items()}}
    return sweeps.load_spec(preset, {"name": f"{preset}-floats", "phases": ["search"], "search": search})


def rows_of(name: str, data_dir: Path, *, most: int, fewest: int, console: Console) -> dict[str, Any]:
    """What the forms of a finished sweep's students have, with the sweep and its protocol."""
    workspace = Workspace.existing(data_dir)
    tracking = Tracking(workspace.store)
    workshop = Workshop(workspace=workspace, tracking=tracking, data_root=default_data_root())
    spec = spec_of_sweep(tracking, name)
    evaluator = find_or_make_extractor(spec, load_dataset(spec.dataset), workshop=workshop).evaluator
    table = read_trials(tracking, workspace, name=name).table.to_pylist()
    finished = [row for row in table if row["final"] and row["parameters"] >= fewest]
    by_size = sorted(finished, key=lambda row: (row["bits"] or FLOAT_BITS, row["parameters"]))
    places = np.unique(np.linspace(0, len(by_size) - 1, min(most, len(by_size))).round().astype(int))
    rows: list[dict[str, Any]] = []
    for row in (by_size[place] for place in places):
        folder = tracking.registry.model_folder(row["run_id"])
        assert folder is not None, "a finished student is kept"
        rows += measured(load_generator(folder)[0], row, evaluator=evaluator)
        console.print(f"trial {row['trial']}: {row['parameters']:,} parameters, {row['bits'] or FLOAT_BITS} bits: done")
    return {"sweep": name, "protocol": evaluator.protocol.digest, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", nargs="?")
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--train", type=int, nargs="+", metavar="WIDTH", help="train such students, and take them")
    parser.add_argument("--preset", default="digits")
    parser.add_argument("--workers", type=int, help="trainings at once")
    parser.add_argument("--most", type=int, default=12)
    parser.add_argument("--fewest", type=int, default=0, help="parameters of a student")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print what an earlier run wrote, and run nothing")
    given = parser.parse_args()
    console = Console(width=110)
    if given.show:
        console.print(table_of(json.loads(given.show.read_text())["rows"]))
        return
    if (given.sweep is None) == (given.train is None):
        parser.error("give a sweep's name, or --train with widths")
    if given.train:
        spec = floats_of(given.preset, given.train)
        sweeps.run_sweep(spec, given.data_dir, workers=given.workers)
        given.sweep = spec.name
    found = rows_of(given.sweep, given.data_dir, most=given.most, fewest=given.fewest, console=console)
    console.print(table_of(found["rows"]))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
