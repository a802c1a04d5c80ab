"""This module has the card of an export: what a file is, what it was made of, and what a page or a device must know."""

import math
import operator
from typing import Literal, Self

from pydantic import Field

from gan.config import Config
from gan.deployment.latency import DrawingCosts
from gan.images import ImageSize
from gan.networks.artifacts import GeneratorCard, ImportedCard
from gan.networks.bits import Bits
from gan.networks.dcgan import GeneratorConfig
from gan.networks.imported import ImageShape
from gan.networks.latents import Distribution, LatentSpace

INPUT, OUTPUT = "latent", "images"  # of every export
BATCH = "N"  # the name of the axis of any length
LARGEST_BATCH = 64  # of a format that has one
OPSET = 17  # of 2022: every runtime of today reads it
Format = Literal[
    "onnx",
    "onnx-fp16",
    "onnx-int8",
    "onnx-int8-static",
    "onnx-packed",
    "torch-export",
    "litert",
    "litert-int8",
    "executorch",
]
Axis = int | Literal["N"]  # N is a batch of any size


def _is_none(value: object) -> bool:
    return value is None


class DeployedInput(Config):
    """A DeployedInput says what an export takes: latents, and classes one-hot in the columns behind them.

    The distribution is as `LatentSpace` says, and its bound is stated wherever there is one.

    >>> DeployedInput.of(LatentSpace(latent_size=8, num_classes=10)).shape
    ('N', 18)
    """

    name: str = INPUT
    dtype: Literal["float32"] = "float32"
    shape: tuple[Axis, Axis]
    latent_size: int
    distribution: Distribution
    bound: float | None
    classes: int

    @classmethod
    def of(cls, space: LatentSpace) -> Self:
        return cls(
            shape=("N", space.input_size),
            latent_size=space.latent_size,
            distribution=space.latent_distribution,
            bound=None if math.isinf(space.bound) else space.bound,
            classes=space.num_classes,
        )


class DeployedOutput(Config):
    """A DeployedOutput says what an export gives: images, float32 in [-1, 1].

    >>> DeployedOutput.of(student).shape
    ('N', 1, 16, 16)
    """

    name: str = OUTPUT
    dtype: Literal["float32"] = "float32"
    shape: tuple[Axis, Literal[1, 3], ImageSize, ImageSize]
    range: tuple[float, float] = (-1.0, 1.0)

    @classmethod
    def of(cls, config: GeneratorConfig | ImageShape) -> Self:
        return cls(shape=("N", config.image_channels, config.image_size, config.image_size))


class Origin(Config):
    """An Origin says where a generator came from: its weights, and its place in a registry or a sweep where known.

    `metrics` are its own before it was exported, measured under `protocol_digest`. `teacher` is the version that it
    learnt from, `model` its own name in the registry.

    >>> Origin(weights_digest="its SHA-256", dataset="digits", sweep="digits", trial=12).model is None
    True
    """

    weights_digest: str  # SHA-256
    dataset: str
    protocol_digest: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    model: str | None = None
    sweep: str | None = None
    trial: int | None = None
    trial_key: str | None = None  # the trial's identity
    teacher: str | None = None

    @classmethod
    def of(cls, card: GeneratorCard | ImportedCard) -> Self:
        """Returns what the card of a stored generator says of it."""
        return cls(
            weights_digest=card.weights_digest,
            dataset=card.dataset,
            protocol_digest=card.protocol_digest,
            metrics=card.metrics,
        )


class DeploymentCard(Config):
    """A DeploymentCard says what an export is: enough to run it, to check it and to know how it came about.

    operators: what ONNX Runtime computes on this CPU after its optimisations, by kind; int8_operators: those of them
    that compute in 8 bits. largest_batch: that the file takes at once, if there is one; run.py draws more in pieces.
    bits: of each weight, where the generator learnt with so few. largest_difference, rms_difference: of its images from
    the original's at `checked_latents` latents, in [-1, 1]. compressed_bytes: of the file as zlib has it, which is what
    a download takes. metrics: of the export's own images under the protocol, where they were measured; `absent` says
    why one cannot be had. measured: what it took where it was measured last.

    >>> origin = Origin(weights_digest="its SHA-256", dataset="digits")
    >>> stated = deploy_generator(folder / "carded", teacher, origin=origin)
    >>> stated.input.name, stated.output.name, stated.opset
    ('latent', 'images', 17)
    """

    kind: Literal["deployment"] = "deployment"
    version: int = 1  # of this card
    format: Format
    file: str
    file_digest: str  # SHA-256
    file_bytes: int
    compressed_bytes: int
    opset: int | None = Field(default=None, exclude_if=_is_none)
    largest_batch: int | None = Field(default=None, exclude_if=_is_none)
    operators: dict[str, int] | None = Field(default=None, exclude_if=_is_none)
    int8_operators: dict[str, int] | None = Field(default=None, exclude_if=_is_none)
    bits: Bits | None = Field(default=None, exclude_if=_is_none)
    architecture: GeneratorConfig | ImageShape
    parameters: int
    input: DeployedInput
    output: DeployedOutput
    origin: Origin
    producers: dict[str, str]  # packages, and their versions
    checked_latents: int
    checked_batches: tuple[int, ...]
    largest_difference: float
    rms_difference: float
    protocol_digest: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    absent: dict[str, str] = Field(default_factory=dict, exclude_if=operator.not_)
    measured: DrawingCosts | None = Field(default=None, exclude_if=_is_none)
