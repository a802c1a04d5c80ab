"""This module rounds a convolution's weight to whole numbers of 8 bits, and gives the scales that undo it."""

import numpy as np

from gan.networks.bits import greatest_number, scaled_axis
from gan.networks.convolutions import Convolution

GREATEST_INT8 = greatest_number(8)


def in_int8(layer: Convolution, greatest: int = GREATEST_INT8) -> tuple[np.ndarray, np.ndarray]:
    """Returns a weight in whole numbers up to `greatest`, and the scales, shaped to multiply it, that give it back.

    There is one scale for each channel along `gan.networks.bits.scaled_axis`, or one for all where they are equal.
    """
    weight: np.ndarray = layer.weight.numpy()
    axis = scaled_axis(layer)
    others = tuple(each for each in range(weight.ndim) if each != axis)
    reach = np.abs(weight).max(axis=others, keepdims=True)
    scale = np.where(reach > 0, reach / greatest, 1).astype(np.float32)
    if np.ptp(scale) == 0:
        scale = scale.max(keepdims=True)
    return np.rint(weight / scale).astype(np.int8), scale
