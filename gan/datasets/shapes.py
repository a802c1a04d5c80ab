"""This module draws ten kinds of shape on textured grounds, which stand in where CIFAR-10 is not at hand.

It tests that a pipeline works with small colour images of ten classes. Its numbers are never results on CIFAR-10.

Distribution, all independent, U uniform: class U{0..9} as in CLASSES; centre U[-0.25, 0.25] (1 - r) / 0.78 of the side
from the middle in x and y, r the radius U[0.22, 0.38] of the side; rotation U[0, 1) turns; hue of the ground U[0, 1),
of the shape at least 0.2 turns away from it; a shade across the shape, a soft shadow of depth U[0, 0.5]. The ground is
`synthetic.textured_background`.
"""

from collections.abc import Callable

import cv2
import numpy as np

from gan.datasets.synthetic import SUPERSAMPLING, Drawing, colour, textured_background

CLASSES = ("circle", "square", "triangle", "star", "ring", "cross", "rhombus", "heart", "crescent", "stripes")


def _polygon(corners: int, inner: float = 1.0) -> np.ndarray:
    """Returns corners on the unit circle, every second one at radius `inner`."""
    turns = np.arange(corners) / corners * 2 * np.pi
    radius = np.where(np.arange(corners) % 2 == 1, inner, 1.0)
    return np.stack([np.sin(turns) * radius, -np.cos(turns) * radius], axis=1)


def _arc(start: float, stop: float, radius: float = 1.0, shift: float = 0.0) -> np.ndarray:
    turns = np.linspace(start, stop, 24) * 2 * np.pi
    return np.stack([np.cos(turns) * radius + shift, np.sin(turns) * radius], axis=1)


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y - 2.5], axis=1) / 16


def _crescent() -> np.ndarray:
    # Two arcs that meet at the points of the moon: the inner circle is shifted, and cuts the outer one there.
    shift, inner = 0.5, 0.8
    x = (1 - inner**2 + shift**2) / (2 * shift)
    outer_angle = np.arctan2(np.sqrt(1 - x**2), x) / (2 * np.pi)
    inner_angle = np.arctan2(np.sqrt(1 - x**2), x - shift) / (2 * np.pi)
    return np.concatenate([_arc(outer_angle, 1 - outer_angle), _arc(1 - inner_angle, inner_angle, inner, shift)])


def _box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


_CROSS = np.array(
    [[1, 3], [1, 1], [3, 1], [3, -1], [1, -1], [1, -3], [-1, -3], [-1, -1], [-3, -1], [-3, 1], [-1, 1], [-1, 3]]
)
# Outlines about the origin, within a circle of radius about 1. A second outline inside the first is a hole.
_OUTLINES: dict[str, list[np.ndarray]] = {
    "circle": [_arc(0, 1, 0.9)],
    "square": [_polygon(4)],
    "triangle": [_polygon(3) + [0, 0.1]],
    "star": [_polygon(10, inner=0.45) * 1.1],
    "ring": [_arc(0, 1), _arc(0, 1, 0.55)],
    "cross": [_CROSS / 3],
    "rhombus": [_polygon(4) * [0.55, 1.15]],
    "heart": [_heart()],
    "crescent": [_crescent()],
    "stripes": [_box(-0.9, top, 0.9, top + 0.34) for top in (-0.85, -0.17, 0.51)],
}


def _draw(random: np.random.Generator, label: int, size: int) -> np.ndarray:
    centre = random.uniform(-0.25, 0.25, 2)
    radius, turn = random.uniform(0.22, 0.38), random.uniform(0, 2 * np.pi)
    ground_hue = random.uniform()
    hue = ground_hue + random.uniform(0.2, 0.8)
    image_HWC = textured_background(random, ground_hue, size)
    points_of = _placement(centre * (1 - radius) / 0.78, radius, turn, size)
    mask_HW = _mask([points_of(outline) for outline in _OUTLINES[CLASSES[label]]], size)

    shadow_HW = cv2.GaussianBlur(np.roll(mask_HW, max(1, size // 24), axis=(0, 1)), (0, 0), size / 24)
    image_HWC *= 1 - random.uniform(0, 0.5) * shadow_HW[..., None]
    light = colour(hue, random.uniform(0.55, 0.95), random.uniform(0.75, 1.0))
    dark = light * random.uniform(0.55, 0.95)
    shade_H11 = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    mask_HW1 = mask_HW[..., None]
    image_HWC += mask_HW1 * (light * (1 - shade_H11) + dark * shade_H11 - image_HWC)
    rounded_HWC: np.ndarray = np.clip(np.rint(image_HWC), 0, 255).astype(np.uint8)
    return rounded_HWC


def _placement(centre: np.ndarray, radius: float, turn: float, size: int) -> Callable[[np.ndarray], np.ndarray]:
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    side = size * SUPERSAMPLING

    def place(points: np.ndarray) -> np.ndarray:
        placed: np.ndarray = np.rint((points @ rotation.T * radius + 0.5 + centre) * side).astype(np.int32)
        return placed

    return place


def _mask(outlines: list[np.ndarray], size: int) -> np.ndarray:
    """Returns each pixel's coverage, float32 HW in [0, 1]; where outlines overlap, even and odd leaves a hole."""
    large = np.zeros((size * SUPERSAMPLING,) * 2, np.uint8)
    cv2.fillPoly(large, outlines, 255)
    mask: np.ndarray = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return mask


SHAPES = Drawing(stream=1, num_classes=len(CLASSES), draw=_draw)
