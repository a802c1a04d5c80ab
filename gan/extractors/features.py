"""This module says what images are measured in: an extractor's features give FID, its logits the Inception Score.

The abstraction is here; `gan.extractors.classifier` has the data set's own extractor, `gan.measuring.inception` the
customary one.

Shapes: B batch, N samples, F features, K classes, C H W image channels, height and width.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class FeatureExtractor(Protocol):
    """A FeatureExtractor is a frozen network that reads images as they are stored.

    >>> extractor: FeatureExtractor = Classifier(ClassifierConfig(), 1, num_classes=10)
    >>> extractor.device
    device(type='cpu')
    """

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Returns features BF and logits BK, float32, of uint8 images."""
        ...

    @property
    def device(self) -> torch.device: ...


@torch.inference_mode()
def extract(
    extractor: FeatureExtractor, images_NCHW: Tensor, *, batch_size: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """Returns features NF and logits NK, float32, of uint8 images."""
    parts = [extractor.read(part.to(extractor.device)) for part in torch.split(images_NCHW, batch_size)]
    features, logits = (torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True))
    return features, logits
