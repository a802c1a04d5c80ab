"""This module states where a generator of the user's own comes from, how it is called, and what it gives back."""

import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from gan.config import Config, PathText
from gan.networks.latents import Distribution, LatentSize, LatentSpace, require_bounded


def _is(default: object) -> Callable[[object], bool]:
    """Returns when a field is left out of every dump: at its default, so that identities stay as they were."""
    return partial(operator.eq, default)


class Labels(Config):
    """Labels say of how many classes a generator is, and whether it takes them `one-hot`, BK, or as an `index`, B.

    >>> Labels.model_validate({"classes": 10, "as": "index"}).form
    'index'
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_alias=True, validate_by_name=True)

    classes: Annotated[int, Field(ge=1, le=1000)]
    form: Annotated[Literal["one-hot", "index"], Field(alias="as")] = "one-hot"


class OwnGenerator(Config):
    """An OwnGenerator says where a generator comes from, and what is known of how it is called.

    file: a TorchScript archive, or one of torch.export with a batch of any size (.pt2); else
    factory: `package.module:function`, which with `factory_args` by name returns an nn.Module, and
    weights: its state, a safetensors file or a pickle of tensors alone; entry: the part of it that is the generator's.
    It is called as network(latents), or network(latents, labels), with the arguments `call` by name.
    latents: the shape it takes, BL or BL11, drawn as `LatentSpace` says.
    output: the name or the place of the images in the dict or tuple that it gives. output_range: their least and
    greatest value. noise_seed: fixes what it draws itself, the same for every image.
    kimg: thousand images that it was trained on, where that is known; for comparisons alone.

    >>> OwnGenerator(file="generator.pt2").latent_size is None
    True
    """

    file: PathText | None = None
    factory: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    factory_args: dict[str, JsonValue] = Field(default={}, exclude_if=_is({}))
    weights: PathText | None = None
    entry: str | None = Field(default=None, exclude_if=_is(None))
    latent_size: LatentSize | None = None
    latents: Literal["BL", "BL11"] = "BL"
    latent_distribution: Distribution = Field(default="normal", exclude_if=_is("normal"))
    latent_bound: Annotated[float, Field(gt=0)] | None = Field(default=None, exclude_if=_is(None))
    labels: Labels | None = Field(default=None, exclude_if=_is(None))
    call: dict[str, JsonValue] = Field(default={}, exclude_if=_is({}))
    output: str | int | None = Field(default=None, exclude_if=_is(None))
    output_range: tuple[float, float] | None = None
    noise_seed: Annotated[int, Field(ge=0)] | None = Field(default=None, exclude_if=_is(None))
    kimg: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        by_factory = self.factory is not None and self.weights is not None
        if (self.file is not None) == by_factory or (self.factory is None) != (self.weights is None):
            raise ValueError("an own generator is given by file, or by factory and weights; give one of the two")
        if self.factory is None and (self.factory_args or self.entry is not None):
            raise ValueError("factory_args and entry are of a factory and its weights; leave them out beside file")
        if self.output_range and self.output_range[0] >= self.output_range[1]:
            raise ValueError(f"output_range is least, greatest; got {list(self.output_range)}")
        require_bounded(self.latent_distribution, self.latent_bound)
        return self

    @property
    def is_whole(self) -> bool:
        """Returns whether it says all that `load_imported` needs."""
        return self.latent_size is not None and self.output_range is not None

    @property
    def path(self) -> Path:
        """Returns the file with the weights."""
        return Path(self.file or self.weights or "").expanduser()


class ImportedConfig(OwnGenerator):
    """An ImportedConfig is an OwnGenerator of which everything is known that `load_imported` needs.

    >>> ImportedConfig(file="generator.pt2", latent_size=8, output_range=(0.0, 1.0)).path.name
    'generator.pt2'
    """

    latent_size: LatentSize
    output_range: tuple[float, float]

    @property
    def space(self) -> LatentSpace:
        """Returns what the generator takes."""
        return LatentSpace(
            latent_size=self.latent_size,
            latent_distribution=self.latent_distribution,
            latent_bound=self.latent_bound,
            num_classes=self.labels.classes if self.labels else 0,
        )
