"""This module examines an extractor before anything is measured with it: is the ruler straight?

Real held-out images are spoilt by rising amounts (`gan.measuring.disturbances`), after Heusel et al. (2017, appendix)
and Stein et al. (2023). The Fréchet distance to the training images has to rise with each level, and the images as they
are have to lie below the weakest and far below the strongest. Sets of one disturbance are equally large, so their
distances have one bias, and a covariance of fewer than 2F samples does no harm. What the number of images alone makes,
the floor, is the distance of as many training images.

Shapes: N images, F features.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import numpy as np
import numpy.typing as npt
import torch

from gan.config import Config
from gan.datasets import ImageDataset
from gan.digests import array_digest
from gan.errors import GanError
from gan.extractors.features import FeatureExtractor, extract
from gan.measuring.disturbances import DISTURBANCES, Disturbance, Images, disturbances_of
from gan.measuring.metrics import FeatureStatistics, fid_of_few
from gan.seeds import seed_at

EXAMINATION_VERSION = 2
LEAST_IMAGES = 20
_HALVES = 20
# A rise is one that chance alone makes once in six; all four of a disturbance together, less than once in a thousand.
_SURE = 1.0  # standard errors of a rise from one level to the next
_APART = 2.0  # spreads of the images as they are, by which the weakest level lies above them
# How many times as high above the floor as the images as they are, with their error, the strongest level lies. Images
# that a mode's loss leaves are all real: half of the modes double the distance of good extractors, and no more.
_FAR, _FAR_MODES = 5.0, 1.5


class ExaminedLevel(Config):
    """An ExaminedLevel has the Fréchet distance of `images` images at one level of one disturbance.

    `rise` is the distance's from the level below; `error` its standard error. At level 0, the images as they are,
    `rise` is 0 and `error` the distance's own. `floor` is the distance of as many training images.

    >>> spoilt = {"disturbance": "blur", "level": 0.125, "images": 359, "floor": 2.7}
    >>> ExaminedLevel(**spoilt, distance=465.0, rise=314.0, error=4.0).level
    0.125
    """

    disturbance: str
    level: float
    images: int
    floor: float
    distance: float
    rise: float
    error: float


class Examination(Config):
    """An Examination holds what an extractor made of spoilt images: `levels` from weak to strong, one by one.

    >>> weak = {"disturbance": "blur", "images": 359, "floor": 3.0, "error": 1.0}
    >>> real = ExaminedLevel(level=0.0, distance=4.0, rise=0.0, **weak)
    >>> blind = ExaminedLevel(level=0.1, distance=4.5, rise=0.5, **weak)
    >>> examination = Examination(dataset_digest="d", extractor_digest="e", levels=(real, blind))
    >>> examination.passed, examination.faults
    (False, ('blur: 4 at level 0, 4.5 at 0.1',))
    """

    version: int = EXAMINATION_VERSION  # of the disturbances and the rule
    dataset_digest: str
    extractor_digest: str
    levels: tuple[ExaminedLevel, ...]

    @property
    def disturbances(self) -> dict[str, tuple[ExaminedLevel, ...]]:
        """Returns the levels of each disturbance, by its name."""
        names = dict.fromkeys(level.disturbance for level in self.levels)
        return {name: tuple(level for level in self.levels if level.disturbance == name) for name in names}

    @property
    def faults(self) -> tuple[str, ...]:
        """Returns what the extractor does not see as it should: each disturbance with its distances."""
        return tuple(_told(name, levels) for name, levels in self.disturbances.items() if not is_straight(levels))

    @property
    def is_whole(self) -> bool:
        """Returns whether every disturbance was tried."""
        return self.disturbances.keys() == set(DISTURBANCES)

    @property
    def passed(self) -> bool:
        """Returns whether every disturbance was tried and seen as it should be."""
        return self.is_whole and not self.faults


@dataclass(frozen=True)
class ExaminationProgress:
    """An ExaminationProgress says how many of `total` disturbances are done, and what is known by then.

    >>> empty = Examination(dataset_digest="d", extractor_digest="e", levels=())
    >>> ExaminationProgress(0, 7, examination=empty).examination.passed
    False
    """

    done: int
    total: int
    _: KW_ONLY
    examination: Examination


def examine(
    extractor: FeatureExtractor, dataset: ImageDataset, *, real: FeatureStatistics, extractor_digest: str
) -> Iterator[ExaminationProgress]:
    """Examines an extractor on the held-out images of `dataset`; yields after each disturbance.

    real: the statistics of the training images' features. Raises GanError for fewer than 20 held-out images, and for
    features that are not finite.

    >>> classifier = Classifier(ClassifierConfig(features=8), 1, num_classes=10).eval()
    >>> reference = RealReference.of(classifier, dataset)
    >>> *_, last = examine(classifier, dataset, real=reference.statistics, extractor_digest="e")
    >>> last.done, last.total, len(last.examination.levels)
    (7, 7, 28)
    """
    held_out = len(dataset.held_out_images)
    if held_out < LEAST_IMAGES:
        raise GanError(
            f"An extractor is examined on at least {LEAST_IMAGES} held-out images", held_out, "Use more images."
        )
    measured = _Measured(extractor, real)
    train_NCHW = dataset.train_images.numpy()
    order_N = np.random.default_rng(seed_at(0, "examination", "floor")).permutation(len(train_NCHW))
    found: list[ExaminedLevel] = []
    disturbances = list(disturbances_of(dataset))
    for done, disturbance in enumerate(disturbances, start=1):
        count = len(disturbance.at(0.0))
        floor, _ = measured.of(train_NCHW[order_N[:count]])
        found += _levels_of(disturbance, measured, floor=floor)
        examination = Examination(dataset_digest=dataset.digest, extractor_digest=extractor_digest, levels=tuple(found))
        yield ExaminationProgress(done, len(disturbances), examination=examination)


def is_straight(levels: tuple[ExaminedLevel, ...]) -> bool:
    """Tells whether the distance rises with every level, and real images as they are lie far below.

    The weakest level lies above them by two of their errors; the strongest five times as high above the floor as they
    with their error, or one and a half times where modes are dropped.

    >>> same = {"disturbance": "blur", "images": 100, "floor": 0.0, "error": 1.0}
    >>> is_straight(tuple(ExaminedLevel(level=x, distance=x, rise=min(x, 3.0), **same) for x in (0.0, 3.0, 6.0)))
    True
    """
    real, weakest, strongest = levels[0], levels[1], levels[-1]
    if not all(level.rise > _SURE * level.error for level in levels[1:]):
        return False
    far = _FAR_MODES if real.disturbance == "dropped modes" else _FAR
    above_floor = max(0.0, real.distance - real.floor) + real.error
    is_far = strongest.distance - real.floor > far * above_floor
    return is_far and weakest.distance - real.distance > _APART * real.error


def _told(name: str, levels: tuple[ExaminedLevel, ...]) -> str:
    first, *rest = levels
    return f"{name}: {first.distance:.3g} at level 0, " + ", ".join(f"{x.distance:.3g} at {x.level:.2g}" for x in rest)


class _Measured:
    """It measures sets of images, each on all of them and on the same random halves.

    The spread of halves drawn without replacement is the standard error of the whole: what is lost by half as many
    samples is won back by what two halves share. Images as they are, which several disturbances begin with, are
    measured once.
    """

    def __init__(self, extractor: FeatureExtractor, real: FeatureStatistics) -> None:
        self._extractor, self._real = extractor, real
        self._known: dict[str, tuple[float, npt.NDArray[np.float64]]] = {}

    def of(self, images_NCHW: Images) -> tuple[float, npt.NDArray[np.float64]]:
        """Returns the distance of all images, and those of the halves."""
        digest = array_digest(images_NCHW)
        if digest not in self._known:
            features_NF, _ = extract(self._extractor, torch.from_numpy(images_NCHW))
            _require_finite(features_NF)
            halves = [fid_of_few(self._real, features_NF[half]) for half in _halves(len(features_NF))]
            self._known[digest] = fid_of_few(self._real, features_NF), np.array(halves)
        return self._known[digest]


def _levels_of(disturbance: Disturbance, measured: _Measured, *, floor: float) -> Iterator[ExaminedLevel]:
    below, below_halves = None, np.zeros(_HALVES)
    for level in disturbance.levels:
        images_NCHW = disturbance.at(level)
        distance, halves = measured.of(images_NCHW)
        yield ExaminedLevel(
            disturbance=disturbance.name,
            level=level,
            images=len(images_NCHW),
            floor=floor,
            distance=distance,
            rise=0.0 if below is None else distance - below,
            error=float(np.std(halves - below_halves, ddof=1)),
        )
        below, below_halves = distance, halves


def _halves(count: int) -> list[npt.NDArray[np.int64]]:
    random = np.random.default_rng(0)
    return [random.permutation(count)[: count // 2] for _ in range(_HALVES)]


def _require_finite(features_NF: npt.NDArray[np.float32]) -> None:
    if not np.isfinite(features_NF).all():
        faulty = f"{int((~np.isfinite(features_NF)).sum())} NaN or infinite values"
        raise GanError("An extractor gives finite features", faulty, "The extractor is damaged, or of another range.")
