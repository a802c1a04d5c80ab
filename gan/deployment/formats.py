"""This module has the formats of an export: how each is written and run, and how far its images may differ."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

import torch

from gan.deployment.card import LARGEST_BATCH, Format
from gan.deployment.extras import ExtraName, needing
from gan.deployment.folding import FoldedGenerator, fold
from gan.deployment.refusing import refused
from gan.deployment.runtimes import (
    Runner,
    open_executorch,
    open_exported_program,
    open_litert,
    open_onnx,
    without_native_log,
)
from gan.errors import FormatError
from gan.networks.dcgan import Generator
from gan.networks.imported import AnyGenerator, ImportedGenerator
from gan.networks.own_network import first_line, quietly

Storage = Literal["float", "half", "int8"]
EXAMPLE_BATCH = 2  # torch.export takes a batch of 1 for a constant


class Write(Protocol):
    """A Write makes the file at `path`; `seed` is of what it draws to calibrate."""

    def __call__(self, generator: AnyGenerator, path: Path, *, seed: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Form:
    """A Form is how an export of one format is written and run.

    largest, rms: how far its images may be from the original's at one pixel, and over all (root mean square), where
    they lie in [-1, 1]. packages: those that write and run it, with the runtime; extra: what has them. rounds: whether
    weights have fewer bits than floats, which they may have learnt with.
    """

    file: str
    write: Write
    open: Callable[[Path, int], Runner]  # with so many threads
    packages: tuple[str, ...]
    runtime: str
    extra: ExtraName | None = None
    is_onnx: bool = False
    largest_batch: int | None = None  # None is any
    largest: float
    rms: float
    rounds: bool = False


def _write_onnx(generator: AnyGenerator, path: Path, *, seed: int, storage: Storage) -> None:
    if storage == "float" and not isinstance(generator, Generator):
        _write_own_onnx(generator, path)
        return
    folded = _folded(generator)
    with needing("deploy"):
        from gan.deployment import graph
    stores = {"float": graph.store_float, "half": graph.store_half, "int8": graph.store_int8}
    path.write_bytes(graph.onnx_model(folded, stores[storage]).SerializeToString(deterministic=True))


def _write_own_onnx(generator: ImportedGenerator, path: Path) -> None:
    with needing("deploy"):
        from gan.deployment.own_graph import own_model
    path.write_bytes(own_model(_program(generator), generator.imported.path).SerializeToString(deterministic=True))


def _write_static_int8(generator: AnyGenerator, path: Path, *, seed: int) -> None:
    folded = _folded(generator)
    with needing("deploy"):
        from gan.deployment.static_int8 import static_int8_model
    path.write_bytes(static_int8_model(folded, seed=seed).SerializeToString(deterministic=True))


def _write_packed(generator: AnyGenerator, path: Path, *, seed: int) -> None:
    folded = _folded(generator)
    with needing("deploy"):
        from gan.deployment.packing import packed_model
    path.write_bytes(packed_model(folded).SerializeToString(deterministic=True))


def _write_litert(generator: AnyGenerator, path: Path, *, seed: int, storage: Literal["float", "int8"]) -> None:
    folded = _folded(generator)
    with needing("litert"):
        from gan.deployment import litert
    if storage == "int8":
        path.write_bytes(litert.litert_file(litert.with_even_map(folded), litert.store_int8))
    else:
        path.write_bytes(litert.litert_file(folded))


def _folded(generator: AnyGenerator) -> FoldedGenerator:
    """Returns a generator of plain convolutions. Raises FormatError for a network of the user's own."""
    if not isinstance(generator, Generator):
        raise FormatError(
            "The ONNX formats of fewer bits, and those of LiteRT, are for generators of ganlimit's own architectures",
            f"a network of your own ({generator.imported.path})",
            "Export it as onnx, torch-export or executorch, or with the tools of the framework that it came from.",
        )
    return fold(generator).float().cpu()


def _write_exported_program(generator: AnyGenerator, path: Path, *, seed: int) -> None:
    program = _program(generator)
    with quietly():
        torch.export.save(program, path)


def _write_executorch(generator: AnyGenerator, path: Path, *, seed: int) -> None:
    program = _program(generator, largest=LARGEST_BATCH)
    with needing("executorch"), without_native_log():
        from gan.deployment.executorch_program import write_program

        write_program(program, path)


def _program(generator: AnyGenerator, largest: int | None = None) -> torch.export.ExportedProgram:
    """Returns a generator as a program for batches of any size, or up to `largest`, which has room for so many.

    Raises FormatError for a network that has none.
    """
    network = fold(generator).float().cpu() if isinstance(generator, Generator) else generator
    example_NI = generator.config.inputs(largest or EXAMPLE_BATCH, "deployment", seed=0)
    batch = torch.export.Dim("N", min=1, max=largest)
    try:
        with quietly():
            return torch.export.export(network, (example_NI,), dynamic_shapes=({0: batch},))
    except Exception as error:  # a network of any kind raises errors of any kind
        raise refused(
            error,
            rule="torch-export and executorch, and onnx of a network of your own, are for what torch.export can follow",
            value=f"{type(network).__name__} ({first_line(error)})",
            remedy="Give the teacher as a torch.export file (.pt2), or by its factory.",
        ) from error


def require_packages(forms: Iterable[Format]) -> None:
    """Raises GanError where a package is missing that writes or runs one of these formats."""
    for way in (FORMS[form] for form in dict.fromkeys(forms)):
        with needing(way.extra) if way.extra else nullcontext():
            for name in way.packages:
                import_module(name.replace("-", "_"))


_ONNX_PACKAGES = ("onnx", "onnxruntime", "torch")
_LITERT_PACKAGES = ("ai-edge-litert", "flatbuffers", "torch")
FORMS: dict[Format, Form] = {
    "onnx": Form(
        file="model.onnx",
        write=partial(_write_onnx, storage="float"),
        open=open_onnx,
        packages=_ONNX_PACKAGES,
        runtime="onnxruntime",
        extra="deploy",
        is_onnx=True,
        largest=1e-3,
        rms=1e-4,
    ),
    "onnx-fp16": Form(
        file="model.onnx",
        write=partial(_write_onnx, storage="half"),
        open=open_onnx,
        packages=_ONNX_PACKAGES,
        runtime="onnxruntime",
        extra="deploy",
        is_onnx=True,
        largest=0.1,
        rms=0.01,
        rounds=True,
    ),
    "onnx-int8": Form(
        file="model.onnx",
        write=partial(_write_onnx, storage="int8"),
        open=open_onnx,
        packages=_ONNX_PACKAGES,
        runtime="onnxruntime",
        extra="deploy",
        is_onnx=True,
        largest=2.0,  # an edge may lie a pixel further
        rms=0.05,
        rounds=True,
    ),
    "onnx-int8-static": Form(
        file="model.onnx",
        write=_write_static_int8,
        open=open_onnx,
        packages=_ONNX_PACKAGES,
        runtime="onnxruntime",
        extra="deploy",
        is_onnx=True,
        largest=2.0,
        rms=0.1,
        rounds=True,
    ),
    "onnx-packed": Form(
        file="model.onnx",
        write=_write_packed,
        open=open_onnx,
        packages=_ONNX_PACKAGES,
        runtime="onnxruntime",
        extra="deploy",
        is_onnx=True,
        largest=1e-3,
        rms=1e-4,
        rounds=True,
    ),
    "torch-export": Form(
        file="model.pt2",
        write=_write_exported_program,
        open=open_exported_program,
        packages=("torch",),
        runtime="torch",
        largest=1e-3,
        rms=1e-4,
    ),
    "litert": Form(
        file="model.tflite",
        write=partial(_write_litert, storage="float"),
        open=open_litert,
        packages=_LITERT_PACKAGES,
        runtime="ai-edge-litert",
        extra="litert",
        largest=1e-3,
        rms=1e-4,
    ),
    "litert-int8": Form(
        file="model.tflite",
        write=partial(_write_litert, storage="int8"),
        open=open_litert,
        packages=_LITERT_PACKAGES,
        runtime="ai-edge-litert",
        extra="litert",
        largest=2.0,
        rms=0.05,
        rounds=True,
    ),
    "executorch": Form(
        file="model.pte",
        write=_write_executorch,
        open=open_executorch,
        packages=("executorch", "torch"),
        runtime="executorch",
        extra="executorch",
        largest_batch=LARGEST_BATCH,
        largest=1e-3,
        rms=1e-4,
    ),
}


def runtimes_of(forms: Iterable[str]) -> tuple[str, ...]:
    """Returns the packages that run exports in these formats, for `MeasurementProtocol`; other forms have none.

    >>> runtimes_of(["onnx", "pytorch", "litert"])
    ('ai-edge-litert', 'onnxruntime')
    """
    asked = set(forms)
    return tuple(sorted({way.runtime for form, way in FORMS.items() if form in asked}))
