"""This module shifts what a critic sees by whole pixels, a differentiable augmentation (Zhao et al., 2020)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def draw_offsets(batch: int, max_shift: int, *, random: torch.Generator) -> Tensor:
    """Returns offsets 2B, in rows and columns, uniform in 0 to 2 max_shift; max_shift is no translation."""
    return torch.randint(0, 2 * max_shift + 1, (2, batch), generator=random)


def translated(images_BCHW: Tensor, offsets_2B: Tensor, *, max_shift: int) -> Tensor:
    """Returns square images, each moved by its offset; what comes into view repeats the edge. Differentiable once."""
    padded = F.pad(images_BCHW, (max_shift,) * 4, mode="replicate")
    cropped: Tensor = _Crop.apply(padded, offsets_2B.to(padded.device), images_BCHW.shape[-1])
    return cropped


def _crops(padded: Tensor, size: int, *, offsets_2B: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
    """Returns a view of all crops of `size`, and the index of each image's own."""
    views = padded.unfold(2, size, 1).unfold(3, size, 1)  # B, C, offset in rows, offset in columns, H, W
    return views, (torch.arange(len(padded), device=padded.device), slice(None), offsets_2B[0], offsets_2B[1])


class _Crop(torch.autograd.Function):
    """Copies and puts back whole images; indexing pixel by pixel takes several times as long."""

    @staticmethod
    def forward(context: Any, padded: Tensor, offsets_2B: Tensor, size: int) -> Tensor:
        context.offsets, context.shape, context.size = offsets_2B, padded.shape, size
        views, own = _crops(padded, size, offsets_2B=offsets_2B)
        return views[own]

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        padded = gradient.new_zeros(context.shape)
        views, own = _crops(padded, context.size, offsets_2B=context.offsets)
        views[own] = gradient
        return padded, None, None
