"""This module measures a generator under one protocol: the same latents, extractor and real images for all.

Shapes: N samples, I columns of a generator's inputs, F features, K classes, C H W image channels, height and width.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from gan.config import Config
from gan.datasets import ImageDataset
from gan.digests import value_digest
from gan.extractors.features import FeatureExtractor, extract
from gan.images import to_uint8
from gan.measuring.metrics import (
    FeatureStatistics,
    fid,
    fid_at_infinity,
    inception_score,
    kid,
    precision_and_recall,
    sharpness,
)
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

    @property
    def digest(self) -> str:
        return value_digest(self.model_dump())


class Metrics(Config):
    """Metrics hold Fréchet distance, Inception Score (mean and std over splits) and Variance of Laplacian.

    Kernel distance with its standard error, precision and recall only of a whole measurement, FID at
    infinitely many samples only where the protocol asks for it.

    >>> Metrics(fid=12.5, inception_score=8.0, inception_score_std=0.1, sharpness=90.0).as_dict()["fid"]
    12.5
    """

    fid: float
    inception_score: float
    inception_score_std: float
    sharpness: float
    kid: float | None = None
    kid_error: float | None = None
    precision: float | None = None
    recall: float | None = None
    fid_infinity: float | None = None

    def as_dict(self) -> dict[str, float]:
        """Returns those that were measured, by name."""
        return self.model_dump(exclude_none=True)


class Evaluator:
    """An Evaluator measures generators under `protocol`, against the `real` images as `extractor` sees them.

    Raises GanError when the samples are too few for the extractor's features.

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
        images_NCHW = generate(generator, self.latents(generator.config))
        return self.measure(images_NCHW, self.protocol.inception_splits, whole=whole)

    def evaluate_held_out(self, dataset: ImageDataset) -> Metrics:
        """Returns the metrics of the real held-out images: what a perfect generator could be expected to reach.

        There are fewer of them than `num_samples`, so their FID is biased upwards. The Inception Score
        is taken over splits of about the protocol's size, on which its bias depends.
        """
        images = dataset.held_out_images
        splits = round(len(images) * self.protocol.inception_splits / self.protocol.num_samples)
        return self.measure(images, max(1, splits))

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

    def measure(self, images_NCHW: Tensor, splits: int, *, whole: bool = False) -> Metrics:
        """Returns the metrics of uint8 images, the Inception Score over `splits`."""
        features_NF, logits_NK = extract(self._extractor, images_NCHW)
        assert logits_NK is not None, "the Inception Score needs classes"
        score, score_std = inception_score(logits_NK, splits)
        metrics = Metrics(
            fid=fid(self._real.statistics, FeatureStatistics.of(features_NF)),
            inception_score=score,
            inception_score_std=score_std,
            sharpness=sharpness(images_NCHW.cpu().numpy()),
        )
        return metrics.model_copy(update=self._rest(features_NF)) if whole else metrics

    def _rest(self, features_NF: np.ndarray) -> dict[str, float]:
        distance, error = kid(self._real.features_MF, features_NF)
        precision, recall = precision_and_recall(self._real.features_MF, features_NF)
        found = {"kid": distance, "kid_error": error, "precision": precision, "recall": recall}
        if self.protocol.fid_infinity:
            found["fid_infinity"] = fid_at_infinity(self._real.statistics, features_NF)
        return found


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
