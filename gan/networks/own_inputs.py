"""This module finds what a network takes: from an exported program's inputs, or by trying what its weights allow.

Shapes: B batch, L latent size, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import product
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan.errors import GanError
from gan.networks.latents import LatentSpace
from gan.networks.own_config import Labels, OwnGenerator
from gan.networks.own_network import Opened, entries, invoke, last_line, shapes

_BATCH = 4  # that a size is tried with
_BATCHES = (1, 2, 8, 16, 32, 64)  # that are tried where it is never that one
_MOST = 24  # sizes that are tried, in the order of the weights
_LARGEST, _MOST_CLASSES = 1024, 1000

Shape = Literal["BL", "BL11"]
SHAPES: tuple[Shape, ...] = ("BL", "BL11")
FIXED_BATCH = 'Export it with a batch of any size: dynamic_shapes=({0: torch.export.Dim("batch", min=1)},).'


@dataclass(frozen=True)
class FoundInputs:
    """FoundInputs are what a network takes. about: the same for people, with how it was found."""

    latent_size: int
    latents: Shape
    _: KW_ONLY
    labels: Labels | None = None
    about: str = ""

    def space(self, own: OwnGenerator) -> LatentSpace:
        """Returns what is drawn for it."""
        return LatentSpace(
            latent_size=self.latent_size,
            latent_distribution=own.latent_distribution,
            latent_bound=own.latent_bound,
            num_classes=self.labels.classes if self.labels else 0,
        )


def found_inputs(opened: Opened, own: OwnGenerator) -> FoundInputs:
    """Returns what a network takes, where `own` leaves it out. Raises GanError that names the key to give."""
    search = _Search(opened, own)
    exported = _first(opened.inputs)
    if exported and not isinstance(opened.inputs[0].shape[0], torch.SymInt):
        raise GanError(
            "An own generator takes a batch of any size", f"{own.path}: one of {opened.inputs[0].shape[0]}", FIXED_BATCH
        )
    for size, latents in [exported] if exported and own.latent_size is None else search.candidates():
        for labels in search.labels(size, latents):
            how = "as the exported program says" if exported else "found by trying the sizes of its weights"
            about = f"latents {latents}, L = {size} ({'as given' if own.latent_size else how})"
            if labels:
                about += f", and labels of {labels.classes} classes, {labels.form}"
            return FoundInputs(size, latents, labels=labels, about=about)
    raise search.failure()


def _first(inputs: tuple[Tensor, ...]) -> tuple[int, Shape] | None:
    """Returns what a program says of its first input."""
    if not inputs or inputs[0].ndim not in (2, 4) or not inputs[0].is_floating_point():
        return None
    return int(inputs[0].shape[1]), "BL" if inputs[0].ndim == 2 else "BL11"


class _Search:
    """A search tries a network on latents and labels of the sizes that its weights allow."""

    def __init__(self, opened: Opened, own: OwnGenerator) -> None:
        self._network, self._own, self._inputs = opened.network, own, opened.inputs
        own_sizes = list(dict.fromkeys(_sizes(opened.network)))[:_MOST]
        beside = list(dict.fromkeys(_beside_labels(opened.network, own_sizes)))[:_MOST]
        self._sizes = list(dict.fromkeys([*own_sizes, *beside]))

    def candidates(self) -> Iterator[tuple[int, Shape]]:
        """Yields the sizes and shapes of latents that may be taken, the likeliest first."""
        own = self._own
        shapes: tuple[Shape, ...] = (own.latents,) if "latents" in own.model_fields_set else SHAPES
        yield from product([own.latent_size] if own.latent_size else self._sizes, shapes)

    def labels(self, size: int, latents: Shape, *, batch: int = _BATCH) -> Iterator[Labels | None]:
        """Yields the labels with which latents of that size and shape are taken: those given, none, or any found."""
        own = self._own.model_copy(update={"latents": latents})
        latents_BL = torch.randn(batch, size, generator=torch.Generator().manual_seed(0))

        def works(labels: Tensor | None) -> bool:
            return _works(self._network, own, latents_BL=latents_BL, labels=labels)

        if own.labels:
            index_B = torch.zeros(batch, dtype=torch.int64)
            one_hot_BK = torch.eye(own.labels.classes)[index_B]
            if works(one_hot_BK if own.labels.form == "one-hot" else index_B):
                yield own.labels
        elif works(None):
            yield None
        elif works(torch.zeros(batch, dtype=torch.int64)):
            yield Labels(classes=self._classes(latents_BL, own), form="index")
        else:
            found = [classes for classes in self._one_hot(size) if works(torch.eye(classes)[[0] * batch])]
            if found:
                self._require_one(latents_BL, own, classes=found[0])
                yield Labels(classes=found[0], form="one-hot")

    def failure(self) -> GanError:
        """Returns the error of a network that takes nothing of what was tried."""
        own = self._own
        for batch, (size, latents) in product(_BATCHES, self.candidates()):
            if self._takes(size, latents, batch=batch):
                return GanError(
                    "An own generator takes a batch of any size", f"{own.path}: one of {batch}", FIXED_BATCH
                )
        if own.latent_size is None:
            tried = ", ".join(map(str, self._sizes)) or "none"
            remedy = "Give latent_size, and labels where it takes classes."
            return GanError("latent_size is that of the generator", f"{own.path}: tried {tried} in vain", remedy)
        rule = f"An own generator takes latents {own.latents} with L = {own.latent_size}"
        taken = [size for size, latents in product(self._sizes, SHAPES) if self._takes(size, latents)]
        found = f"it takes {taken[0]}" if taken else f"it takes none of these ({self._complaint()})"
        return GanError(rule, f"{own.path}: {found}", "Correct latent_size, latents, labels or call.")

    def _complaint(self) -> str:
        """Returns what the network says of the inputs as they are stated."""
        own, size = self._own, self._own.latent_size
        assert size is not None, "where it is not stated, sizes are what was tried"
        labels = torch.zeros(_BATCH, dtype=torch.int64) if own.labels else None
        if own.labels and own.labels.form == "one-hot":
            labels = torch.eye(own.labels.classes)[[0] * _BATCH]
        try:
            result = invoke(self._network, own, latents_BL=torch.zeros(_BATCH, size), labels=labels)
        except Exception as error:  # a network of any kind raises errors of any kind
            return last_line(error)
        return f"it gives {shapes(result)}"

    def _takes(self, size: int, latents: Shape, *, batch: int = _BATCH) -> bool:
        try:
            return any(True for _ in self.labels(size, latents, batch=batch))
        except GanError:  # it takes them, and more
            return True

    def _one_hot(self, latent_size: int) -> list[int]:
        """Returns how many classes a one-hot label may have: as the exported program says, or the weights allow."""
        if len(self._inputs) > 1:
            return [int(self._inputs[1].shape[1])] if self._inputs[1].ndim == 2 else []
        beside = [size - latent_size for size in self._sizes]
        return [size for size in dict.fromkeys([*self._sizes, *beside]) if 0 < size <= _MOST_CLASSES]

    def _classes(self, latents_BL: Tensor, own: OwnGenerator) -> int:
        """Returns the least label that is not taken as an index, which is the number of classes."""

        def works(label: int) -> bool:
            return _works(self._network, own, latents_BL=latents_BL, labels=torch.full((len(latents_BL),), label))

        if works(_MOST_CLASSES):
            remedy = "Give labels: {classes: ..., as: index}."
            raise GanError("labels are of at most 1,000 classes", f"{own.path}: it takes any label", remedy)
        low, high = 0, _MOST_CLASSES  # the first is taken, the second is not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if works(middle) else (low, middle)
        return high

    def _require_one(self, latents_BL: Tensor, own: OwnGenerator, *, classes: int) -> None:
        """Raises GanError where a latent and a label that are one longer and one shorter would do as well."""
        if len(self._inputs) > 1 or self._own.latent_size is not None or classes < 2:
            return
        longer_BL, shorter_BK = F.pad(latents_BL, (0, 1)), torch.eye(classes - 1)[[0] * len(latents_BL)]
        if _works(self._network, own, latents_BL=longer_BL, labels=shorter_BK):
            raise GanError(
                "latent_size and labels are those of the generator",
                f"{own.path}: {latents_BL.shape[1] + classes} columns of both together",
                "Give latent_size, and labels: {classes: ..., as: one-hot}.",
            )


def _works(network: nn.Module, own: OwnGenerator, *, latents_BL: Tensor, labels: Tensor | None) -> bool:
    """Returns whether a network takes latents and labels and gives something of each of them."""
    try:
        result = invoke(network, own, latents_BL=latents_BL, labels=labels)
    except Exception:  # a network of any kind raises errors of any kind
        return False
    return any(
        isinstance(value, Tensor) and value.ndim > 1 and len(value) == len(latents_BL)
        for value in entries(result).values()
    )


def _sizes(network: nn.Module) -> Iterator[int]:
    """Yields the sizes that the weights of a network have, those that an input may have first."""
    weights = [parameter for parameter in network.parameters() if parameter.ndim in (2, 4)]
    for place in (1, 0):  # what comes in is second in a linear layer, and first in a transposed convolution
        for weight in weights:
            size = weight.shape[place if weight.ndim == 2 else 1 - place]
            if 1 < size <= _LARGEST:
                yield size


def _beside_labels(network: nn.Module, sizes: Sequence[int]) -> Iterator[int]:
    """Yields what a layer that takes a latent and a label's embedding leaves for the latent."""
    embeddings = {parameter.shape[1] for parameter in network.parameters() if parameter.ndim == 2}
    for size, width in product(sizes, sorted(embeddings)):
        if size - width > 1:
            yield size - width
