"""This module measures a generator under one protocol: the same latents, extractor and real images for all.

Shapes: N samples, I columns of a generator's inputs, F features, K classes, C H W image channels, height and width.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from gan.config import Config
from gan.datasets import ImageDataset
from gan.digests import value_digest
from gan.errors import AbsentScoreError
from gan.extractors.features import FeatureExtractor, extract
from gan.images import to_uint8
from gan.measuring.class_fids import class_fids
from gan.measuring.metrics import (
    FeatureStatistics,
    fid,
    fid_at_infinity,
    inception_score,
    kid,
    precision_and_recall,
    sharpness,
)
from gan.measuring.names import CLASS_FID
from gan.measuring.reference import RealReference
from gan.networks.imported import AnyGenerator
from gan.networks.latents import LatentSpace, space_of


class Protocol(Config):
    """A Protocol holds everything that makes two metric values comparable. Rows of two protocols share no axis.

    >>> one = Protocol(dataset_digest="d", extractor="classifier", extractor_digest="e", num_samples=64)
    >>> one.digest == one.model_copy(update={"latent_seed": 1}).digest
    False
    """

    version: int = 1  # of the measuring code: preprocessing, rounding to uint8, the metrics themselves
    dataset_digest: str
    extractor: str
    extractor_digest: str
    num_samples: Annotated[int, Field(ge=2)]
    latent_seed: Annotated[int, Field(ge=0)] = 0
    inception_splits: Annotated[int, Field(ge=1)] = 10
    fid_infinity: bool = False  # measured as well
    # Of a conditional generator's classes; left out elsewhere, as in protocols from before there were any.
    class_shares: tuple[float, ...] = Field(default=(), exclude_if=lambda value: value == ())
    fid_per_class: bool = Field(default=False, exclude_if=operator.not_)  # measured as well, of a conditional generator
    # Of published statistics in place of the data set's own: their digest, and whose they are.
    reference_digest: str | None = Field(default=None, exclude_if=lambda value: value is None)
    reference_by: str | None = Field(default=None, exclude_if=lambda value: value is None)

    @property
    def digest(self) -> str:
        return value_digest(self.model_dump())


class Scores(Config):
    """Scores hold Fréchet distance, Inception Score (mean and std over splits) and Variance of Laplacian of images.

    Kernel distance with its standard error, precision and recall only of a whole measurement, FID at
    infinitely many samples and FID of each class only where the protocol asks for it. `absent` says by name why a
    score that was asked for cannot be had.

    >>> few = Scores(sharpness=90.0, absent={"fid": "FID needs at least 128 samples, got 20"})
    >>> few.fid is None, few.as_dict()
    (True, {'sharpness': 90.0})
    """

    fid: float | None = None
    inception_score: float | None = None
    inception_score_std: float | None = None
    sharpness: float
    kid: float | None = None
    kid_error: float | None = None
    precision: float | None = None
    recall: float | None = None
    fid_infinity: float | None = None
    fid_per_class: dict[str, float] = Field(default_factory=dict, exclude_if=operator.not_)  # by label
    absent: dict[str, str] = Field(default_factory=dict, exclude_if=operator.not_)

    @model_validator(mode="before")
    @classmethod
    def _gathers_classes(cls, values: object) -> object:
        """Takes what `as_dict` returns as well, where each class has a name of its own."""
        if not isinstance(values, dict):
            return values
        own = {name.removeprefix(CLASS_FID): value for name, value in values.items() if name.startswith(CLASS_FID)}
        rest = {name: value for name, value in values.items() if not name.startswith(CLASS_FID)}
        return {**rest, "fid_per_class": own} if own else values

    def as_dict(self) -> dict[str, float]:
        """Returns those that were measured, by name."""
        plain = self.model_dump(exclude={"absent", "fid_per_class"}, exclude_none=True)
        return {**plain, **{CLASS_FID + label: value for label, value in self.fid_per_class.items()}}


class Metrics(Scores):
    """Metrics are the scores of a generator, whose FID is always among them.

    >>> Metrics(fid=12.5, inception_score=8.0, inception_score_std=0.1, sharpness=90.0).as_dict()["fid"]
    12.5
    """

    fid: float


class Evaluator:
    """An Evaluator measures generators under `protocol`, against the `real` images as `extractor` sees them.

    Raises AbsentScoreError when the samples of a generator are too few for a FID. Any other score that cannot be had
    is absent, with the reason.

    >>> classifier = Classifier(ClassifierConfig(features=8), 1, num_classes=10).eval()
    >>> protocol = Protocol(dataset_digest=dataset.digest, extractor="classifier", extractor_digest="", num_samples=64)
    >>> evaluator = Evaluator(protocol, classifier, real=RealReference.of(classifier, dataset))
    >>> evaluator.evaluate(teacher).fid > 0
    True
    """

    def __init__(self, protocol: Protocol, extractor: FeatureExtractor, *, real: RealReference) -> None:
        self.protocol = protocol
        self._extractor = extractor
        self._real = real

    def evaluate(self, generator: AnyGenerator, *, whole: bool = False) -> Metrics:
        """Returns the metrics of `protocol.num_samples` images made from the protocol's latents.

        `whole` adds those that cost more than a glance during training should.
        """
        inputs_NI, config = self.latents(generator.config), generator.config
        classes_NK = inputs_NI[:, config.latent_size :] if config.num_classes else None
        images_NCHW = generate(generator, inputs_NI)
        return self.measure(images_NCHW, self.protocol.inception_splits, whole=whole, classes_NK=classes_NK)

    def evaluate_held_out(self, dataset: ImageDataset) -> Scores:
        """Returns the scores of the real held-out images: what a perfect generator could be expected to reach.

        There are fewer of them than `num_samples`, so their FID is biased upwards, and absent where they are fewer
        than twice the features. The Inception Score is taken over splits of about the protocol's size, on which its
        bias depends.
        """
        images = dataset.held_out_images
        splits = max(1, round(len(images) * self.protocol.inception_splits / self.protocol.num_samples))
        features_NF, logits_NK = extract(self._extractor, images)
        found = _Found()
        found.add(("fid",), lambda: self._fid(features_NF))
        self._add_others(found, images, logits_NK=logits_NK, splits=splits)
        return Scores(**found.scores, absent=found.absent)

    def at_seed(self, latent_seed: int) -> "Evaluator":
        """Returns the same measurement at other latents, for the spread that their choice brings."""
        return Evaluator(
            self.protocol.model_copy(update={"latent_seed": latent_seed}), self._extractor, real=self._real
        )

    def latents(self, latents: LatentSpace | int) -> Tensor:
        """Returns the protocol's inputs NI, the same for every generator of one latent space."""
        protocol = self.protocol
        return evaluation_latents(
            protocol.num_samples, latents, seed=protocol.latent_seed, shares=protocol.class_shares
        )

    def measure(
        self, images_NCHW: Tensor, splits: int, *, whole: bool = False, classes_NK: Tensor | None = None
    ) -> Metrics:
        """Returns the metrics of uint8 images, the Inception Score over `splits`; of classes one-hot, FID of each."""
        features_NF, logits_NK = extract(self._extractor, images_NCHW)
        (distance,) = self._fid(features_NF)
        found = _Found({"fid": distance})
        self._add_others(found, images_NCHW, logits_NK=logits_NK, splits=splits)
        if whole:
            self._add_whole(found, features_NF)
        if whole and self.protocol.fid_per_class and classes_NK is not None:
            labels_N, num_classes = classes_NK.argmax(dim=1).numpy(), classes_NK.shape[1]
            of_classes, missing = class_fids(self._real, features_NF, labels_N=labels_N, num_classes=num_classes)
            found.scores["fid_per_class"] = of_classes
            found.absent |= {"fid_per_class": missing} if missing else {}
        return Metrics(**found.scores, absent=found.absent)

    def _fid(self, features_NF: np.ndarray) -> tuple[float]:
        return (fid(self._real.statistics, FeatureStatistics.of(features_NF)),)

    def _add_others(self, found: "_Found", images_NCHW: Tensor, *, logits_NK: np.ndarray | None, splits: int) -> None:
        found.add(("inception_score", "inception_score_std"), lambda: inception_score(logits_NK, splits))
        found.add(("sharpness",), lambda: (sharpness(images_NCHW.cpu().numpy()),))

    def _add_whole(self, found: "_Found", features_NF: np.ndarray) -> None:
        real = self._real
        found.add(("kid", "kid_error"), lambda: kid(real.samples, features_NF))
        found.add(("precision", "recall"), lambda: precision_and_recall(real.samples, features_NF))
        if self.protocol.fid_infinity:
            found.add(("fid_infinity",), lambda: (fid_at_infinity(real.statistics, features_NF),))


class _Found:
    """_Found are the scores of a measurement so far, and why others are absent."""

    def __init__(self, scores: Mapping[str, float] | None = None) -> None:
        self.scores: dict[str, Any] = dict(scores or {})
        self.absent: dict[str, str] = {}

    def add(self, names: tuple[str, ...], measure: Callable[[], tuple[float, ...]]) -> None:
        """Adds what `measure` returns under these names; where it cannot be had, why."""
        try:
            self.scores |= zip(names, measure(), strict=True)
        except AbsentScoreError as error:
            self.absent |= dict.fromkeys(names, error.reason)


def evaluation_latents(
    num_samples: int, latents: LatentSpace | int, *, seed: int, shares: Sequence[float] = ()
) -> Tensor:
    """Returns the inputs NI that a protocol of this sample count, seed and shares of classes evaluates at.

    A number is the size of normal latents.

    >>> evaluation_latents(64, 8, seed=0).shape
    torch.Size([64, 8])
    """
    return space_of(latents).inputs(num_samples, "evaluation", seed=seed, shares=shares)


@torch.inference_mode()
def generate(generator: AnyGenerator, inputs_NI: Tensor, *, batch_size: int = 256) -> Tensor:
    """Returns the images of inputs NI, uint8 NCHW, on the CPU.

    >>> generate(teacher, pool_latents(3, 8, seed=0)).dtype
    torch.uint8
    """
    device = next(generator.parameters()).device
    return torch.cat([to_uint8(generator(part.to(device))).cpu() for part in torch.split(inputs_NI, batch_size)])
