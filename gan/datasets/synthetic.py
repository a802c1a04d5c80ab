"""This module has what drawn data sets share: a source of chance for each image, colours, and the order of images.

Image i depends on the data set's name and i alone, so the first k of n images are the same for every n. Every fifth
is held out, in place of a permutation of all n, so the two parts are nested as well.
"""

import colorsys
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

import cv2
import numpy as np

from gan.datasets.cache import Source, by_row
from gan.datasets.images import HELD_OUT_FRACTION

SUPERSAMPLING = 4  # drawn this much larger, then averaged, which is the anti-aliasing
DEFAULT_NUM_IMAGES = 10_000


@dataclass(frozen=True)
class Drawing:
    """A drawing makes a data set. draw: (random, label, size) to uint8 HWC, RGB. stream: sets its chances apart."""

    stream: int
    num_classes: int
    _: KW_ONLY
    draw: Callable[[np.random.Generator, int, int], np.ndarray]

    def image(self, index: int, size: int) -> np.ndarray:
        """Returns image `index`, uint8 HWC."""
        random = np.random.default_rng((self.stream, index))
        return self.draw(random, int(random.integers(self.num_classes)), size)

    def label(self, index: int) -> int:
        """Returns the class of image `index`, uniform."""
        return int(np.random.default_rng((self.stream, index)).integers(self.num_classes))

    def source(self, num_images: int, size: int) -> Source:
        index = np.arange(num_images)
        held_out = index % round(1 / HELD_OUT_FRACTION) == 0
        order = np.concatenate([index[held_out], index[~held_out]])
        return Source(
            labels_N=np.array([self.label(i) for i in order], dtype=np.int64),
            held_out=int(held_out.sum()),
            num_classes=self.num_classes,
            image_shape=(3, size, size),
            decoded=by_row(num_images, lambda row: self.image(int(order[row]), size).transpose(2, 0, 1)),
        )


def colour(hue: float, saturation: float, brightness: float) -> np.ndarray:
    """Returns float64 RGB in [0, 255] of a hue in turns, a saturation and a brightness in [0, 1]."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, brightness)) * 255


def textured_background(random: np.random.Generator, hue: float, size: int) -> np.ndarray:
    """Returns float32 HWC: a gradient in a random direction between two tones near `hue`, under cloudy noise."""
    first = colour(hue, random.uniform(0.25, 0.75), random.uniform(0.2, 0.95))
    second = colour(hue + random.uniform(-0.12, 0.12), random.uniform(0.2, 0.7), random.uniform(0.2, 0.95))
    angle = random.uniform(0, 2 * np.pi)
    line = np.linspace(-0.7, 0.7, size, dtype=np.float32)
    ramp_HW = np.clip(0.5 + line[None, :] * np.cos(angle) + line[:, None] * np.sin(angle), 0, 1)[..., None]
    coarse = random.normal(0, random.uniform(4, 22), (int(random.integers(3, 8)),) * 2).astype(np.float32)
    clouds_HW = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    background_HWC: np.ndarray = (first * (1 - ramp_HW) + second * ramp_HW + clouds_HW).astype(np.float32)
    return background_HWC
