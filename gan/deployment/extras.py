"""This module says which extra has the packages of a format, where one of them is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from gan.errors import GanError

ExtraName = Literal["deploy", "litert", "executorch"]


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An Extra is a set of optional packages, by the modules that are imported of them, and what needs them."""

    files: str
    modules: frozenset[str]


EXTRAS: dict[ExtraName, Extra] = {
    "deploy": Extra(files="ONNX files", modules=frozenset({"onnx", "onnxruntime", "onnxscript"})),
    "litert": Extra(files="LiteRT files", modules=frozenset({"ai_edge_litert", "flatbuffers"})),
    "executorch": Extra(files="ExecuTorch programs", modules=frozenset({"executorch"})),
}


@contextmanager
def needing(name: ExtraName) -> Iterator[None]:
    """Turns the absence of a package of this extra within the block into a GanError that names the extra."""
    extra = EXTRAS[name]
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in extra.modules:
            raise
        raise GanError(
            f"{extra.files} are written and run with the packages of the extra {name}",
            f"none called {missing}",
            f"Install them: pip install 'ganlimit[{name}]'.",
        ) from error
