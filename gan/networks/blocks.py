"""This module has the blocks that a generator is built of: how its first map is made, and how each one is enlarged."""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, Protocol

from torch import Tensor, nn

from gan.networks.convolutions import LatentToMap, MapToImage

BlockName = Literal["dcgan", "separable", "resize"]
DEFAULT_BLOCK: BlockName = "dcgan"

DEVIATION = 0.02  # of the first weights, as DCGAN's (Radford et al., 2015)
UNFOLD_RANK = 4


class Unfold(Protocol):
    """An unfolding makes a map of `side` x `side` pixels of a 1x1 map."""

    def __call__(self, incoming: int, outgoing: int, *, side: int) -> list[nn.Module]: ...


@dataclass(frozen=True)
class Block:
    """A Block makes the convolutions of a generator's stages, each without bias, as BatchNorm follows, and its image.

    `unfold` makes the first map, of `mixtures` numbers that each weigh all that comes in; `double` doubles the
    resolution, `refine` keeps it, and `paint` doubles it once more and makes the image.
    """

    unfold: Unfold
    double: Callable[[int, int], list[nn.Module]]
    _: KW_ONLY
    refine: Callable[[int], list[nn.Module]]
    mixtures: Callable[[int, int], int] = lambda outgoing, side: outgoing * side**2
    paint: Callable[[int, int], list[nn.Module]] = lambda incoming, outgoing: [MapToImage(incoming, outgoing)]


class Factor(LatentToMap):
    """A Factor is the first of the two layers of a first layer of low rank: `rank` channels, which are then unfolded.

    With a fixed gain the two give the signal that one layer would, so that both learn as fast as any other does
    (equalised learning rate, Karras et al., 2018).
    """

    def __init__(self, incoming: int, rank: int) -> None:
        super().__init__(incoming, rank, side=1)
        self.gain = 1 / (DEVIATION * math.sqrt(rank))

    def forward(self, latents: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(latents) * self.gain


def _unfold(incoming: int, outgoing: int, *, side: int) -> list[nn.Module]:
    return [LatentToMap(incoming, outgoing, side=side)]


def _double(incoming: int, outgoing: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(incoming, outgoing, 4, 2, 1, bias=False)]


def _refine(channels: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, channels, 3, padding=1, bias=False)]


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


def _resize(incoming: int, outgoing: int) -> list[nn.Module]:
    # Each pixel becomes four, and then they are convolved: a kernel that covers all pixels equally often leaves no
    # checkerboard (Odena et al., 2016).
    return [nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False)]


BLOCKS: dict[BlockName, Block] = {
    DEFAULT_BLOCK: Block(_unfold, _double, refine=_refine),
    "separable": Block(
        _separable_unfold,
        _separable_double,
        refine=_separable_refine,
        mixtures=lambda outgoing, side: UNFOLD_RANK * outgoing,
    ),
    "resize": Block(_unfold, _resize, refine=_refine, paint=_resize),
}
