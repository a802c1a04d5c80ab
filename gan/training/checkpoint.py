"""This module keeps a training on its way in one file: what it takes to go on bit for bit as if it had never stopped.

Networks, Adam's moments, the average, and where every random stream stands. Tensors only, as safetensors
with a digest of their content; no pickle is ever written or read.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gan.digests import array_digest, value_digest
from gan.errors import DAMAGED, ArtifactError

State = dict[str, Tensor]


class Part(Protocol):
    """A part of a training keeps something between steps, and can say it and go on from it."""

    def state(self) -> Mapping[str, Tensor]:
        """Returns what it keeps, by name."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` returned."""
        ...


@dataclass(frozen=True)
class Weights:
    """A network is a part: its parameters and its buffers change from step to step."""

    module: nn.Module

    def state(self) -> Mapping[str, Tensor]:
        """Returns parameters and buffers by their names in the module."""
        tensors: Mapping[str, Tensor] = self.module.state_dict()
        return tensors

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copies `state` into the module."""
        self.module.load_state_dict(state)


@dataclass(frozen=True)
class Stream:
    """A random generator is a part: it changes with every draw."""

    random: torch.Generator

    def state(self) -> Mapping[str, Tensor]:
        """Returns where the generator stands."""
        return {"state": self.random.get_state()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Puts the generator where it stood."""
        self.random.set_state(state["state"])


@dataclass(frozen=True)
class Checkpoint:
    """A Checkpoint is a training after `images_seen` images. Its owner wants the numbers `notes` back with it.

    >>> Checkpoint(images_seen=64_000, state={}).kimg
    64.0
    """

    images_seen: int
    state: State
    _: KW_ONLY
    notes: Mapping[str, float] = field(default_factory=dict)

    @property
    def kimg(self) -> float:
        return self.images_seen / 1000


def state_of(parts: Mapping[str, Part]) -> State:
    """Copies of all tensors of `parts`, on the CPU, by dotted name."""
    return {
        f"{name}.{key}": value.detach().cpu().contiguous().clone()
        for name, part in parts.items()
        for key, value in part.state().items()
    }


def restore(parts: Mapping[str, Part], state: State) -> None:
    """Put `state` into parts that were built from the same arguments."""
    for name, part in parts.items():
        prefix = f"{name}."
        part.load_state({key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)})


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, identity: str) -> None:
    """Writes `path`, all or nothing: until the new file is complete the one before it stays.

    `identity` names the training; a checkpoint of another one is refused when it is read.

    >>> save_checkpoint(folder / "checkpoint", Checkpoint(64, {}), identity="my training")
    >>> load_checkpoint(folder / "checkpoint", "my training").images_seen
    64
    """
    card = {"identity": identity, "images_seen": checkpoint.images_seen, "notes": dict(checkpoint.notes)}
    text = json.dumps(card)
    digest = _digest(text, checkpoint.state)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = unfinished_checkpoint(path)
    try:
        save_file(checkpoint.state, unfinished, metadata={"card": text, "digest": digest})
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except SafetensorError as error:  # which hides that the disk is full
        raise OSError(str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def unfinished_checkpoint(path: Path) -> Path:
    """Returns the file that becomes `path` when it is complete. A process that is killed leaves it behind."""
    return path.with_name(f".{path.name}")


def load_checkpoint(path: Path, identity: str) -> Checkpoint | None:
    """Returns the checkpoint in `path`; None where there is none. Raises ArtifactError if damaged or another's.

    >>> load_checkpoint(folder / "no checkpoint", "my training") is None
    True
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        card = json.loads(metadata["card"])
        intact = _digest(metadata["card"], state) == metadata["digest"] and card["identity"] == identity
    except (OSError, SafetensorError, *DAMAGED) as error:
        raise ArtifactError("A checkpoint is a complete file of ganlimit's", f"{path} ({error})", _REMEDY) from error
    if not intact:
        raise ArtifactError(f"A checkpoint has its digest and belongs to the training {identity}", path, _REMEDY)
    return Checkpoint(card["images_seen"], state, notes=card["notes"])


_REMEDY = "Delete it: the training begins anew."


def _digest(card: str, state: State) -> str:
    return value_digest([card, {name: array_digest(tensor.numpy()) for name, tensor in state.items()}])
