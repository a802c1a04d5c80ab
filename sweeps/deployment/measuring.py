"""This module measures what a deployment costs here: PyTorch's generators and their exports, side by side."""

import itertools
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from analysis import AnalysisError, measurement_table, read_measurements, write_measurements, written_whole
from gan import (
    DeploymentCard,
    DrawingCost,
    Latency,
    MeasurementProtocol,
    eager,
    latencies,
    load_deployed,
    one_measurement,
    peak_memory,
)
from gan.deployment.formats import FORMS, runtimes_of
from gan.deployment.in_pytorch import compiled, threads_of_torch
from sweeps.deployment.choosing import Candidate
from sweeps.deployment.pages import WEB
from sweeps.display import Update
from sweeps.errors import SweepError

BATCHES = (1, 64)
MEGABYTE = 1e6
PYTORCH, COMPILED = "pytorch", "torch.compile"
TABLE, JSON = "measurements.parquet", "measurements.json"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """A Timing says how a deployment is measured: with how many threads, and whether torch.compile has a turn too."""

    threads: int = 1
    compile_too: bool = False

    def require_possible(self, formats: Sequence[str]) -> None:
        """Raises SweepError where this machine cannot measure so, or there is nothing to measure."""
        if set(formats) == {WEB}:
            rule = "What is measured is of another format than web, whose page measures itself"
            raise SweepError(rule, "web alone", "Give --format onnx too, or leave --measure out.")
        if self.compile_too and not any(map(shutil.which, ("c++", "g++", "clang++"))):
            remedy = "Install g++, or leave --compile out."
            raise SweepError("--compile needs a C++ compiler", "none on the path", remedy)


@dataclass(frozen=True)
class Measured:
    """A Measured is a candidate that is measured in one form: `form` is a format, or how PyTorch runs it.

    folder: what a process draws with whose memory is measured; None for torch.compile, whose process compiles as well.
    """

    of: Candidate
    card: DeploymentCard
    _: KW_ONLY
    form: str
    call: Callable[[int], Callable[[], object]]  # of a batch of this size
    folder: Path | None

    @classmethod
    def of_export(cls, folder: Path, candidate: Candidate, *, threads: int) -> "Measured":
        """Returns an export, which is loaded from its folder."""
        deployed = load_deployed(folder, threads=threads)

        def call(batch: int) -> Callable[[], object]:
            inputs_NI = deployed.card.architecture.inputs(batch, "latency", seed=0).numpy()
            return partial(deployed, inputs_NI)

        return cls(candidate, deployed.card, form=deployed.card.format, call=call, folder=folder)

    @classmethod
    def in_pytorch(cls, candidate: Candidate, card: DeploymentCard, *, compile_too: bool) -> list["Measured"]:
        """Returns the generator that `card` is of an export of, as PyTorch runs it."""
        generator = candidate.generator
        found = [cls(candidate, card, form=PYTORCH, call=partial(eager, generator), folder=candidate.stored)]
        if compile_too:
            found.append(cls(candidate, card, form=COMPILED, call=partial(compiled, generator), folder=None))
        return found

    @property
    def name(self) -> str:
        """Returns the generator's name for people."""
        origin = self.card.origin
        return f"trial {origin.trial}" if origin.trial else origin.model or origin.weights_digest[:8]


@dataclass(frozen=True)
class Measurements:
    """Measurements are costs on one machine, a row for each generator, form and batch."""

    protocol: MeasurementProtocol
    rows: tuple[dict[str, Any], ...]

    def costs_of(self, card: DeploymentCard) -> tuple[DrawingCost, ...]:
        """Returns what the export with this card took, for each batch."""
        place = card.origin.weights_digest, card.format
        own = [row for row in self.rows if (row["weights_digest"], row["form"]) == place]
        return tuple(DrawingCost(**{name: row[name] for name in DrawingCost.model_fields}) for row in own)

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        protocol = {"protocol": self.protocol.model_dump(), "protocol_digest": self.protocol.digest}
        return {**protocol, "rows": [*self.rows], "against_teacher": self.against_teacher()}

    def against_teacher(self) -> list[dict[str, Any]]:
        """Returns how much smaller and faster each student is than the teacher, in each form that both are in.

        None are where no teacher was measured. Times are of one image.
        """
        ones = [row for row in self.rows if row["batch"] == BATCHES[0]]
        teacher = {row["form"]: row for row in ones if row["trial"] is None}
        return [
            {
                "name": row["name"],
                "form": row["form"],
                "fewer_parameters": teacher[row["form"]]["parameters"] / row["parameters"],
                "faster": teacher[row["form"]]["median_ms"] / row["median_ms"],
            }
            for row in ones
            if row["trial"] is not None and row["form"] in teacher
        ]

    def print_to(self, console: Console) -> None:
        """Print a line for each generator and form: times of a batch of 1 and of 64, and ratios of times of 1.

        They are over its time those of the same in PyTorch, and of the teacher in this form, beside that of parameters.
        Memory is that of a whole process which draws one image at a time.
        """
        console.print(self._table())
        console.print(str(self.protocol), style="dim", highlight=False)

    def _table(self) -> Table:
        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        for heading in ("", "form"):
            table.add_column(heading, no_wrap=True)
        for heading in ("ms of\n1", "5-95%", "PyTorch\n/ it", "ms of\n64", "MB", "params\nratio", "ms\nratio"):
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
        ones, many = ([row for row in self.rows if row["batch"] == batch] for batch in BATCHES)
        eager_ms = {row["weights_digest"]: row["median_ms"] for row in ones if row["form"] == PYTORCH}
        ratios = {(each["name"], each["form"]): each for each in self.against_teacher()}
        for one, batch in zip(ones, many, strict=True):
            ratio = ratios.get((one["name"], one["form"]))
            peak = one["peak_bytes"]
            table.add_row(
                *(one["name"], one["form"], f"{one['median_ms']:.3f}", f"{one['low_ms']:.3f}-{one['high_ms']:.3f}"),
                *(f"{eager_ms[one['weights_digest']] / one['median_ms']:.1f}", f"{batch['median_ms']:.2f}"),
                "" if peak is None else f"{peak / MEGABYTE:.0f}",
                *([f"{ratio['fewer_parameters']:.1f}", f"{ratio['faster']:.1f}"] if ratio else ["", ""]),
            )
        return table

    def write(self, folder: Path) -> list[Path]:
        """Writes the rows to `folder` as a table and as JSON, with those of before. Returns the two paths.

        What was measured there before under another protocol is kept under another name.
        """
        table, text = folder / TABLE, folder / JSON
        before = _readable(table)
        if before is not None and set(before["measurement_digest"].to_pylist()) == {self.protocol.digest}:
            return self._with(before.to_pylist())._write(table, text)
        if before is not None:
            digest = before["measurement_digest"][0].as_py()[:8]
            for path in (table, text):
                if path.exists():
                    path.replace(path.with_stem(f"{path.stem}-{digest}"))
        return self._write(table, text)

    def _with(self, before: Sequence[Mapping[str, Any]]) -> "Measurements":
        """Returns the same with rows of before that it has not measured again."""
        identity = ("weights_digest", "form", "batch")
        again = {tuple(row[name] for name in identity) for row in self.rows}
        kept = [row for row in before if tuple(row[name] for name in identity) not in again]
        return replace(self, rows=(*({name: row[name] for name in self.rows[0]} for row in kept), *self.rows))

    def _write(self, table: Path, text: Path) -> list[Path]:
        write_measurements(measurement_table({**row, **self.protocol.columns} for row in self.rows), table)
        with written_whole(text) as unfinished:
            unfinished.write_text(json.dumps(self.as_dict(), indent=2) + "\n")
        return [table, text]


def _readable(path: Path) -> pa.Table | None:
    """Returns the measurements at `path`; None where there are none, or they are damaged."""
    if not path.exists():
        return None
    try:
        return read_measurements(path)
    except AnalysisError:
        return None


def count_of_steps(contenders: Sequence[Measured]) -> int:
    """Returns how often `measure` tells of its progress."""
    return len(BATCHES) + len(contenders)


def measure(contenders: Sequence[Measured], threads: int, *, formats: Sequence[str], update: Update) -> Measurements:
    """Returns what all contenders take here: each batch of them side by side, and then the memory of each alone.

    The protocol has the runtimes of all `formats` that were asked for, whether one was refused or not.
    """
    found: dict[tuple[int, int], Latency] = {}
    steps = itertools.count(1)
    with threads_of_torch(threads), one_measurement():
        for batch in BATCHES:
            calls = {str(place): contender.call(batch) for place, contender in enumerate(contenders)}
            found |= {(int(place), batch): one for place, one in latencies(calls, batch).items()}
            update(next(steps), f"times of a batch of {batch}")
    peaks: list[dict[int, int | None]] = []
    for one in contenders:
        peaks.append(peak_memory(one.folder, BATCHES, threads=threads) if one.folder else dict.fromkeys(BATCHES))
        update(next(steps), f"memory of {one.name} in {one.form}")
    rows = [
        _row(one, found[place, batch], peak_bytes=peaks[place][batch])
        for batch in BATCHES
        for place, one in enumerate(contenders)
    ]
    return Measurements(MeasurementProtocol.here(threads, runtimes_of(formats)), tuple(rows))


def _row(one: Measured, latency: Latency, *, peak_bytes: int | None) -> dict[str, Any]:
    card, is_export = one.card, one.form == one.card.format
    return {
        "name": one.name,
        "form": one.form,
        "sweep": card.origin.sweep,
        "trial": card.origin.trial,
        "trial_key": card.origin.trial_key,
        "weights_digest": card.origin.weights_digest,
        "parameters": card.parameters,
        "file_bytes": card.file_bytes if is_export else None,
        "compressed_bytes": card.compressed_bytes if is_export else None,
        "rounds": is_export and FORMS[card.format].rounds,
        **{name: card.metrics.get(name) if is_export else None for name in ("fid", "inception_score", "sharpness")},
        **latency.model_dump(),
        "images_per_s": latency.images_per_s,
        "peak_bytes": peak_bytes,
    }
