"""What images are measured in: an extractor's features give FID, its logits the Inception Score.

Here the abstraction, and the data set's own classifier; `gan.inception` has the other one.

Shapes: B batch, N samples, F features, K classes, C H W image channels, height and width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan.config import Config
from gan.datasets import ImageDataset
from gan.images import to_unit_range
from gan.seeds import build_seeded, generator_at, seed_at


class FeatureExtractor(Protocol):
    """A frozen network that reads images as they are stored."""

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Features BF and logits BK, float32, of uint8 images."""
        ...

    @property
    def device(self) -> torch.device: ...


class ClassifierConfig(Config):
    """A small convolutional classifier and its training."""

    features: Annotated[int, Field(ge=8, le=2048)] = 64
    width: Annotated[int, Field(ge=4, le=512)] = 16
    epochs: Annotated[int, Field(ge=1, le=1000)] = 20
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    max_shift: Annotated[int, Field(ge=0, le=16)] = 1
    seed: Annotated[int, Field(ge=0)] = 0


class Classifier(nn.Module):
    """Images BCHW in [-1, 1] to (penultimate features BF, logits BK)."""

    def __init__(self, config: ClassifierConfig, image_channels: int, num_classes: int) -> None:
        super().__init__()
        width = config.width
        self.config, self.image_channels, self.num_classes = config, image_channels, num_classes
        self.body = nn.Sequential(
            *_block(image_channels, width), *_block(width, 2 * width), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        )
        self.penultimate = nn.Linear(2 * width * 16, config.features)
        self.head = nn.Linear(config.features, num_classes)

    def forward(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        features_BF = self.features(images_BCHW)
        return features_BF, self.head(features_BF)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """The penultimate features BF of images in [-1, 1], differentiable: for feature matching."""
        features_BF: Tensor = F.relu(self.penultimate(self.body(images_BCHW)))
        return features_BF

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Features BF and logits BK of uint8 images."""
        found: tuple[Tensor, Tensor] = self(to_unit_range(images_BCHW))
        return found

    @property
    def device(self) -> torch.device:
        return self.head.weight.device


def _block(incoming: int, outgoing: int) -> list[nn.Module]:
    convolution = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outgoing), nn.ReLU(inplace=True), nn.MaxPool2d(2)]


@dataclass(frozen=True)
class ClassifierProgress:
    """After each epoch: how many are done, and the share of held-out images classified correctly."""

    epoch: int
    held_out_accuracy: float
    classifier: Classifier


def train_classifier(config: ClassifierConfig, dataset: ImageDataset) -> Iterator[ClassifierProgress]:
    """Train on the training images, with random shifts; yields after each epoch, in eval mode."""
    classifier = build_seeded(
        seed_at(config.seed, "classifier"),
        lambda: Classifier(config, dataset.image_channels, dataset.num_classes),
    )
    random = generator_at(config.seed, "classifier", "batches")
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=config.learning_rate, weight_decay=1e-3)
    steps = config.epochs * (len(dataset.train_images) // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=steps)
    for epoch in range(1, config.epochs + 1):
        classifier.train()
        order = torch.randperm(len(dataset.train_images), generator=random)
        for index_B in torch.split(order, config.batch_size):
            if len(index_B) < config.batch_size:
                continue
            images_BCHW = _shifted(to_unit_range(dataset.train_images[index_B]), config.max_shift, random)
            loss = F.cross_entropy(classifier(images_BCHW)[1], dataset.train_labels[index_B])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        classifier.eval()
        yield ClassifierProgress(epoch, _held_out_accuracy(classifier, dataset), classifier)


def _shifted(images_BCHW: Tensor, max_shift: int, random: torch.Generator) -> Tensor:
    dy, dx = torch.randint(-max_shift, max_shift + 1, (2,), generator=random).tolist()
    return images_BCHW.roll((dy, dx), (2, 3))


def _held_out_accuracy(classifier: Classifier, dataset: ImageDataset) -> float:
    _, logits = extract(classifier, dataset.held_out_images)
    return float((logits.argmax(axis=1) == dataset.held_out_labels.numpy()).mean())


@torch.inference_mode()
def extract(extractor: FeatureExtractor, images_NCHW: Tensor, batch_size: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Features NF and logits NK, float32, of uint8 images."""
    parts = [extractor.read(part.to(extractor.device)) for part in torch.split(images_NCHW, batch_size)]
    features, logits = (torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True))
    return features, logits
