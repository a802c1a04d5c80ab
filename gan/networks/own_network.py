"""This module opens a network of the user's own and calls it, whatever it wants to be called with and gives back.

Shapes: B batch, I columns of a generator's inputs, L latent size, K classes, C H W image channels, height and width.
"""

import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan.errors import GanError
from gan.networks.own_config import OwnGenerator
from gan.networks.own_files import program_kind
from gan.networks.own_weights import load_weights


@dataclass(frozen=True)
class Opened:
    """An opened network, in float32 and eval mode: what kind of file it is of, and what it takes where that says so.

    weights_dtype: of its numbers as they were stored. inputs: of a torch.export program, an example of each input.
    """

    network: nn.Module
    kind: str
    _: KW_ONLY
    weights_dtype: torch.dtype
    inputs: tuple[Tensor, ...] = ()


def open_network(own: OwnGenerator) -> Opened:
    """Returns the network. Its file is code. Raises GanError where it cannot be loaded, or has no parameters."""
    opened = _from_factory(own) if own.factory else open_program(own.path)
    parameters = list(opened.network.parameters())
    if not parameters:
        raise GanError(
            "An own generator has parameters, which compression is measured by",
            f"{own.path}: none",
            "Store it without freezing or constant folding.",
        )
    for parameter in parameters:
        parameter.requires_grad = False
    opened.network.float()  # half precision is slow and coarse on a CPU, and students are measured in float32
    return opened


def open_program(path: Path) -> Opened:
    """Returns the network in a TorchScript or torch.export file. Raises GanError where it is no such file."""
    kind = program_kind(path)
    try:
        with quietly():
            if kind == "TorchScript":
                network: nn.Module = torch.jit.load(str(path), map_location="cpu").eval()
                return Opened(network, kind, weights_dtype=_dtype(network))
            program = torch.export.load(str(path))
            network = program.module()
    except Exception as error:  # what PyTorch's readers raise of a damaged file is of many kinds
        raise GanError(
            "An own generator is a readable TorchScript or torch.export file",
            f"{path} (a damaged {kind} file: {first_line(error)})",
            "Write it with torch.jit.save or torch.export.save.",
        ) from error
    names = set(program.graph_signature.user_inputs)
    inputs = tuple(node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names)
    return Opened(network, kind, weights_dtype=_dtype(network), inputs=inputs)


def _from_factory(own: OwnGenerator) -> Opened:
    assert own.factory is not None
    module, _, name = own.factory.partition(":")
    try:
        network = getattr(importlib.import_module(module), name)(**own.factory_args)
    except (ImportError, AttributeError, TypeError) as error:
        raise GanError(
            "factory is an importable function, package.module:function, that takes factory_args",
            f"{own.factory} ({error})",
            "Put its package on the path (PYTHONPATH), or correct the name or its factory_args.",
        ) from error
    except Exception as error:  # it is somebody's code, which may raise anything
        raise GanError(
            "factory builds the network that it is asked for",
            f"{own.factory} ({type(error).__name__}: {first_line(error)})",
            "Mend the function, or correct factory_args.",
        ) from error
    if not isinstance(network, nn.Module):
        raise GanError("factory returns an nn.Module", type(network).__name__, "Return the network.")
    with quietly():
        dtype = load_weights(network, own.path, entry=own.entry)
    return Opened(network.eval(), "factory", weights_dtype=dtype)


def _dtype(network: nn.Module) -> torch.dtype:
    return next((parameter.dtype for parameter in network.parameters()), torch.float32)


class Caller:
    """A Caller makes a network's images of inputs BI, as `own` says, in the network's own range and type."""

    def __init__(self, network: nn.Module, own: OwnGenerator) -> None:
        self._network, self._own = network, own
        self._one_by_one = False

    def __call__(self, inputs_BI: Tensor) -> Tensor:
        if self._own.noise_seed is None:
            return self.picked(inputs_BI)
        if self._one_by_one:
            return self._each_alone(inputs_BI)
        return self._side_by_side(inputs_BI)

    def settle(self, inputs_BI: Tensor) -> None:
        """Chooses the fastest way in which noise is the same for every image, whatever else is in its batch."""
        if self._own.noise_seed is None:
            return
        expected = self._each_alone(inputs_BI)
        try:
            found = [self._side_by_side(inputs_BI) for _ in range(3)]  # TorchScript changes its mind after two runs
            self._one_by_one = not all(torch.allclose(one, expected, atol=1e-4, rtol=1e-4) for one in found)
        except Exception:  # vmap does not know every operation that a network may have
            self._one_by_one = True

    def picked(self, inputs_BI: Tensor) -> Tensor:
        """Returns the images of one call of the network."""
        return picked(self.called(inputs_BI), self._own)

    def called(self, inputs_BI: Tensor) -> Any:
        """Returns whatever the network gives back."""
        own, size = self._own, self._own.latent_size
        assert size is not None
        labels = inputs_BI[:, size:] if own.labels else None
        if own.labels and own.labels.form == "index":
            labels = inputs_BI[:, size:].argmax(dim=1)
        return invoke(self._network, own, latents_BL=inputs_BI[:, :size], labels=labels)

    def _each_alone(self, inputs_BI: Tensor) -> Tensor:
        images = []
        for one_1I in inputs_BI.split(1):
            with self._fixed(inputs_BI.device):
                images.append(self.picked(one_1I))
        return torch.cat(images)

    def _side_by_side(self, inputs_BI: Tensor) -> Tensor:
        # Under vmap the network sees a batch of one, and what it draws is drawn once for all.
        with self._fixed(inputs_BI.device):
            images: Tensor = torch.func.vmap(lambda one_I: self.picked(one_I[None])[0], randomness="same")(inputs_BI)
        return images

    @contextmanager
    def _fixed(self, device: torch.device) -> Iterator[None]:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self._own.noise_seed or 0)
            yield


def invoke(network: nn.Module, own: OwnGenerator, *, latents_BL: Tensor, labels: Tensor | None) -> Any:
    """Returns whatever a network gives back of latents BL and labels, BK or B."""
    latents = latents_BL if own.latents == "BL" else latents_BL[:, :, None, None]
    with quietly():
        return network(latents, **own.call) if labels is None else network(latents, labels, **own.call)


def picked(result: Any, own: OwnGenerator) -> Tensor:
    """Returns the images in what a network gave back. Raises GanError where `output` does not say which they are."""
    found = entries(result)
    if own.output is None and isinstance(result, Tensor):
        return result
    if own.output in found and isinstance(found[own.output], Tensor):
        images: Tensor = found[own.output]
        return images
    raise GanError(
        "output is the place or the name of the images in what an own generator gives",
        f"{own.path}: {own.output if own.output is not None else 'none'} for {shapes(result)}",
        "Correct it.",
    )


def entries(result: Any) -> Mapping[str | int | None, Any]:
    """Returns what a network gave back by place or name; a tensor alone has neither."""
    if isinstance(result, Mapping):
        return dict(result)
    return dict(enumerate(result)) if isinstance(result, tuple | list) else {None: result}


def shapes(result: Any) -> str:
    """Returns what a network gave back, for people."""
    if not isinstance(result, Mapping | tuple | list):
        return f"{list(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
    kind = "a dict" if isinstance(result, Mapping) else "a tuple"
    return f"{kind} with " + ", ".join(f"{name}: {shapes(value)}" for name, value in entries(result).items())


def last_line(error: Exception) -> str:
    """Returns the last line of an error's text, where TorchScript says what went wrong."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def first_line(error: Exception) -> str:
    """Returns the first line of an error, or its kind where it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@contextmanager
def quietly() -> Iterator[None]:
    """Keeps a library's warnings from people: what is wrong with a network is said by one error."""
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
