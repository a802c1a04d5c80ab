"""This module imports a generator of the user's own: TorchScript, torch.export, or a factory with safetensors.

Shapes: B batch, L latent size, C H W image channels, height and width. The latents are N(0, I).
"""

import importlib
import zipfile
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gan.config import Config
from gan.errors import GanError
from gan.images import ImageSize
from gan.networks.dcgan import Generator
from gan.networks.latents import LatentSpace

_CHECKED = 32  # images that a generator is tried on
_COVERED = 0.25  # of the declared range that they must fill, or another range was meant


class ImportedConfig(Config):
    """An ImportedConfig says where a generator comes from, and what goes in and comes out.

    file: a TorchScript archive, or one of torch.export with a batch of any size (.pt2); else
    factory: `package.module:function`, which returns an nn.Module without weights, and
    weights: a safetensors file of its state.
    latents: the shape it takes, BL or BL11. output_range: its images' least and greatest value.
    kimg: thousand images that it was trained on, where that is known; for comparisons alone.

    >>> ImportedConfig(file="generator.pt2", latent_size=8, output_range=(0.0, 1.0)).path.name
    'generator.pt2'
    """

    file: str | None = None
    factory: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    weights: str | None = None
    latent_size: Annotated[int, Field(ge=1, le=1024)]
    latents: Literal["BL", "BL11"] = "BL"
    output_range: tuple[float, float]
    kimg: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        by_factory = self.factory is not None and self.weights is not None
        if (self.file is not None) == by_factory or (self.factory is None) != (self.weights is None):
            raise ValueError("an own generator is given by file, or by factory and weights; give one of the two")
        if self.output_range[0] >= self.output_range[1]:
            raise ValueError(f"output_range is least, greatest; got {list(self.output_range)}")
        return self

    @property
    def space(self) -> LatentSpace:
        """Returns what the generator takes."""
        return LatentSpace(latent_size=self.latent_size)

    @property
    def path(self) -> Path:
        """Returns the file with the weights."""
        return Path(self.file or self.weights or "").expanduser()


class ImageShape(LatentSpace):
    """An ImageShape says what a generator takes and makes, as `GeneratorConfig` does for ours."""

    image_channels: Literal[1, 3]
    image_size: ImageSize


class ImportedGenerator(nn.Module):
    """An imported generator maps latents BL ~ N(0, I) to images BCHW in [-1, 1], by a network of any kind.

    >>> generator = load_imported(ImportedConfig(file=str(own), latent_size=8, output_range=(-1.0, 1.0)))
    >>> generator(pool_latents(4, 8, seed=0)).shape
    torch.Size([4, 1, 16, 16])
    """

    def __init__(self, network: nn.Module, imported: ImportedConfig) -> None:
        super().__init__()
        self.network, self.imported = network, imported
        self.config = self._checked_shape()

    def forward(self, latents_BL: Tensor) -> Tensor:
        low, high = self.imported.output_range
        images_BCHW: Tensor = (self._raw(latents_BL).float() - low) * (2 / (high - low)) - 1
        return images_BCHW

    def _raw(self, latents_BL: Tensor) -> Tensor:
        images: Tensor = self.network(latents_BL if self.imported.latents == "BL" else latents_BL[:, :, None, None])
        return images

    @torch.no_grad()
    def _checked_shape(self) -> ImageShape:
        random = torch.Generator().manual_seed(0)
        latents_BL = torch.randn(_CHECKED, self.imported.latent_size, generator=random)
        name = self.imported.path
        try:
            first, again, part = self._raw(latents_BL), self._raw(latents_BL), self._raw(latents_BL[:3])
        except Exception as error:  # a network of any kind raises errors of any kind
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            rule = f"An own generator takes latents {self.imported.latents} with L = {self.imported.latent_size}"
            raise GanError(
                rule, f"{name}: {reason}", "Correct latent_size or latents; export it with a dynamic batch."
            ) from error
        if not isinstance(first, Tensor) or first.ndim != 4 or first.shape[1] not in (1, 3):
            raise _wrong(
                "An own generator makes images BCHW of 1 or 3 channels", name, found=getattr(first, "shape", first)
            )
        height, width = first.shape[2:]
        if height != width or height not in get_args(ImageSize):
            raise _wrong(
                f"An own generator makes square images of {', '.join(map(str, get_args(ImageSize)))} pixels",
                name,
                found=f"{height}x{width}",
                remedy="Wrap it in a module that crops or resizes them.",
            )
        if not first.isfinite().all():
            raise _wrong("An own generator makes finite images", name, found="NaN or infinity")
        if not torch.equal(first, again) or not torch.allclose(first[:3], part, atol=1e-3):
            raise _wrong(
                "An own generator makes one image of one latent, in any batch", name, found="another each time",
                remedy="Put it into eval mode before you export it, and remove its noise inputs.",
            )  # fmt: skip
        self._require_range(first)
        return ImageShape.model_validate(
            {
                "latent_size": self.imported.latent_size,
                "image_channels": first.shape[1],
                "image_size": first.shape[2],
            }
        )

    def _require_range(self, images_BCHW: Tensor) -> None:
        low, high = self.imported.output_range
        least, most = images_BCHW.min().item(), images_BCHW.max().item()
        slack = 1e-3 * (high - low)
        if least < low - slack or most > high + slack or most - least < _COVERED * (high - low):
            raise _wrong(
                f"An own generator's images lie in output_range {[low, high]} and fill at least a quarter of it",
                self.imported.path,
                found=f"{least:.3g} to {most:.3g}",
                remedy="Declare the range that it makes.",
            )


AnyGenerator = Generator | ImportedGenerator


def load_imported(imported: ImportedConfig) -> ImportedGenerator:
    """Returns the generator of `imported`, checked, in eval mode. Its file is code: load only one that you trust.

    Raises GanError for a file that cannot be loaded, and where it takes or makes something else than declared.

    >>> imported = ImportedConfig(file=str(own), latent_size=8, output_range=(-1.0, 1.0))
    >>> load_imported(imported).config.image_channels
    1
    """
    network = _from_factory(imported) if imported.factory else _from_file(imported.path)
    parameters = list(network.parameters())
    if not parameters:
        remedy = "Store it without freezing or constant folding."
        raise _wrong(
            "An own generator has parameters, which compression is measured by",
            imported.path,
            found="none",
            remedy=remedy,
        )
    for parameter in parameters:
        parameter.requires_grad = False
    return ImportedGenerator(network, imported)


def _from_file(path: Path) -> nn.Module:
    try:
        with zipfile.ZipFile(path) as archive:
            scripted = any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())
        if scripted:
            network: nn.Module = torch.jit.load(str(path), map_location="cpu")
            return network.eval()
        return torch.export.load(str(path)).module()
    except (OSError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GanError(
            "An own generator is a readable TorchScript or torch.export file",
            f"{path} ({reason})",
            "Write it with torch.jit.save or torch.export.save.",
        ) from error


def _from_factory(imported: ImportedConfig) -> nn.Module:
    assert imported.factory is not None
    module, _, name = imported.factory.partition(":")
    try:
        network = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, TypeError) as error:
        raise GanError(
            "factory is an importable function without arguments, package.module:function",
            f"{imported.factory} ({error})",
            "Put its package on the path (PYTHONPATH), or correct the name.",
        ) from error
    if not isinstance(network, nn.Module):
        raise GanError("factory returns an nn.Module", type(network).__name__, "Return the network.")
    try:
        network.load_state_dict(load_file(imported.path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise GanError(
            "weights are a safetensors file of the factory's network",
            f"{imported.path} ({str(error).splitlines()[0]})",
            "Save them with safetensors.torch.save_model.",
        ) from error
    return network.eval()


def _wrong(rule: str, path: Path, *, found: object, remedy: str = "Wrap it in a module that does.") -> GanError:
    return GanError(rule, f"{path}: {found}", remedy)
