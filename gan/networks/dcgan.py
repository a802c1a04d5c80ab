"""This module is the DCGAN generator family of the paper.

Shapes: B batch, I columns of a generator's inputs (latents, then classes one-hot), K classes, C image channels, H and W
image height and width. Generators map inputs BI to images BCHW in [-1, 1].
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn

from gan.images import ImageSize, doublings, first_map_size
from gan.networks.convolutions import LatentToMap, MapToImage
from gan.networks.latents import LatentSize, LatentSpace
from gan.seeds import build_seeded

WIDEST, GREATEST_DEPTH = 1024, 8
Width = Annotated[int, Field(ge=1, le=WIDEST)]
Depth = Annotated[int, Field(ge=1, le=GREATEST_DEPTH)]
BlockName = Literal["dcgan", "separable"]
DEFAULT_BLOCK: BlockName = "dcgan"

UNFOLD_RANK = 4


class Unfold(Protocol):
    """An unfolding makes a map of `side` x `side` pixels of a 1x1 map."""

    def __call__(self, incoming: int, outgoing: int, *, side: int) -> list[nn.Module]: ...


@dataclass(frozen=True)
class Block:
    """A Block makes the convolutions of a generator's stages, each without bias, as BatchNorm follows.

    `unfold` makes the first map, `double` doubles the resolution, `refine` keeps it.
    """

    unfold: Unfold
    double: Callable[[int, int], list[nn.Module]]
    _: KW_ONLY
    refine: Callable[[int], list[nn.Module]]


def _unfold(incoming: int, outgoing: int, *, side: int) -> list[nn.Module]:
    return [LatentToMap(incoming, outgoing, side=side)]


def _separable_unfold(incoming: int, outgoing: int, *, side: int) -> list[nn.Module]:
    # Each channel's map is a sum of UNFOLD_RANK patterns, weighted by projections of the latent.
    rank = UNFOLD_RANK * outgoing
    return [
        nn.Conv2d(incoming, rank, 1, bias=False),
        nn.ConvTranspose2d(rank, outgoing, side, groups=outgoing, bias=False),
    ]


def _separable_double(incoming: int, outgoing: int) -> list[nn.Module]:
    # Channels are mixed at the low resolution, where that costs a quarter; then each is enlarged alone.
    return [
        nn.Conv2d(incoming, outgoing, 1, bias=False),
        nn.ConvTranspose2d(outgoing, outgoing, 4, 2, 1, groups=outgoing, bias=False),
    ]


def _separable_refine(channels: int) -> list[nn.Module]:
    # Depthwise, then pointwise (Howard et al., 2017, MobileNets).
    return [
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
    ]


BLOCKS: dict[BlockName, Block] = {
    DEFAULT_BLOCK: Block(
        unfold=_unfold,
        double=lambda incoming, outgoing: [nn.ConvTranspose2d(incoming, outgoing, 4, 2, 1, bias=False)],
        refine=lambda channels: [nn.Conv2d(channels, channels, 3, padding=1, bias=False)],
    ),
    "separable": Block(_separable_unfold, _separable_double, refine=_separable_refine),
}


class GeneratorConfig(LatentSpace):
    """A GeneratorConfig describes a DCGAN generator, and what it takes.

    Channels run inputs -> 2^(s-1) w -> ... -> 2w -> w -> image over s doublings of a first map, with
    `width` w (the paper's depth scale factor d), so that one number sets the size. `depth` is the
    number of convolution layers per resolution stage; 1 is the paper's DCGAN, more adds 3x3
    convolutions after each stage's transposed convolution. `block` chooses the convolutions: those of
    DCGAN, or separable ones, which cost a fraction of the parameters and of the multiply-accumulates.

    >>> GeneratorConfig(image_size=32, image_channels=3, width=8).stage_channels
    [32, 16, 8]
    """

    image_size: ImageSize
    image_channels: Literal[1, 3]
    width: Width
    depth: Depth = 1
    block: BlockName = DEFAULT_BLOCK
    latent_size: LatentSize = 100

    @property
    def stage_channels(self) -> list[int]:
        """Returns the channels of the hidden stages, from the first map upwards."""
        return [self.width * 2**i for i in reversed(range(doublings(self.image_size)))]


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
        for stage, channels in enumerate(config.stage_channels):
            # The first stage unfolds 1x1 to the first map; each later one doubles the resolution.
            layers += block.unfold(incoming, channels, side=side) if stage == 0 else block.double(incoming, channels)
            layers += _normalised_relu(channels)
            for _ in range(config.depth - 1):
                layers += [*block.refine(channels), *_normalised_relu(channels)]
            incoming = channels
        layers.append(MapToImage(incoming, config.image_channels))
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
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
