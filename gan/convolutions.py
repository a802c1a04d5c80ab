"""Convolutions where the CPU's kernels are slow: few channels, tiny maps, and gradients by an image.

The same sums as the classes they derive from, in another order; the parameters are theirs. On any other
device, and in reduced precision, they are those classes. Kernels are 4x4, and an image has twice the size of its map.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

KERNEL, STRIDE, PADDING = 4, 2, 1


class LatentToMap(nn.ConvTranspose2d):
    """The transposed convolution of a 1x1 map, BL11 to BC44: one matrix product."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, bias=False)

    def forward(self, latents: Tensor, output_size: list[int] | None = None) -> Tensor:
        product = latents.flatten(1) @ self.weight.flatten(1)
        return product.view(-1, *self.weight.shape[1:])


class MapToScore(nn.Conv2d):
    """The convolution of a 4x4 map to one number, BC44 to B111: one matrix product."""

    def __init__(self, incoming: int) -> None:
        super().__init__(incoming, 1, KERNEL)

    def forward(self, maps: Tensor) -> Tensor:
        return F.linear(maps.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]


class MapToImage(nn.ConvTranspose2d):
    """The transposed convolution to an image."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not _is_plain(maps):
            return super().forward(maps, output_size)
        if not torch.is_grad_enabled():
            return unfold_maps(maps, self.weight)
        image: Tensor = _MapsToImages.apply(maps, self.weight)
        return image


class ImageToMap(nn.Conv2d):
    """The convolution of an image."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, STRIDE, PADDING)

    def forward(self, images: Tensor) -> Tensor:
        if not (_is_plain(images) and torch.is_grad_enabled()):
            return super().forward(images)
        assert self.bias is not None
        maps: Tensor = _ImagesToMaps.apply(images, self.weight)
        return maps + self.bias[:, None, None]


def unfold_maps(maps_BCHW: Tensor, weight_CO44: Tensor) -> Tensor:
    """The transposed convolution as a matrix product for each image, and overlapping sums."""
    size = (STRIDE * maps_BCHW.shape[2], STRIDE * maps_BCHW.shape[3])
    # Not len(): a generator is exported for batches of any size.
    products = weight_CO44.flatten(1).t().expand(maps_BCHW.shape[0], -1, -1) @ maps_BCHW.flatten(2)
    return F.fold(products, size, KERNEL, padding=PADDING, stride=STRIDE)


def _gradient_by_weight(images: Tensor, shape: torch.Size, maps: Tensor) -> Tensor:
    gradient: Tensor = conv2d_weight(images, shape, maps, STRIDE, PADDING)  # type: ignore[no-untyped-call]
    return gradient


def _is_plain(images: Tensor) -> bool:
    return images.is_cpu and not torch.is_autocast_enabled("cpu")


class _MapsToImages(torch.autograd.Function):
    """Our sums forward, PyTorch's kernels backward: these are the fast ones of a convolution with few channels."""

    @staticmethod
    def forward(context: Any, maps: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(maps, weight)
        return unfold_maps(maps, weight)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        maps, weight = context.saved_tensors
        by_maps, by_weight = context.needs_input_grad
        return (
            _ImagesToMaps.apply(gradient, weight) if by_maps else None,
            _gradient_by_weight(gradient, weight.shape, maps) if by_weight else None,
        )


class _ImagesToMaps(torch.autograd.Function):
    """The other way round: the gradient by an image is a transposed convolution."""

    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(images, weight)
        return F.conv2d(images, weight, stride=STRIDE, padding=PADDING)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = context.saved_tensors
        by_images, by_weight = context.needs_input_grad
        return (
            _MapsToImages.apply(gradient, weight) if by_images else None,
            _gradient_by_weight(images, weight.shape, gradient) if by_weight else None,
        )
