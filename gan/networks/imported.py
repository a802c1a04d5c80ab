"""This module makes a generator of the user's own one of ours: checked, and with images in [-1, 1].

Shapes: B batch, I columns of a generator's inputs, C H W image channels, height and width.
"""

from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from gan.errors import GanError
from gan.images import ImageSize
from gan.networks.dcgan import Generator
from gan.networks.latents import LatentSpace
from gan.networks.own_config import ImportedConfig
from gan.networks.own_inputs import FIXED_BATCH
from gan.networks.own_network import Caller, first_line, open_network

_CHECKED = 32  # images that a generator is tried on
_COVERED = 0.25  # of a range that they must fill, or another range was meant
_SLACK = 1e-3  # of a range, beyond it
Range = tuple[float, float]
BYTES: Range = (0.0, 255.0)
RANGES: tuple[Range, ...] = ((0.0, 1.0), (-1.0, 1.0), BYTES)  # the first that images fill is meant
_SIZES = (1, 2, 4, 8, 16, 64)  # of a batch, tried where it takes not every one


class ImageShape(LatentSpace):
    """An ImageShape says what a generator takes and makes, as `GeneratorConfig` does for ours."""

    image_channels: Literal[1, 3]
    image_size: ImageSize


class ImportedGenerator(nn.Module):
    """An imported generator maps inputs BI, which its `config` draws, to images BCHW in [-1, 1].

    The network is of any kind and runs in float32, whatever its weights were stored in.

    >>> generator = load_imported(ImportedConfig(file=str(own), latent_size=8, output_range=(-1.0, 1.0)))
    >>> generator(pool_latents(4, 8, seed=0)).shape
    torch.Size([4, 1, 16, 16])
    """

    def __init__(self, network: nn.Module, imported: ImportedConfig) -> None:
        super().__init__()
        self.network, self.imported = network, imported
        self._caller = Caller(network, imported)
        self.config = self._checked_shape()

    def forward(self, inputs_BI: Tensor) -> Tensor:
        low, high = self.imported.output_range
        images_BCHW: Tensor = (self._caller(inputs_BI).float() - low) * (2 / (high - low)) - 1
        return images_BCHW

    @torch.no_grad()
    def _checked_shape(self) -> ImageShape:
        space, name = self.imported.space, self.imported.path
        inputs_BI = space.draw(_CHECKED, torch.Generator().manual_seed(0), labels=torch.Generator().manual_seed(1))
        first, again, part = self._tried(inputs_BI)
        if first.ndim != 4 or len(first) != _CHECKED or first.shape[1] not in (1, 3):
            raise _wrong("An own generator makes images BCHW of 1 or 3 channels", name, found=list(first.shape))
        channels, height, width = first.shape[1:]
        if height != width or height not in get_args(ImageSize):
            raise _wrong(
                f"An own generator makes square images of {', '.join(map(str, get_args(ImageSize)))} pixels",
                name,
                found=f"{height}x{width}",
                remedy="Wrap it in a module that crops or resizes them.",
            )
        if not first.isfinite().all():
            raise _wrong("An own generator makes finite images", name, found="NaN or infinity")
        if not torch.equal(first, again) or not torch.allclose(first[:3].float(), part.float(), atol=self._tolerance):
            raise _wrong(
                "An own generator makes one image of one latent, in any batch", name, found="another each time",
                remedy="Put it into eval mode before you export it. Where it draws noise, give noise_seed: 0, or the "
                "argument that fixes it, `call: {noise_mode: const}` for StyleGAN.",
            )  # fmt: skip
        self._require_range(first)
        shape = {**space.model_dump(), "image_channels": channels, "image_size": height}
        return ImageShape.model_validate(shape)

    @property
    def _tolerance(self) -> float:
        """Returns how far rounding may bring two makings of one image apart: a thousandth, or one grey level."""
        low, high = self.imported.output_range
        return max(1e-3, (high - low) / 255)

    def _tried(self, inputs_BI: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns images twice, and the first three of them in a batch of their own."""
        try:
            self._caller.settle(inputs_BI[:3])
            return self._caller(inputs_BI), self._caller(inputs_BI), self._caller(inputs_BI[:3])
        except GanError:
            raise
        except Exception as error:  # a network of any kind raises errors of any kind
            imported, sizes = self.imported, self._sizes(inputs_BI)
            if sizes:
                raise _wrong(
                    "An own generator takes a batch of any size",
                    imported.path,
                    found=f"one of {', '.join(map(str, sizes))} alone",
                    remedy=FIXED_BATCH,
                ) from error
            labels = (
                f" and labels of {imported.labels.classes} classes, {imported.labels.form}," if imported.labels else ""
            )
            raise _wrong(
                f"An own generator takes latents {imported.latents} with L = {imported.latent_size}{labels}",
                imported.path,
                found=first_line(error),
                remedy="Correct latent_size, latents, labels or call: `ganlimit teacher inspect` finds what it takes.",
            ) from error

    def _sizes(self, inputs_BI: Tensor) -> list[int]:
        """Returns the sizes of a batch that it does take."""
        taken = []
        for size in _SIZES:
            try:
                self._caller(inputs_BI[:1].repeat(size, 1))
                taken.append(size)
            except Exception:
                continue
        return taken

    def _require_range(self, images_BCHW: Tensor) -> None:
        declared, path = self.imported.output_range, self.imported.path
        least, most = images_BCHW.min().item(), images_BCHW.max().item()
        if not fill(images_BCHW, declared):
            raise _wrong(
                f"An own generator's images lie in output_range {list(declared)} and fill at least a quarter of it",
                path,
                found=f"{least:.3g} to {most:.3g}",
                remedy="Declare the range that it makes, or wrap it in a module that clamps its images to one.",
            )
        meant = meant_range(images_BCHW)
        # A range of somebody's own is taken at their word; whole numbers and the customary ranges are known better.
        if meant != declared and (declared in RANGES or not images_BCHW.is_floating_point()):
            raise _wrong(
                "An own generator's output_range is the one that its images fill",
                path,
                found=f"images lie in {_interval(meant or BYTES)}, declared {_interval(declared)}",
                remedy="Declare the former, or leave output_range out.",
            )


def meant_range(images_BCHW: Tensor) -> Range | None:
    """Returns the first customary range that images fill, of whole numbers always that of bytes; None for no such."""
    if not images_BCHW.is_floating_point():
        return BYTES
    return next((each for each in RANGES if fill(images_BCHW, each)), None)


def fill(images_BCHW: Tensor, output_range: Range) -> bool:
    """Returns whether images lie in a range, and reach over enough of it that no other can be meant."""
    (low, high), least, most = output_range, images_BCHW.min().item(), images_BCHW.max().item()
    width = high - low
    is_within = least >= low - _SLACK * width and most <= high + _SLACK * width
    return is_within and most - least >= _COVERED * width


def _interval(output_range: Range) -> str:
    low, high = output_range
    return f"[{low:g}, {high:g}]"


AnyGenerator = Generator | ImportedGenerator


def load_imported(imported: ImportedConfig) -> ImportedGenerator:
    """Returns the generator of `imported`, checked, in eval mode. Its file is code: load only one that you trust.

    Raises GanError for a file that cannot be loaded, and where it takes or makes something else than declared.

    >>> imported = ImportedConfig(file=str(own), latent_size=8, output_range=(-1.0, 1.0))
    >>> load_imported(imported).config.image_channels
    1
    """
    return ImportedGenerator(open_network(imported).network, imported)


def _wrong(rule: str, path: Path, *, found: object, remedy: str = "Wrap it in a module that does.") -> GanError:
    return GanError(rule, f"{path}: {found}", remedy)
