"""This module is the DCGAN generator family of the paper.

Shapes: B batch, I columns of a generator's inputs (latents, then classes one-hot), K classes, C image channels, H and W
image height and width. Generators map inputs BI to images BCHW in [-1, 1].
"""

from collections.abc import Callable
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from gan.images import ImageSize, doublings, first_map_size
from gan.networks.blocks import BLOCKS, DEFAULT_BLOCK, DEVIATION, BlockName, Factor
from gan.networks.latents import LatentSize, LatentSpace
from gan.seeds import build_seeded

WIDEST, GREATEST_DEPTH = 1024, 8
Width = Annotated[int, Field(ge=1, le=WIDEST)]
Depth = Annotated[int, Field(ge=1, le=GREATEST_DEPTH)]
STAGES = 6  # of the largest images
StageWidth = Annotated[int, Field(ge=1, le=WIDEST * 2 ** (STAGES - 1))]


def _is_none(value: object) -> bool:
    return value is None


class GeneratorConfig(LatentSpace):
    """A GeneratorConfig describes a DCGAN generator, and what it takes.

    Channels run inputs -> 2^(s-1) w -> ... -> 2w -> w -> image over s doublings of a first map, with
    `width` w (the paper's depth scale factor d), so that one number sets the size. `depth` is the
    number of convolution layers per resolution stage; 1 is the paper's DCGAN, more adds 3x3
    convolutions after each stage's transposed convolution. `block` chooses the convolutions: those of
    DCGAN, separable ones, which cost a fraction of the parameters and of the multiply-accumulates, or 3x3
    convolutions of enlarged maps, which leave no checkerboard.

    `stage_widths` are the channels of each stage, from the first map upwards, in place of halved ones; `width`
    is then the last of them. `first_layer_rank` r makes the first layer of two factors: inputs -> r -> first map.

    >>> GeneratorConfig(image_size=32, image_channels=3, width=8).stage_channels
    [32, 16, 8]
    >>> low = GeneratorConfig(image_size=16, image_channels=1, width=4, stage_widths=(12, 4), first_layer_rank=16)
    >>> low.stage_channels, low.greatest_rank
    ([12, 4], 65)
    """

    image_size: ImageSize
    image_channels: Literal[1, 3]
    width: Width
    depth: Depth = 1
    block: BlockName = DEFAULT_BLOCK
    latent_size: LatentSize = 100
    first_layer_rank: Annotated[int, Field(ge=1)] | None = Field(default=None, exclude_if=_is_none)
    stage_widths: tuple[StageWidth, ...] | None = Field(default=None, exclude_if=_is_none)

    @model_validator(mode="after")
    def _saves_parameters(self) -> Self:
        self._require_stages()
        if self.first_layer_rank is not None and self.first_layer_rank > self.greatest_rank:
            whole = self.input_size * self._mixtures
            factored = self.first_layer_rank * (self.input_size + self._mixtures)
            raise ValueError(
                f"first_layer_rank is at most {self.greatest_rank} here, got {self.first_layer_rank}: its two factors "
                f"have {factored:,} parameters, and one layer has {whole:,}; lower it or leave it out"
            )
        return self

    def _require_stages(self) -> None:
        if self.stage_widths is None:
            return
        halved = halved_widths(self.width, self.image_size)
        if len(self.stage_widths) != len(halved):
            raise ValueError(
                f"stage_widths has one width for each of the {len(halved)} stages of {self.image_size} pixels, "
                f"got {len(self.stage_widths)}; name those of each stage, from the first map upwards"
            )
        if self.stage_widths[-1] != self.width:
            raise ValueError(f"width is the last of stage_widths, {self.stage_widths[-1]}, got {self.width}; mend one")
        if self.stage_widths == halved:
            raise ValueError(f"stage_widths {self.stage_widths} are those of width {self.width}; leave them out")

    @property
    def stage_channels(self) -> list[int]:
        """Returns the channels of the hidden stages, from the first map upwards."""
        return list(self.stage_widths or halved_widths(self.width, self.image_size))

    @property
    def greatest_rank(self) -> int:
        """Returns the greatest first_layer_rank r with fewer parameters: r I + r M < I M; 0 where there is none."""
        return (self.input_size * self._mixtures - 1) // (self.input_size + self._mixtures)

    @property
    def _mixtures(self) -> int:
        """Returns M, how many numbers the first layer makes of all I inputs."""
        return BLOCKS[self.block].mixtures(self.stage_channels[0], first_map_size(self.image_size))


def halved_widths(width: int, image_size: int) -> tuple[int, ...]:
    """Returns the paper's channels of each stage, from the first map upwards: each half of the one before."""
    return tuple(width * 2**i for i in reversed(range(doublings(image_size))))


class Generator(nn.Module):
    """A generator maps inputs BI, which its `config` draws, to images BCHW, float32 in [-1, 1].

    >>> teacher(pool_latents(4, 8, seed=0)).shape
    torch.Size([4, 1, 16, 16])
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        block = BLOCKS[config.block]
        layers: list[nn.Module] = []
        incoming, side = config.input_size, first_map_size(config.image_size)
        if config.first_layer_rank is not None:
            layers.append(Factor(incoming, config.first_layer_rank))
            incoming = config.first_layer_rank
        for stage, channels in enumerate(config.stage_channels):
            # The first stage unfolds 1x1 to the first map; each later one doubles the resolution.
            layers += block.unfold(incoming, channels, side=side) if stage == 0 else block.double(incoming, channels)
            layers += _normalised_relu(channels)
            for _ in range(config.depth - 1):
                layers += [*block.refine(channels), *_normalised_relu(channels)]
            incoming = channels
        layers += block.paint(incoming, config.image_channels)
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, inputs_BI: Tensor) -> Tensor:
        return images_through(self.layers, inputs_BI)


def images_through(layers: Callable[[Tensor], Tensor], inputs_BI: Tensor) -> Tensor:
    """Returns the images BCHW of inputs BI by a generator's layers, or B(nC)HW of B(nI) by those of n side by side."""
    return torch.tanh(layers(inputs_BI[:, :, None, None]))


def build_generator(config: GeneratorConfig, seed: int) -> Generator:
    """Returns a generator with freshly drawn weights that depend on `seed` alone.

    >>> build_generator(student, seed=1).config == student
    True
    """
    return build_seeded(seed, lambda: Generator(config))


def _normalised_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _initialise(module: nn.Module) -> None:
    # DCGAN's initialisation (Radford et al., 2015): N(0, 0.02) kernels, BatchNorm gains around 1.
    if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
        return  # which holds no numbers, and for whose distribution PyTorch imports its compiler, which takes a second
    if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, DEVIATION)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
