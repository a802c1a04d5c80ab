"""This module turns images as stored (uint8, 0 to 255) into those of networks (float32, -1 to 1), and back.

Images are square, and a network doubles a first map of 4 to 7 pixels at least twice. The layout is NCHW throughout.
"""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from gan.errors import GanError

# All sizes b * 2^k up to 256, with a first map of 4 <= b < 8 pixels and k >= 2 doublings of it.
ImageSize = Literal[16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]


def doublings(image_size: int) -> int:
    """Returns how often a first map of 4 to 7 pixels is doubled to make an image."""
    return image_size.bit_length() - 3


def first_map_size(image_size: int) -> int:
    """Returns the side of the first map: 4 for each power of two, 7 for 28."""
    return image_size >> doublings(image_size)


def to_unit_range(images_u8: Tensor) -> Tensor:
    """Returns uint8 images in [0, 255] as float32 in [-1, 1]."""
    return images_u8.to(torch.float32).div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Returns float images in [-1, 1] as uint8 in [0, 255], rounded to nearest: the inverse of `to_unit_range`."""
    return images.add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def save_grid(images_NCHW: Tensor, path: Path, *, columns: int = 8, enlarge: int = 3) -> None:
    """Write uint8 images as one PNG or WebP, `columns` in a row, each pixel `enlarge` times its size.

    Raises GanError when the file cannot be written.
    """
    from torchvision.utils import make_grid  # two seconds to import, and only pictures need it

    grid_CHW = make_grid(images_NCHW, nrow=columns, padding=1, pad_value=255)
    grid_HWC = np.ascontiguousarray(grid_CHW.numpy().transpose(1, 2, 0)[:, :, ::-1])  # OpenCV wants BGR
    large = cv2.resize(grid_HWC, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST)
    done, encoded = cv2.imencode(path.suffix, large)
    assert done
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise GanError(
            "An image is written to a writable path", f"{path} ({error.strerror})", "Choose another path."
        ) from error
