"""Convolutions at the ends of a network, where the CPU's convolution kernels are slow: few channels, tiny maps.

The same sums as the classes they derive from, in another order; the parameters are theirs. On any other
device they are those classes. Kernels are 4x4, and an image has twice the size of its map.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 4, 2, 1


class LatentToMap(nn.ConvTranspose2d):
    """The transposed convolution of a 1x1 map, BL11 to BC44: one matrix product."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, bias=False)

    def forward(self, latents: Tensor, output_size: list[int] | None = None) -> Tensor:
        product = latents.flatten(1) @ self.weight.flatten(1)
        return product.view(-1, *self.weight.shape[1:])


class MapToImage(nn.ConvTranspose2d):
    """The transposed convolution to an image: a matrix product, then overlapping sums."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not maps.is_cpu:
            return super().forward(maps, output_size)
        patches = self.weight.flatten(1).t() @ maps.flatten(2)
        size = (STRIDE * maps.shape[2], STRIDE * maps.shape[3])
        return F.fold(patches, size, KERNEL, padding=PADDING, stride=STRIDE)


class ImageToMap(nn.Conv2d):
    """The convolution of an image: overlapping patches, then a matrix product."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, STRIDE, PADDING)

    def forward(self, images: Tensor) -> Tensor:
        if not images.is_cpu:
            return super().forward(images)
        patches = F.unfold(images, KERNEL, padding=PADDING, stride=STRIDE)
        assert self.bias is not None
        maps = torch.matmul(self.weight.flatten(1), patches) + self.bias[:, None]
        return maps.view(len(images), -1, images.shape[2] // STRIDE, images.shape[3] // STRIDE)
