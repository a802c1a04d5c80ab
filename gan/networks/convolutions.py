"""This module convolves where the CPU's kernels are slow: few channels, tiny maps, and gradients by an image.

The same sums as the classes they derive from, in another order; the parameters are theirs. Those of images are just
those classes on any other device and in reduced precision. An image has twice the size of its map, by 4x4 kernels; a
kernel over a whole map is as large as the map.

Shapes: B batch, L latent size, C image or map channels, S side of the first map, H W height and width.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

KERNEL, STRIDE, PADDING = 4, 2, 1
Convolution = nn.Conv2d | nn.ConvTranspose2d


class LatentToMap(nn.ConvTranspose2d):
    """A LatentToMap is the transposed convolution of a 1x1 map, BL11 to BCSS, as one matrix product."""

    def __init__(self, incoming: int, outgoing: int, *, side: int) -> None:
        super().__init__(incoming, outgoing, side, bias=False)

    def forward(self, latents: Tensor, output_size: list[int] | None = None) -> Tensor:
        weight = self.weight  # which is computed where it is rounded
        return (latents.flatten(1) @ weight.flatten(1)).view(-1, *weight.shape[1:])


class MapToScore(nn.Conv2d):
    """A MapToScore is the convolution of a whole map to a few numbers, BCSS to BO11, as one matrix product."""

    def __init__(self, incoming: int, outgoing: int = 1, *, side: int) -> None:
        super().__init__(incoming, outgoing, side)

    def forward(self, maps: Tensor) -> Tensor:
        return F.linear(maps.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None]


class MapToImage(nn.ConvTranspose2d):
    """A MapToImage is the transposed convolution to an image."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        return map_to_image(maps, self.weight)


class ImageToMap(nn.Conv2d):
    """An ImageToMap is the convolution of an image."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(incoming, outgoing, KERNEL, STRIDE, PADDING)

    def forward(self, images: Tensor) -> Tensor:
        return image_to_map(images, self.weight, bias=self.bias)


def map_to_image(maps: Tensor, weight: Tensor, *, groups: int = 1) -> Tensor:
    """Returns the transposed convolution that doubles a map, BCHW, with a weight CO44."""
    if not _is_plain(maps):
        return F.conv_transpose2d(maps, weight, None, STRIDE, PADDING, groups=groups)
    if not torch.is_grad_enabled():
        return _overlapping_sums(maps, weight, groups=groups)
    images: Tensor = _MapsToImages.apply(maps, weight, groups)
    return images


def image_to_map(images: Tensor, weight: Tensor, *, bias: Tensor | None, groups: int = 1) -> Tensor:
    """Returns the convolution that halves an image, BCHW, with a weight OC44."""
    if not (_is_plain(images) and torch.is_grad_enabled()):
        return F.conv2d(images, weight, bias, STRIDE, PADDING, groups=groups)
    maps: Tensor = _ImagesToMaps.apply(images, weight, groups)
    return maps if bias is None else maps + bias[:, None, None]


def _overlapping_sums(maps: Tensor, weight: Tensor, *, groups: int) -> Tensor:
    """Returns the transposed convolution as a matrix product for each image and group, and overlapping sums."""
    # Not len(): a generator is exported for batches of any size.
    batch, height, width = maps.shape[0], maps.shape[2], maps.shape[3]
    weight_GPC = weight.reshape(groups, weight.shape[0] // groups, -1).transpose(1, 2)
    maps_BGCN = maps.reshape(batch, groups, weight.shape[0] // groups, height * width)
    products = weight_GPC.expand(batch, *weight_GPC.shape) @ maps_BGCN
    return F.fold(products.flatten(1, 2), (STRIDE * height, STRIDE * width), KERNEL, padding=PADDING, stride=STRIDE)


def _gradient_by_weight(images: Tensor, shape: torch.Size, *, maps: Tensor, groups: int) -> Tensor:
    gradient: Tensor = conv2d_weight(images, shape, maps, STRIDE, PADDING, groups=groups)
    return gradient


def _is_plain(images: Tensor) -> bool:
    return images.is_cpu and not torch.is_autocast_enabled("cpu")


class _MapsToImages(torch.autograd.Function):
    """Runs our sums forward and PyTorch's kernels backward, which are the fast ones with few channels."""

    @staticmethod
    def forward(context: Any, maps: Tensor, weight: Tensor, groups: int) -> Tensor:
        context.save_for_backward(maps, weight)
        context.groups = groups
        return _overlapping_sums(maps, weight, groups=groups)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (maps, weight), groups = context.saved_tensors, context.groups
        by_maps, by_weight, _ = context.needs_input_grad
        return (
            _ImagesToMaps.apply(gradient, weight, groups) if by_maps else None,
            _gradient_by_weight(gradient, weight.shape, maps=maps, groups=groups) if by_weight else None,
            None,
        )


class _ImagesToMaps(torch.autograd.Function):
    """Runs it the other way round: the gradient by an image is a transposed convolution."""

    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, groups: int) -> Tensor:
        context.save_for_backward(images, weight)
        context.groups = groups
        return F.conv2d(images, weight, None, STRIDE, PADDING, groups=groups)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (images, weight), groups = context.saved_tensors, context.groups
        by_images, by_weight, _ = context.needs_input_grad
        return (
            _MapsToImages.apply(gradient, weight, groups) if by_images else None,
            _gradient_by_weight(images, weight.shape, maps=gradient, groups=groups) if by_weight else None,
            None,
        )
