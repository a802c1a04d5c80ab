"""This module says what images are measured in: an extractor's features give FID, its logits the Inception Score.

The abstraction is here. `classifier` has the data set's own extractor, `pretrained` those of published numbers, `own`
a network of the user's.

Shapes: B batch, N samples, F features, K classes, C H W image channels, height and width.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


class FeatureExtractor(Protocol):
    """A FeatureExtractor is a frozen network that reads images as they are stored.

    >>> extractor: FeatureExtractor = Classifier(ClassifierConfig(), 1, num_classes=10)
    >>> extractor.num_features, extractor.device
    (64, device(type='cpu'))
    """

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns features BF and logits BK, float32, of uint8 images; None for the logits where it has no classes."""
        ...

    @property
    def num_features(self) -> int: ...

    @property
    def device(self) -> torch.device: ...


@runtime_checkable
class DifferentiableExtractor(FeatureExtractor, Protocol):
    """A DifferentiableExtractor is one of ours, whose features a student can be trained to match.

    >>> isinstance(Classifier(ClassifierConfig(), 1, num_classes=10), DifferentiableExtractor)
    True
    """

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Returns features BF of images in [-1, 1], differentiable."""
        ...


@torch.inference_mode()
def extract(
    extractor: FeatureExtractor, images_NCHW: Tensor, *, batch_size: int = 512
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns features NF and logits NK, float32, of uint8 images; None for the logits where it has no classes."""
    parts = [extractor.read(part.to(extractor.device)) for part in torch.split(images_NCHW, batch_size)]
    features, logits = zip(*parts, strict=True)
    return _joined(features), None if logits[0] is None else _joined(logits)


def _joined(parts: Sequence[Tensor]) -> np.ndarray:
    array: np.ndarray = torch.cat(list(parts)).cpu().numpy()
    return array
