"""This module tells what a file is that is given for a generator, by its content, and what can be made of it.

Nothing of it is run, and no pickle of objects is opened.
"""

import pickletools
import warnings
import zipfile
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open

from gan.errors import GanError

ProgramKind = Literal["TorchScript", "torch.export"]

_STORE = "Write it with torch.jit.save or torch.export.save."
_BUILD = (
    "Give it as `weights`, with `factory: package.module:function` for the function that builds the network, or load "
    "it there and store the network with torch.export.save."
)
_CONVERT = "Convert it to a PyTorch module that makes images BCHW of latents BL, and store that with torch.export.save."
_BEGINNINGS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x1f\x8b", "a gzip archive"),
)
_PRODUCERS = (b"pytorch", b"tf2onnx", b"keras2onnx", b"onnx")  # named in the first bytes of an ONNX model
_SHOWN = 6  # entries


def program_kind(path: Path) -> ProgramKind:
    """Returns which stored program the file is. Raises GanError that says what it is instead, and what to do."""
    names = _members(path)
    if "serialized_exported_program.json" in names or any(name.endswith("/archive_format") for name in names):
        return "torch.export"
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        return "TorchScript"
    found, remedy = _described(path, names)
    raise GanError("An own generator is a readable TorchScript or torch.export file", f"{path} ({found})", remedy)


def require_weights(path: Path) -> None:
    """Raises GanError unless the file has the form of a safetensors file or of a pickle by torch.save."""
    names = _members(path)
    if names and any(name.endswith("data.pkl") for name in names) and not any("/code/" in name for name in names):
        return
    beginning = _beginning(path)
    if not names and (_is_safetensors(beginning) or beginning[:1] == b"\x80"):
        return
    found, _ = _described(path, names)
    raise GanError(
        "weights are a safetensors file of the factory's network, or a pickle of tensors alone",
        f"{path} ({found})",
        "Save them with safetensors.torch.save_model, or torch.save of a state dict.",
    )


def is_safetensors(path: Path) -> bool:
    """Returns whether a file has the form of a safetensors file."""
    return not _members(path) and _is_safetensors(_beginning(path))


def _members(path: Path) -> list[str]:
    """Returns the names in a zip archive; none of another file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return []


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(256)
    except OSError:
        return b""


def _is_safetensors(beginning: bytes) -> bool:
    return len(beginning) > 9 and beginning[8:9] == b"{" and int.from_bytes(beginning[:8], "little") < 2**40


def _described(path: Path, names: list[str]) -> tuple[str, str]:
    """Returns what a file is that is no program, and what to do about it."""
    if path.is_dir():
        saved = "a folder with a TensorFlow model" if (path / "saved_model.pb").exists() else "a folder"
        return saved, _CONVERT if "TensorFlow" in saved else "Name the generator's file in it."
    if not path.exists():
        return "no such file", "Correct the path."
    if any(name.endswith("data.pkl") for name in names):
        return _pickled(path, names)
    if "model.weights.h5" in names:
        return "a Keras model", _CONVERT
    if names:
        return f"a zip archive with {', '.join(names[:3])}", "Name the generator's file; unpack the archive before."
    return _plain(path, _beginning(path))


def _plain(path: Path, beginning: bytes) -> tuple[str, str]:
    """Returns what a file is that is no archive."""
    for start, kind in _BEGINNINGS:
        if beginning.startswith(start):
            return kind, _CONVERT if "Keras" in kind else _STORE
    if beginning[:1] == b"\x80":
        return _pickled(path, [])
    if beginning[4:8] == b"TFL3" or path.suffix in (".pb", ".tflite", ".ckpt"):
        return "a TensorFlow model", _CONVERT
    if path.suffix == ".onnx" or (beginning[:1] == b"\x08" and any(name in beginning for name in _PRODUCERS)):
        return "an ONNX model", _CONVERT
    if _is_safetensors(beginning):
        return _safetensors(path), _BUILD
    return "neither of them, or only a part of one", _STORE


def _safetensors(path: Path) -> str:
    try:
        with safe_open(path, framework="pt") as file:
            return f"the state dict {_listed(list(file.keys()))}, without the network that it is of"
    except (SafetensorError, OSError) as error:
        return f"a damaged safetensors file: {error}"


def _pickled(path: Path, names: list[str]) -> tuple[str, str]:
    """Returns what torch.save wrote: a state dict, a checkpoint with parts, or an object of somebody's class."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old pickles, with the advice to write to PyTorch
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of many kinds, and all say that more than tensors is in it
        held = _class_in(path, names)
        return f"a pickled object{held}", (
            "A pickle runs code when it is opened, so none is. Load it in a program of your own and store its network "
            "with torch.export.save, or its state_dict() with torch.save."
        )
    if not isinstance(content, dict):
        return f"a pickled {type(content).__name__}", _STORE
    if all(isinstance(value, torch.Tensor) for value in content.values()):
        return f"the state dict {_listed(list(content))}, without the network that it is of", _BUILD
    entry = " Name the generator's entry as `entry`." if len(content) > 1 else ""
    return f"a checkpoint with the entries {_listed(list(map(str, content)))}", _BUILD + entry


def _class_in(path: Path, names: list[str]) -> str:
    """Returns ` of module.Class`, the first class that a pickle names; nothing where it names none."""
    try:
        if names:
            with zipfile.ZipFile(path) as archive:
                content = archive.read(next(name for name in names if name.endswith("data.pkl")))
        else:
            content = path.read_bytes()
        for operation, argument, _ in pickletools.genops(content):
            if operation.name == "GLOBAL":
                return f" of {str(argument).replace(' ', '.')}"
    except Exception:  # a pickle of any age, or none at all
        return ""
    return ""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
