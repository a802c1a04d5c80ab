"""This module has the data set's own extractor where it has no classes: a small network learnt from images alone.

It looks at patches. Each is freed of its mean and brought to one contrast, whitened, and compared with a vocabulary of
typical patches that k-means finds (Coates, Ng & Lee, 2011, "An analysis of single-layer networks in unsupervised
feature learning"): what is where of each is one layer, which reads the image in several sizes. Its first principal
components, whitened, are the features, so their covariance over the training images is the identity: every one counts
alike, and none is constant.

Networks of the classifier's size were tried with more time. On drawn shapes VICReg was blind to missing classes, plain
contrastive learning (NT-Xent) found the class of 12% of images by their nearest neighbour, of 10 classes, and
prediction of rotations showed almost nothing of dropped modes. Discrimination of instances was tried on digits alone.
What is here was chosen on shapes, seed 0.

Shapes: B batch, N images, P places, D pixels of a patch, W words of a vocabulary, F features, C H W image.
"""

import warnings
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
from gan.images import to_unit_range
from gan.networks.artifacts import read_card, restore_model, save_model
from gan.seeds import generator_at, seed_at

_PATCH = 6  # pixels of a side
_STEPS = 13  # between the first and the last patch of a row, in images of 19 pixels and more
_SMALLEST = 32  # an image is read at its size, and at halves of it down to this
_FLAT = 0.3  # variance, of pixels in [-1, 1], about which a patch's contrast ceases to count
_FEW = 20.0  # by how much a little of a word counts for more than as much again
_LEARNT_FROM, _PATCHES_OF_EACH = 2000, 20
_AT_ONCE = 256


class SelfSupervisedConfig(Config):
    """A SelfSupervisedConfig describes a network of patches and from how many images its features are found.

    >>> SelfSupervisedConfig().features
    64
    """

    features: Annotated[int, Field(ge=8, le=512)] = 64
    words: Annotated[int, Field(ge=16, le=2048)] = 256
    images: Annotated[int, Field(ge=64, le=100_000)] = 5000  # at most
    seed: Annotated[int, Field(ge=0)] = 0


class _Vocabulary(nn.Module):
    """A vocabulary tells how near each place of an image is to each of its words, at one size of the image."""

    mean_D: Tensor
    whitening_DD: Tensor
    words_WD: Tensor

    def __init__(self, words: int, image_channels: int, *, size: int) -> None:
        super().__init__()
        pixels = image_channels * _PATCH**2
        self.size, self.stride = size, max(1, round((size - _PATCH) / _STEPS))
        self.register_buffer("mean_D", torch.zeros(pixels))
        self.register_buffer("whitening_DD", torch.eye(pixels))
        self.register_buffer("words_WD", torch.zeros(words, pixels))

    def patches(self, images_BCHW: Tensor) -> Tensor:
        """Returns the patches BPD of images, each of mean 0 and of a variance of at most 1."""
        if images_BCHW.shape[-1] != self.size:
            images_BCHW = F.interpolate(images_BCHW, size=(self.size, self.size), mode="area")
        patches_BPD = F.unfold(images_BCHW, _PATCH, stride=self.stride).transpose(1, 2)
        centred_BPD = patches_BPD - patches_BPD.mean(2, keepdim=True)
        return centred_BPD * (centred_BPD.square().mean(2, keepdim=True) + _FLAT).rsqrt()

    def whitened(self, patches_BPD: Tensor) -> Tensor:
        return (patches_BPD - self.mean_D) @ self.whitening_DD

    def forward(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Returns how much of each word is in each quarter (B, 4W) and where it is most (BW), as logarithms.

        A place has as much of a word as it is nearer to it than to the average word, or nothing. Without logarithms a
        drawing of noise is further from the images than an empty one.
        """
        patches_BPD = self.whitened(self.patches(images_BCHW))
        squares_BP1, squares_W = patches_BPD.square().sum(2, keepdim=True), self.words_WD.square().sum(1)
        apart_BPW = (squares_BP1 + squares_W - 2 * patches_BPD @ self.words_WD.T).clamp(min=1e-6).sqrt()
        near_BPW = F.relu(apart_BPW.mean(2, keepdim=True) - apart_BPW)
        side = round(near_BPW.shape[1] ** 0.5)
        near_BWHW = near_BPW.transpose(1, 2).reshape(len(near_BPW), -1, side, side)
        quarters = F.adaptive_avg_pool2d(near_BWHW, 2).flatten(1)
        most = (near_BPW.square().mean(1) + 1e-6).sqrt()
        return torch.log1p(_FEW * quarters), torch.log1p(_FEW * most)


class SelfSupervised(nn.Module):
    """SelfSupervised maps images BCHW in [-1, 1] to features BF. It knows no classes.

    >>> network = SelfSupervised(SelfSupervisedConfig(features=32), 1, image_size=16)
    >>> features, logits = network.read(dataset.train_images[:4])
    >>> features.shape, logits
    (torch.Size([4, 32]), None)
    """

    mean: Tensor
    projection: Tensor

    def __init__(self, config: SelfSupervisedConfig, image_channels: int, *, image_size: int) -> None:
        super().__init__()
        sizes = _sizes(image_size)
        self.config, self.image_channels, self.image_size = config, image_channels, image_size
        self.vocabularies = nn.ModuleList(_Vocabulary(config.words, image_channels, size=size) for size in sizes)
        layer = len(sizes) * 5 * config.words + 5 * image_channels
        self.register_buffer("mean", torch.zeros(layer))
        self.register_buffer("projection", torch.zeros(layer, config.features))

    @staticmethod
    def stages(image_size: int) -> int:
        """Returns how often its training yields: after a vocabulary for each size, and after the features."""
        return len(_sizes(image_size)) + 1

    def parts(self, images_BCHW: Tensor) -> list[Tensor]:
        """Returns the layer's parts: words at each size, then brightness and contrast of each channel."""
        found = [part for vocabulary in self.vocabularies for part in vocabulary(images_BCHW)]
        contrast_BC = (images_BCHW.var((2, 3), unbiased=False) + 1e-6).sqrt()
        return [*found, torch.cat([F.adaptive_avg_pool2d(images_BCHW, 2).flatten(1), contrast_BC], dim=1)]

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features_BF: Tensor = (torch.cat(self.parts(images_BCHW), dim=1) - self.mean) @ self.projection
        return features_BF

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Returns the features BF of images in [-1, 1], differentiable: for feature matching."""
        features_BF: Tensor = self(images_BCHW)
        return features_BF

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, None]:
        """Returns features BF of uint8 images."""
        parts = torch.split(images_BCHW, _AT_ONCE)
        return torch.cat([self(to_unit_range(part)) for part in parts]), None

    @property
    def num_features(self) -> int:
        return self.config.features

    @property
    def device(self) -> torch.device:
        return self.projection.device


def _sizes(image_size: int) -> list[int]:
    sizes = [image_size]
    while sizes[-1] >= 2 * _SMALLEST:
        sizes.append(sizes[-1] // 2)
    return sizes


@dataclass(frozen=True)
class SelfSupervisedProgress:
    """A SelfSupervisedProgress says how many of `total` parts of the network have been learnt.

    >>> recipe = SelfSupervisedConfig(features=8, words=16, images=64)
    >>> [progress.done for progress in train_selfsupervised(recipe, dataset)]
    [1, 2]
    """

    done: int
    total: int
    _: KW_ONLY
    network: SelfSupervised


@torch.no_grad()
def _layer_of(network: SelfSupervised, images_NCHW: Tensor) -> list[Tensor]:
    parts = [network.parts(to_unit_range(part)) for part in torch.split(images_NCHW, _AT_ONCE)]
    return [torch.cat(column) for column in zip(*parts, strict=True)]


def train_selfsupervised(config: SelfSupervisedConfig, dataset: ImageDataset) -> Iterator[SelfSupervisedProgress]:
    """Learns a network from the training images; yields after each vocabulary, and after the features.

    Raises GanError for fewer training images than twice the features, and where all of them are the same.

    >>> *_, progress = train_selfsupervised(SelfSupervisedConfig(features=16, words=32, images=500), dataset)
    >>> progress.done == progress.total, progress.network.num_features
    (True, 16)
    """
    count = len(dataset.train_images)
    _require_enough(config, dataset.train_images)
    network = SelfSupervised(config, dataset.image_channels, image_size=dataset.image_size).eval()
    order = torch.randperm(count, generator=generator_at(config.seed, "selfsupervised", "images"))
    images_NCHW = dataset.train_images[order[: config.images]]
    total = network.stages(dataset.image_size)
    for done, vocabulary in enumerate(network.vocabularies, start=1):
        assert isinstance(vocabulary, _Vocabulary)
        _learn_words(vocabulary, to_unit_range(images_NCHW[:_LEARNT_FROM]), seed=config.seed)
        yield SelfSupervisedProgress(done, total, network=network)
    _learn_projection(network, images_NCHW)
    yield SelfSupervisedProgress(total, total, network=network)


def _require_enough(config: SelfSupervisedConfig, images_NCHW: Tensor) -> None:
    of_words = -(-config.words // _PATCHES_OF_EACH)  # a word is one of the patches at least
    count, least = len(images_NCHW), max(2 * config.features, of_words)
    if count < least or config.images < of_words:
        raise GanError(
            f"{config.features} features and {config.words} words are learnt from at least {least} training images",
            count if count < least else f"extractor.images {config.images}",
            "Use more images, or lower extractor.features and extractor.words.",
        )
    if all(torch.equal(image, images_NCHW[0]) for image in images_NCHW):
        raise GanError("Features are learnt from images that differ", f"{count:,} equal ones", "Use other images.")


def _learn_words(vocabulary: _Vocabulary, images_NCHW: Tensor, *, seed: int) -> None:
    from sklearn.cluster import MiniBatchKMeans  # a second to import
    from sklearn.exceptions import ConvergenceWarning

    random = generator_at(seed, "selfsupervised", "patches", vocabulary.size)
    drawn = []
    for part in torch.split(images_NCHW, _AT_ONCE):
        patches_BPD = vocabulary.patches(part)
        places = torch.randint(patches_BPD.shape[1], (len(part), _PATCHES_OF_EACH), generator=random)
        drawn.append(patches_BPD[torch.arange(len(part))[:, None], places].flatten(0, 1))
    patches_ND = torch.cat(drawn)
    vocabulary.mean_D.copy_(patches_ND.mean(0))
    values, vectors = torch.linalg.eigh(torch.cov(patches_ND.T))
    # Directions without a tenth of the average variance are mostly noise: they are not blown up to the others' size.
    vocabulary.whitening_DD.copy_(vectors @ torch.diag((values + 0.1 * values.mean() + 1e-9).rsqrt()) @ vectors.T)
    state = seed_at(seed, "selfsupervised", "words", vocabulary.size) % 2**32
    means = MiniBatchKMeans(len(vocabulary.words_WD), batch_size=2048, n_init=1, max_iter=10, random_state=state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer different patches than words: some are equal
        means.fit(vocabulary.whitened(patches_ND).numpy())
    vocabulary.words_WD.copy_(torch.from_numpy(means.cluster_centers_))


def _learn_projection(network: SelfSupervised, images_NCHW: Tensor) -> None:
    parts = _layer_of(network, images_NCHW)
    weight = torch.cat([part.var(0).sum().clamp(min=1e-12).rsqrt().expand(part.shape[1]) for part in parts])
    layer = torch.cat(parts, dim=1).double()
    values, vectors = torch.linalg.eigh(torch.cov((layer * weight).T))
    first = slice(-network.num_features, None)
    scale = values[first].clamp(min=1e-9 * float(values[-1])).rsqrt()
    network.mean.copy_(layer.mean(0))
    network.projection.copy_(weight[:, None] * vectors[:, first] * scale)


class SelfSupervisedCard(Config):
    """A SelfSupervisedCard says what a stored network is.

    >>> SelfSupervisedCard(
    ...     config=SelfSupervisedConfig(), image_channels=1, image_size=16, dataset="digits",
    ...     dataset_digest=dataset.digest,
    ... ).kind
    'selfsupervised'
    """

    kind: Literal["selfsupervised"] = "selfsupervised"
    config: SelfSupervisedConfig
    image_channels: int
    image_size: int
    dataset: str
    dataset_digest: str
    weights_digest: str = ""


def save_selfsupervised(folder: Path, network: SelfSupervised, *, card: SelfSupervisedCard) -> SelfSupervisedCard:
    """Writes weights and card to `folder`. Returns the card with the digest of the weights filled in.

    >>> network = SelfSupervised(SelfSupervisedConfig(), 1, image_size=16)
    >>> card = SelfSupervisedCard(
    ...     config=network.config, image_channels=1, image_size=16, dataset="digits", dataset_digest="d"
    ... )
    >>> len(save_selfsupervised(folder / "selfsupervised", network, card=card).weights_digest)
    64
    """
    return save_model(folder, network, card=card)


def load_selfsupervised(folder: Path) -> tuple[SelfSupervised, SelfSupervisedCard]:
    """Returns the network in `folder`, in eval mode, with its card. Raises ArtifactError if damaged.

    >>> network = SelfSupervised(SelfSupervisedConfig(), 1, image_size=16)
    >>> card = SelfSupervisedCard(
    ...     config=network.config, image_channels=1, image_size=16, dataset="digits", dataset_digest="d"
    ... )
    >>> save_selfsupervised(folder / "stored", network, card=card).image_size
    16
    >>> network, found = load_selfsupervised(folder / "stored")
    >>> found.dataset
    'digits'
    """
    card = read_card(folder, SelfSupervisedCard)

    def build() -> SelfSupervised:
        return SelfSupervised(card.config, card.image_channels, image_size=card.image_size)

    return restore_model(folder, build, weights_digest=card.weights_digest), card
