"""This module has the data set's own extractor: a small classifier, how it is trained, and how it is stored.

Shapes: B batch, F features, K classes, C H W image channels, height and width.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gan.config import Config
from gan.datasets import ImageDataset
from gan.errors import GanError
from gan.extractors.features import extract
from gan.images import to_unit_range
from gan.networks.artifacts import read_card, restore_model, save_model
from gan.seeds import build_seeded, generator_at, seed_at

_WITHOUT_CLASSES = "set extractor: selfsupervised or inception, which need no classes"


class ClassifierConfig(Config):
    """A ClassifierConfig describes a small convolutional classifier and its training.

    >>> ClassifierConfig(epochs=5).features
    64
    """

    features: Annotated[int, Field(ge=8, le=2048)] = 64
    width: Annotated[int, Field(ge=4, le=512)] = 16
    epochs: Annotated[int, Field(ge=1, le=1000)] = 20
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    max_shift: Annotated[int, Field(ge=0, le=16)] = 1
    seed: Annotated[int, Field(ge=0)] = 0


class Classifier(nn.Module):
    """A classifier maps images BCHW in [-1, 1] to (penultimate features BF, logits BK).

    >>> features, logits = Classifier(ClassifierConfig(features=32), 1, num_classes=10).read(dataset.train_images[:4])
    >>> features.shape, logits.shape
    (torch.Size([4, 32]), torch.Size([4, 10]))
    """

    def __init__(self, config: ClassifierConfig, image_channels: int, *, num_classes: int) -> None:
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
        """Returns the penultimate features BF of images in [-1, 1], differentiable: for feature matching."""
        features_BF: Tensor = F.relu(self.penultimate(self.body(images_BCHW)))
        return features_BF

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Returns features BF and logits BK of uint8 images."""
        found: tuple[Tensor, Tensor] = self(to_unit_range(images_BCHW))
        return found

    @property
    def num_features(self) -> int:
        return self.config.features

    @property
    def device(self) -> torch.device:
        return self.head.weight.device


def _block(incoming: int, outgoing: int) -> list[nn.Module]:
    convolution = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outgoing), nn.ReLU(inplace=True), nn.MaxPool2d(2)]


@dataclass(frozen=True)
class ClassifierProgress:
    """A ClassifierProgress says how many epochs are done, and what share of held-out images is classified correctly.

    >>> ClassifierProgress(1, 0.86, classifier=classifier).epoch
    1
    """

    epoch: int
    held_out_accuracy: float
    _: KW_ONLY
    classifier: Classifier


def train_classifier(config: ClassifierConfig, dataset: ImageDataset) -> Iterator[ClassifierProgress]:
    """Trains a classifier on the training images, with random shifts; yields after each epoch, in eval mode.

    A batch holds no more than all of them. Raises GanError for a data set of one class, of which there is nothing to
    learn.

    >>> [progress] = train_classifier(ClassifierConfig(epochs=1), dataset)
    >>> progress.held_out_accuracy > 0.2
    True
    """
    _require_classes(dataset)
    classifier = build_seeded(
        seed_at(config.seed, "classifier"),
        lambda: Classifier(config, dataset.image_channels, num_classes=dataset.num_classes),
    )
    random = generator_at(config.seed, "classifier", "batches")
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=config.learning_rate, weight_decay=1e-3)
    batch_size = min(config.batch_size, len(dataset.train_images))
    steps = config.epochs * (len(dataset.train_images) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=steps)
    for epoch in range(1, config.epochs + 1):
        classifier.train()
        order = torch.randperm(len(dataset.train_images), generator=random)
        for index_B in torch.split(order, batch_size):
            if len(index_B) < batch_size:
                continue
            images_BCHW = _shifted(to_unit_range(dataset.train_images[index_B]), config.max_shift, random=random)
            loss = F.cross_entropy(classifier(images_BCHW)[1], dataset.train_labels[index_B])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        classifier.eval()
        yield ClassifierProgress(epoch, _held_out_accuracy(classifier, dataset), classifier=classifier)


def _shifted(images_BCHW: Tensor, max_shift: int, *, random: torch.Generator) -> Tensor:
    dy, dx = torch.randint(-max_shift, max_shift + 1, (2,), generator=random).tolist()
    return images_BCHW.roll((dy, dx), (2, 3))


def _held_out_accuracy(classifier: Classifier, dataset: ImageDataset) -> float:
    _, logits = extract(classifier, dataset.held_out_images)
    assert logits is not None, "a classifier has classes"
    return float((logits.argmax(axis=1) == dataset.held_out_labels.numpy()).mean())


def require_learnt(held_out_accuracy: float, dataset: ImageDataset) -> None:
    """Raises GanError where a classifier of this accuracy has not learnt to tell the data set's classes apart.

    Its features are what the training needed for that, so where it failed they are hardly better than random ones.
    Chance is the share of the largest class: whoever always says that class is right so often. A classifier must be
    without a third of that guesser's mistakes, and with 95% confidence (the lower end of Wilson's interval), since few
    held-out images prove little.

    >>> require_learnt(0.97, dataset)
    >>> try:
    ...     require_learnt(0.40, dataset)
    ... except GanError as error:
    ...     print(error.value)
    40.0% (at least 35.2%) of 359 images in 10 classes
    """
    from scipy.stats import binomtest  # slow to import, and asked for once a classifier

    _require_classes(dataset)
    labels, count = dataset.held_out_labels, len(dataset.held_out_labels)
    chance = labels.bincount().max().item() / count
    wanted = chance + (1 - chance) / 3
    least = binomtest(round(held_out_accuracy * count), count).proportion_ci(method="wilson").low
    if least < wanted:
        raise GanError(
            f"A classifier that measures quality is right on {wanted:.1%} of the held-out images or more with 95% "
            f"confidence, which is without a third of the mistakes of chance ({chance:.1%})",
            f"{held_out_accuracy:.1%} (at least {least:.1%}) of {count:,} images in {dataset.num_classes} classes",
            f"Raise extractor.epochs, check the labels, or {_WITHOUT_CLASSES}.",
        )


def _require_classes(dataset: ImageDataset) -> None:
    if dataset.num_classes < 2:
        raise GanError(
            "A classifier as extractor needs a data set of at least 2 classes",
            f"{dataset.num_classes} class, {len(dataset.train_images):,} training images",
            f"Give each class a folder, or {_WITHOUT_CLASSES}.",
        )


class ClassifierCard(Config):
    """A ClassifierCard says what a stored classifier is. `held_out_accuracy` is a share in [0, 1].

    >>> ClassifierCard(
    ...     config=ClassifierConfig(), image_channels=1, num_classes=10,
    ...     dataset="digits", dataset_digest=dataset.digest, held_out_accuracy=0.97,
    ... ).kind
    'classifier'
    """

    kind: Literal["classifier"] = "classifier"
    config: ClassifierConfig
    image_channels: int
    num_classes: int
    dataset: str
    dataset_digest: str
    held_out_accuracy: float
    weights_digest: str = ""


def save_classifier(folder: Path, classifier: Classifier, *, card: ClassifierCard) -> ClassifierCard:
    """Writes weights and card to `folder`. Returns the card with the digest of the weights filled in.

    >>> len(save_classifier(folder / "classifier", classifier, card=classifier_card).weights_digest)
    64
    """
    return save_model(folder, classifier, card=card)


def load_classifier(folder: Path) -> tuple[Classifier, ClassifierCard]:
    """Returns the classifier in `folder`, in eval mode, with its card. Raises ArtifactError if damaged.

    >>> save_classifier(folder / "loaded", classifier, card=classifier_card).num_classes
    10
    >>> network, found = load_classifier(folder / "loaded")
    >>> found.held_out_accuracy
    0.9
    """
    card = read_card(folder, ClassifierCard)

    def build() -> Classifier:
        return Classifier(card.config, card.image_channels, num_classes=card.num_classes)

    return restore_model(folder, build, weights_digest=card.weights_digest), card
