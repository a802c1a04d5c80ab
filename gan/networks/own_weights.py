"""This module finds the state of a network in a file of weights: as a whole, under an entry, or behind a prefix.

Files are safetensors, or pickles that hold tensors alone: one that would run code is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gan.errors import GanError
from gan.networks.own_files import is_safetensors, require_weights

State = dict[str, Tensor]
_WRAPPERS = ("module.", "_orig_mod.")  # of nn.DataParallel and torch.compile
_DEEPEST = 3  # levels of entries within entries
_COUNTER = "num_batches_tracked"  # of BatchNorm, which files from before it lack


def load_weights(network: nn.Module, path: Path, *, entry: str | None) -> torch.dtype:
    """Loads the network's state from a file. Returns the type of its numbers in the file.

    entry: the part of the file that it is; else the only part that fits. Raises GanError where none does, or several.
    """
    state = _chosen(network, path, entry=entry)
    missing = {name: value for name, value in network.state_dict().items() if name not in state}
    try:
        network.load_state_dict({**missing, **state})
    except RuntimeError as error:  # of a sparse or a quantised tensor, which has the right name and shape
        raise _wrong(
            "weights are tensors that the factory's network can take",
            path,
            found=str(error).strip().splitlines()[-1].strip(),
            remedy="Make them dense, of floating point, before you save them.",
        ) from error
    floating = [value.dtype for value in state.values() if value.is_floating_point()]
    return floating[0] if floating else torch.float32


def _chosen(network: nn.Module, path: Path, *, entry: str | None) -> State:
    require_weights(path)
    parts = dict(_parts(_read(path)))
    if entry is not None:
        own = [part for name, part in parts.items() if name == entry or name.endswith(f".{entry}")]
        if len(own) != 1:
            known = ", ".join(name for name in parts if name) or "none"
            raise _wrong("entry is a part of the file of weights", path, found=f"{entry}; it has {known}")
        parts = {entry: own[0]}
    fitting = {name: part for name, part in parts.items() if not misfit(network, part)}
    if not fitting:
        raise _wrong("weights are those of the factory's network", path, found=_reason(network, parts))
    if len(fitting) > 1:
        several = ", ".join(fitting)
        raise _wrong("one part of the file of weights is the network's", path, found=several, remedy="Give `entry`.")
    return next(iter(fitting.values()))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if is_safetensors(path):
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise _wrong("weights are a readable safetensors file", path, found=error) from error
    except Exception as error:  # torch.load raises errors of many kinds
        raise _wrong(
            "weights are a safetensors file of the factory's network, or a pickle of tensors alone",
            path,
            found="a pickle that would run code, or a damaged one",
            remedy="Load it in a program of your own, and save its state_dict() with safetensors.torch.save_model.",
        ) from error
    if not isinstance(content, Mapping):
        raise _wrong("weights are a state dict", path, found=type(content).__name__)
    return content


def _parts(content: Mapping[str, Any], name: str = "", *, depth: int = 0) -> Iterator[tuple[str, State]]:
    """Yields every part that may be a network's state: by the name of its entry, or of its names' prefix."""
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        yield name, tensors
        prefixes = dict.fromkeys(key.partition(".")[0] for key in tensors if "." in key)
        for prefix in prefixes if depth < _DEEPEST else ():
            own = {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{prefix}.")}
            yield from _parts(own, _joined(name, prefix), depth=depth + 1)
    for key, value in content.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _parts(value, _joined(name, str(key)), depth=depth + 1)


def _joined(name: str, key: str) -> str:
    """Returns the name of a part; a wrapper adds nothing to it, so that the part stands for the wrapped one."""
    return name if f"{key}." in _WRAPPERS else f"{name}.{key}".removeprefix(".")


def misfit(network: nn.Module, state: State) -> str:
    """Returns what of a state is not the network's; nothing where it fits."""
    expected = network.state_dict()
    if absent := [name for name in expected if name not in state and not name.endswith(_COUNTER)]:
        return f"{absent[0]} is missing"
    if foreign := [name for name in state if name not in expected]:
        return f"{foreign[0]} is not of the network"
    for name, value in state.items():
        if value.shape != expected[name].shape:
            return f"{name} is {list(value.shape)}, {list(expected[name].shape)} in the network"
    return ""


def _reason(network: nn.Module, parts: Mapping[str, State]) -> str:
    """Returns why the part that is nearest to the network's state does not fit."""
    if not parts:
        return "no tensors"
    expected = network.state_dict().keys()
    name = max(parts, key=lambda part: len(expected & parts[part].keys()))
    return f"{name + ': ' if name else ''}{misfit(network, parts[name])}"


def _wrong(
    rule: str, path: Path, *, found: object, remedy: str = "Give the file that the network's state was saved to."
) -> GanError:
    return GanError(rule, f"{path} ({found})", remedy)
