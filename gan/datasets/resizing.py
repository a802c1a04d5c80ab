"""This module makes square images of a wanted size.

The layout is HW or HWC.
"""

import cv2
import numpy as np


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Returns a square image with values in [0, 255] as uint8 at `size` pixels.

    Shrunk by averaging areas (OpenCV's INTER_AREA, which does not alias), enlarged by cubic interpolation
    (INTER_CUBIC), rounded to nearest; an image of that size already is unchanged.
    """
    if image.shape[0] == size:
        return _rounded(image)
    interpolation = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_CUBIC
    resized = cv2.resize(image.astype(np.float32), (size, size), interpolation=interpolation)
    return _rounded(resized)


def centre_square(image: np.ndarray) -> np.ndarray:
    """Returns the largest square in the middle of the image (a pixel nearer the top left where it cannot be exact)."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square: np.ndarray = image[top : top + side, left : left + side]
    return square


def _rounded(image: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return rounded
