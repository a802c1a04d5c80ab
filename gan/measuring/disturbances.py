"""This module spoils real images by rising amounts, in seven ways that a measure of quality has to notice.

They are those by which Heusel et al. (2017, appendix) judged FID, and others of the kind. Chance is the same at every
level, so that the images which a level spoils are spoilt more by the next one; level 0 leaves them as they are.

Shapes: N images, P patches, C H W channels, height and width.
"""

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache, partial
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from gan.datasets import ImageDataset
from gan.datasets.faces import FACES
from gan.datasets.shapes import SHAPES
from gan.datasets.synthetic import Drawing
from gan.seeds import seed_at

Images = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

DISTURBANCES = ("blur", "noise", "contrast", "swapped patches", "black boxes", "another set", "dropped modes")
MOST_IMAGES = 500  # at each level
_MOST_CANDIDATES = 2000  # among which those of dropped modes are chosen
_GRID = 4  # patches in a row
_BOXES = 5  # as in Heusel et al.
_LARGEST_DRAWN = 64  # images of another set are drawn no larger, and enlarged
_CLUSTERS, _THUMBNAIL, _COMPONENTS = 10, 16, 20


class Spoil(Protocol):
    """A Spoil returns the images, uint8 NCHW, spoilt by `level`; chance is the same for every level."""

    def __call__(self, images_NCHW: Images, level: float, *, random: np.random.Generator) -> Images: ...


@dataclass(frozen=True)
class Disturbance:
    """A disturbance is what it is called, its levels from 0 up, and the images at each of them, uint8 NCHW."""

    name: str
    levels: tuple[float, ...]
    _: KW_ONLY
    at: Callable[[float], Images]


def disturbances_of(dataset: ImageDataset) -> Iterator[Disturbance]:
    """Yields the seven disturbances of held-out images of `dataset`, at most MOST_IMAGES of them.

    Levels are shares: of the side (blur's deviation, a box's side), of grey's range (noise's deviation), of contrast,
    of patches, of images, and of what half of the modes have of the images.
    """
    candidates = np.random.default_rng(0).permutation(len(dataset.held_out_images))[:_MOST_CANDIDATES]
    images_NCHW = dataset.held_out_images.numpy()[candidates]
    other = SHAPES if dataset.name == "faces" else FACES
    ways: dict[str, tuple[tuple[float, float, float], Spoil]] = {
        "blur": ((1 / 32, 1 / 16, 1 / 8), blurred),
        "noise": ((0.1, 0.2, 0.4), noisy),
        "contrast": ((0.25, 0.5, 0.75), faded),
        "swapped patches": ((0.25, 0.5, 1.0), swapped),
        "black boxes": ((0.05, 0.1, 0.2), boxed),
        "another set": ((0.25, 0.5, 0.75), partial(mixed, other=other)),
    }
    for name, (levels, spoil) in ways.items():
        yield Disturbance(name, (0.0, *levels), at=partial(_spoilt, images_NCHW[:MOST_IMAGES], name=name, spoil=spoil))
    # The distance grows with the square of what is lost: at these levels by about a quarter, a half and the whole.
    modes_N = modes_of(images_NCHW, dataset.held_out_labels.numpy()[candidates], num_classes=dataset.num_classes)
    thin = partial(thinned, images_NCHW, modes_N=modes_N)
    yield Disturbance("dropped modes", (0.0, 2 / 3, 5 / 6, 1.0), at=thin)


def _spoilt(images_NCHW: Images, level: float, *, name: str, spoil: Spoil) -> Images:
    return spoil(images_NCHW, level, random=np.random.default_rng(seed_at(0, "disturbance", name)))


def blurred(images_NCHW: Images, level: float, *, random: np.random.Generator) -> Images:
    """Returns the images under a Gaussian blur whose deviation is `level` of their side."""
    if level == 0:
        return images_NCHW
    planes = images_NCHW.reshape(-1, *images_NCHW.shape[2:])
    sigma = level * images_NCHW.shape[-1]
    return np.stack([cv2.GaussianBlur(plane, (0, 0), sigma) for plane in planes]).reshape(images_NCHW.shape)


def noisy(images_NCHW: Images, level: float, *, random: np.random.Generator) -> Images:
    """Returns the images with Gaussian noise whose deviation is `level` of the range of grey."""
    return _to_uint8(images_NCHW + 255 * level * random.standard_normal(images_NCHW.shape, dtype=np.float32))


def faded(images_NCHW: Images, level: float, *, random: np.random.Generator) -> Images:
    """Returns the images with `level` of their contrast lost: every pixel nears the mean of its image."""
    mean_N111 = images_NCHW.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
    return _to_uint8(images_NCHW + level * (mean_N111 - images_NCHW))


def swapped(images_NCHW: Images, level: float, *, random: np.random.Generator) -> Images:
    """Returns the images with `level` of their 4x4 patches in each other's places, by pairs."""
    count, channels, size, _ = images_NCHW.shape
    side, patches = size // _GRID, _GRID**2
    inner = (slice(None), slice(None), slice(side * _GRID), slice(side * _GRID))
    cut = images_NCHW[inner].reshape(count, channels, _GRID, side, _GRID, side).transpose(0, 2, 4, 1, 3, 5)
    patches_NPCHW = cut.reshape(count, patches, channels, side, side)
    from_NP = np.tile(np.arange(patches), (count, 1))
    order_NP = random.permuted(from_NP, axis=1)
    pairs, row_N1 = round(level * patches / 2), np.arange(count)[:, None]
    first, second = order_NP[:, : 2 * pairs : 2], order_NP[:, 1 : 2 * pairs : 2]
    from_NP[row_N1, first], from_NP[row_N1, second] = second, first
    spoilt = images_NCHW.copy()
    moved = patches_NPCHW[row_N1, from_NP].reshape(cut.shape).transpose(0, 3, 1, 4, 2, 5)
    spoilt[inner] = moved.reshape(count, channels, side * _GRID, side * _GRID)
    return spoilt


def boxed(images_NCHW: Images, level: float, *, random: np.random.Generator) -> Images:
    """Returns the images under five black boxes whose side is `level` of theirs."""
    size = images_NCHW.shape[-1]
    side = round(level * size)
    corners = np.rint(random.uniform(0, size, (len(images_NCHW), _BOXES, 2)) - side / 2).astype(int)
    spoilt = images_NCHW.copy()
    for image_CHW, boxes in zip(spoilt, corners, strict=True):
        for top, left in boxes:
            image_CHW[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return spoilt


def mixed(images_NCHW: Images, level: float, *, random: np.random.Generator, other: Drawing = FACES) -> Images:
    """Returns the images with `level` of them replaced by drawn ones of another set."""
    count, channels, size, _ = images_NCHW.shape
    spoilt = images_NCHW.copy()
    for number, place in enumerate(random.permutation(count)[: round(level * count)]):
        drawn_HWC = cv2.resize(_drawn(other, number, size=min(size, _LARGEST_DRAWN)), (size, size))
        if channels == 1:
            drawn_HWC = cv2.cvtColor(drawn_HWC, cv2.COLOR_RGB2GRAY)[..., None]
        spoilt[place] = drawn_HWC.transpose(2, 0, 1)
    return spoilt


@lru_cache(maxsize=MOST_IMAGES)
def _drawn(other: Drawing, number: int, *, size: int) -> Images:
    return other.image(number, size)  # the same ones at every level


def thinned(images_NCHW: Images, level: float, *, modes_N: Places) -> Images:
    """Returns some of the images, equally many for each level, of which the first half of the modes have lost `level`.

    Images of the other half, which were left out, stand in their places: none is there twice. So the images move
    along a straight line between two mixtures, on which the distance to the whole rises for everyone who can tell
    one half from the other.
    """
    order_N = np.random.default_rng(seed_at(0, "disturbance", "modes")).permutation(len(modes_N))
    lost_N = modes_N[order_N] < (modes_N.max() + 1) // 2
    count = min(MOST_IMAGES, int((~lost_N).sum()))
    places, extra = order_N[:count].copy(), order_N[count:][~lost_N[count:]]
    losing = np.flatnonzero(lost_N[:count])
    replaced = losing[: round(level * len(losing))]
    places[replaced] = extra[: len(replaced)]
    return images_NCHW[places]


def modes_of(images_NCHW: Images, labels_N: Places, *, num_classes: int) -> Places:
    """Returns the mode of each image, from 0: its class, or its cluster where there are no classes.

    Clusters are of the principal components of thumbnails, which know nothing of any extractor. Modes are numbered
    along the first principal component of their mean thumbnails, so that the first half lie together: a generator that
    collapses loses a region of the images and not every second mode.
    """
    from sklearn.decomposition import PCA  # a second to import

    side = (_THUMBNAIL, _THUMBNAIL)
    small = [cv2.resize(image.transpose(1, 2, 0), side, interpolation=cv2.INTER_AREA) for image in images_NCHW]
    pixels = np.stack(small).reshape(len(small), -1).astype(np.float64)
    modes_N = labels_N
    if num_classes < 2:
        modes_N = _clusters(pixels)
    names, number_N = np.unique(modes_N, return_inverse=True)
    means = np.stack([pixels[number_N == number].mean(axis=0) for number in range(len(names))])
    if (means == means[0]).all():
        return np.zeros_like(number_N)
    place_of_mode = PCA(1, svd_solver="full").fit_transform(means)[:, 0].argsort().argsort()
    numbered: Places = place_of_mode[number_N]
    return numbered


def _clusters(pixels_NP: npt.NDArray[np.float64]) -> Places:
    """Returns the cluster of each thumbnail, of as many as there are different ones at most."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    different = len(np.unique(pixels_NP, axis=0))
    if different == 1:
        return np.zeros(len(pixels_NP), np.int64)
    components = PCA(min(_COMPONENTS, *pixels_NP.shape), svd_solver="full").fit_transform(pixels_NP)
    found: Places = KMeans(min(_CLUSTERS, different), n_init=4, random_state=0).fit_predict(components)
    return found


def _to_uint8(images: npt.NDArray[np.float32]) -> Images:
    rounded: Images = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return rounded
