"""This module finds out what a generator of the user's own takes and makes, as far as its file or a trial tells.

Shapes: B batch, I columns of a generator's inputs, L latent size, K classes, C H W image channels, height and width.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan.errors import GanError
from gan.images import to_uint8
from gan.networks.imported import ImportedGenerator, Range, meant_range
from gan.networks.own_config import ImportedConfig, OwnGenerator
from gan.networks.own_inputs import FoundInputs, found_inputs
from gan.networks.own_network import Caller, entries, open_network, shapes

_SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class GeneratorReport:
    """A GeneratorReport says what a generator of the user's own is, and how that was found.

    imported: all that `load_imported` needs. parameters: of its network. weights_dtype: as stored; it runs in float32.
    inputs, output: what it takes and gives, for people. output_dtype, least, most: of its images before they are ours.
    is_deterministic: whether it draws nothing itself. samples: 64 images, uint8 NCHW.

    >>> report = inspect_generator(OwnGenerator(file=str(own)))
    >>> report.imported.latent_size, report.imported.output_range
    (8, (-1.0, 1.0))
    """

    imported: ImportedConfig
    kind: str
    parameters: int
    weights_dtype: str
    inputs: str
    output: str
    output_dtype: str
    image_channels: int
    image_size: int
    least: float
    most: float
    is_deterministic: bool
    samples: Tensor


def inspect_generator(own: OwnGenerator) -> GeneratorReport:
    """Returns what a generator is; what `own` leaves out is found out. Its file is code: open only one that you trust.

    Raises GanError where it cannot be taken, and where something cannot be found: it names the key to give.

    >>> inspect_generator(OwnGenerator(file=str(own))).parameters
    2304
    """
    opened = open_network(own)
    with torch.no_grad():
        inputs = found_inputs(opened, own)
        known = own.model_copy(
            update={"latent_size": inputs.latent_size, "latents": inputs.latents, "labels": inputs.labels}
        )
        inputs_BI = _inputs(known, inputs)
        result = Caller(opened.network, known).called(inputs_BI)
        known = known.model_copy(update={"output": _output(known, result)})
        caller = Caller(opened.network, known)
        images_BCHW, again_BCHW = caller.picked(inputs_BI), caller.picked(inputs_BI)
        imported = ImportedConfig.model_validate(
            {**_given(known), "output_range": own.output_range or _range(known, images_BCHW)}
        )
        generator = ImportedGenerator(opened.network, imported)
        samples_NCHW = to_uint8(generator(inputs_BI))
    return GeneratorReport(
        imported=imported,
        kind=opened.kind,
        parameters=sum(parameter.numel() for parameter in opened.network.parameters()),
        weights_dtype=_name(opened.weights_dtype),
        inputs=inputs.about,
        output=shapes(result),
        output_dtype=_name(images_BCHW.dtype),
        image_channels=generator.config.image_channels,
        image_size=generator.config.image_size,
        least=images_BCHW.min().item(),
        most=images_BCHW.max().item(),
        is_deterministic=torch.equal(images_BCHW, again_BCHW),
        samples=samples_NCHW,
    )


def filled_generator(own: OwnGenerator) -> ImportedConfig:
    """Returns all that `load_imported` needs: what is given, and what of the rest is found out.

    Raises GanError as `inspect_generator` does.

    >>> filled_generator(OwnGenerator(file=str(own))).latents
    'BL'
    """
    if own.is_whole:
        return ImportedConfig.model_validate(_given(own))  # what is stated whole is checked where it is loaded
    return inspect_generator(own).imported


def _given(own: OwnGenerator) -> dict[str, Any]:
    return {name: getattr(own, name) for name in OwnGenerator.model_fields}


def _inputs(own: OwnGenerator, found: FoundInputs) -> Tensor:
    space = found.space(own)
    return space.draw(_SAMPLES, torch.Generator().manual_seed(0), labels=torch.Generator().manual_seed(1))


def _output(own: OwnGenerator, result: Any) -> str | int | None:
    """Returns which of what a network gives are the images: the only one that could be."""
    if own.output is not None or isinstance(result, Tensor):
        return own.output
    found = [name for name, value in entries(result).items() if _could_be_images(value)]
    if len(found) == 1:
        return found[0]
    several = "it is not clear which" if found else "none is BCHW of 1 or 3 channels"
    raise GanError(
        "output says which of what an own generator gives are its images",
        f"{own.path}: {shapes(result)}; {several}",
        "Give `output`, a name or a place." if found else "Wrap it in a module that gives its images.",
    )


def _could_be_images(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.shape[1] in (1, 3)


def _range(own: OwnGenerator, images_BCHW: Tensor) -> Range:
    """Returns the range that a network's images have."""
    if found := meant_range(images_BCHW):
        return found
    least, most = images_BCHW.min().item(), images_BCHW.max().item()
    raise GanError(
        "An own generator's images lie in [0, 1], [-1, 1] or [0, 255], or in the output_range that is given",
        f"{own.path}: {least:.3g} to {most:.3g}",
        "Wrap it in a module that clamps its images to one of them, or give output_range.",
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
