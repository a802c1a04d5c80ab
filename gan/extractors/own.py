"""This module reads images with a network of the user's own: TorchScript or torch.export.

Shapes: B batch, F features, K classes, C H W image channels, height and width.
"""

import shutil
from pathlib import Path
from typing import Annotated, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from gan.config import Config, PathText
from gan.digests import file_digest, value_digest
from gan.errors import ArtifactError, GanError
from gan.networks.artifacts import CARD_FILE, read_card
from gan.networks.own_network import open_program

_CHECKED = 8  # images that a network is tried on
_AT_ONCE = 64  # images of its size held in memory


class OwnExtractorConfig(Config):
    """An OwnExtractorConfig says where a network comes from, what goes in and how many features come out.

    file: a TorchScript archive, or one of torch.export with a batch of any size (.pt2). It maps a batch to features
    BF, or to (features BF, logits BK).
    image_size, image_channels: what it takes. Images are resized to it by `resize`, with antialiasing, and a grey image
    is three equal channels.
    range: what black and white are; then `mean` is taken off and `std` divided by, a value for each channel.

    >>> own = OwnExtractorConfig(file="net.pt2", image_size=64, image_channels=3, range=(0.0, 1.0), features=128)
    >>> own.path.name, own.resize
    ('net.pt2', 'bilinear')
    """

    file: PathText
    image_size: Annotated[int, Field(ge=4, le=1024)]
    image_channels: Literal[1, 3]
    range: tuple[float, float]
    mean: tuple[float, ...] | None = None
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    resize: Literal["bilinear", "bicubic"] = "bilinear"
    features: Annotated[int, Field(ge=1, le=16384)]

    @model_validator(mode="after")
    def _has_a_value_for_each_channel(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range is black, white; got {list(self.range)}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.image_channels:
                raise ValueError(f"{name} has a value for each of {self.image_channels} channels, got {list(values)}")
        return self

    @property
    def path(self) -> Path:
        return Path(self.file).expanduser()


class OwnExtractorCard(Config):
    """An OwnExtractorCard says what a stored network is. The path in `config` is a name in its folder.

    >>> config = OwnExtractorConfig(file="net.pt2", image_size=64, image_channels=3, range=(0.0, 1.0), features=128)
    >>> other = config.model_copy(update={"resize": "bicubic"})
    >>> len({OwnExtractorCard(config=each, weights_digest="d").digest for each in (config, other)})
    2
    """

    kind: Literal["own extractor"] = "own extractor"
    config: OwnExtractorConfig
    weights_digest: str

    @property
    def digest(self) -> str:
        """Returns the digest of all that changes what it reads: its file, and how images get to it."""
        return value_digest({"file": self.weights_digest, "config": self.config.model_dump(exclude={"file"})})


class OwnExtractor:
    """An OwnExtractor maps images uint8 BCHW to features BF, and to logits BK where its network does.

    >>> config = OwnExtractorConfig(
    ...     file=str(net), image_size=16, image_channels=1, range=(-1.0, 1.0), features=8
    ... )
    >>> features, logits = import_extractor(config).read(dataset.train_images[:4])
    >>> features.shape, logits
    (torch.Size([4, 8]), None)
    """

    def __init__(self, network: nn.Module, config: OwnExtractorConfig, *, device: torch.device | str = "cpu") -> None:
        self._network, self.config = network.to(device), config
        self.num_features = config.features
        self.device = torch.device(device)
        channels = config.image_channels
        self._mean_C11 = torch.tensor(config.mean or [0.0] * channels, device=device)[:, None, None]
        self._std_C11 = torch.tensor(config.std or [1.0] * channels, device=device)[:, None, None]

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns features BF and, where the network gives them, logits BK, float32."""
        parts = [self._outputs(part) for part in torch.split(images_BCHW, _AT_ONCE)]
        features, *logits = (torch.cat(column).float() for column in zip(*parts, strict=True))
        return features, logits[0] if logits else None

    def _outputs(self, images_BCHW: Tensor) -> tuple[Tensor, ...]:
        found = self._network(self._prepared(images_BCHW))
        return (found,) if isinstance(found, Tensor) else tuple(found)

    def _prepared(self, images_BCHW: Tensor) -> Tensor:
        config = self.config
        images = images_BCHW.expand(-1, config.image_channels, -1, -1).float()
        if images.shape[2] != config.image_size:
            size = (config.image_size, config.image_size)
            images = F.interpolate(images, size, mode=config.resize, antialias=True).clamp(0, 255)
        low, high = config.range
        prepared: Tensor = (images * ((high - low) / 255) + low - self._mean_C11) / self._std_C11
        return prepared


def import_extractor(config: OwnExtractorConfig, device: torch.device | str = "cpu") -> OwnExtractor:
    """Returns the network of `config`, checked, in eval mode. Its file is code: load only one that you trust.

    Raises GanError for a file that cannot be loaded, and where it takes or makes something else than declared.

    >>> config = OwnExtractorConfig(
    ...     file=str(net), image_size=16, image_channels=1, range=(-1.0, 1.0), features=8
    ... )
    >>> import_extractor(config).num_features
    8
    """
    extractor = OwnExtractor(_network(config.path), config, device=device)
    _require_declared(extractor)
    return extractor


def save_own_extractor(folder: Path, config: OwnExtractorConfig) -> OwnExtractorCard:
    """Copies the network's file to `folder` and writes its card, which it returns.

    >>> config = OwnExtractorConfig(
    ...     file=str(net), image_size=16, image_channels=1, range=(-1.0, 1.0), features=8
    ... )
    >>> save_own_extractor(folder / "own extractor", config).config.file
    'network.pt'
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"network{config.path.suffix}"
    shutil.copyfile(config.path, folder / name)
    card = OwnExtractorCard(config=config.model_copy(update={"file": name}), weights_digest=file_digest(folder / name))
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")
    return card


def load_own_extractor(folder: Path, device: torch.device | str = "cpu") -> tuple[OwnExtractor, OwnExtractorCard]:
    """Returns the network that `save_own_extractor` kept in `folder`, with its card. Raises ArtifactError if damaged.

    >>> config = OwnExtractorConfig(
    ...     file=str(net), image_size=16, image_channels=1, range=(-1.0, 1.0), features=8
    ... )
    >>> saved = save_own_extractor(folder / "own extractor", config)
    >>> load_own_extractor(folder / "own extractor")[1] == saved
    True
    """
    card = read_card(folder, OwnExtractorCard)
    path = folder / card.config.file
    if not path.is_file() or (found := file_digest(path)) != card.weights_digest:
        raise ArtifactError(
            f"The network in {path} has the SHA-256 digest {card.weights_digest}",
            found if path.is_file() else "no file",
            "The file is damaged or was changed: delete its folder and run the same command again.",
        )
    return import_extractor(card.config.model_copy(update={"file": str(path)}), device), card


def _network(path: Path) -> nn.Module:
    try:
        return open_program(path).network.float()
    except GanError as error:
        raise GanError(
            "An own extractor is a readable TorchScript or torch.export file",
            error.value,
            "Write it with torch.jit.save or torch.export.save.",
        ) from error


@torch.inference_mode()
def _require_declared(extractor: OwnExtractor) -> None:
    config = extractor.config
    random = torch.Generator().manual_seed(0)
    shape = (_CHECKED, config.image_channels, config.image_size, config.image_size)
    images = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8).to(extractor.device)
    try:
        first, again, part = extractor.read(images), extractor.read(images), extractor.read(images[:3])
    except Exception as error:  # a network of any kind raises errors of any kind
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GanError(
            f"An own extractor maps images BCHW of {shape[1:]} to features BF, or (features BF, logits BK)",
            f"{config.path}: {reason}",
            "Correct image_size or image_channels, and export it with a dynamic batch.",
        ) from error
    features_BF, logits_BK = first
    if features_BF.shape != (_CHECKED, config.features):
        raise _wrong(
            f"An own extractor makes features BF with F = {config.features}",
            config.path,
            found=tuple(features_BF.shape),
        )
    if logits_BK is not None:
        _require_classes(logits_BK, config.path)
    if not features_BF.isfinite().all():
        raise _wrong("An own extractor makes finite features", config.path, found="NaN or infinity")
    if torch.equal(features_BF, features_BF[:1].expand_as(features_BF)):
        raise _wrong("An own extractor tells images apart", config.path, found="equal features of different images")
    slack = 1e-3 * features_BF.abs().max().item()
    if not torch.equal(features_BF, again[0]) or not torch.allclose(features_BF[:3], part[0], atol=slack):
        raise _wrong(
            "An own extractor makes one row of features of one image, in any batch", config.path,
            found="another each time", remedy="Put it into eval mode before you export it.",
        )  # fmt: skip


def _require_classes(logits_BK: Tensor, path: Path) -> None:
    if logits_BK.ndim != 2 or len(logits_BK) != _CHECKED or logits_BK.shape[1] < 2:
        raise _wrong("An own extractor's logits are BK, with K of 2 or more", path, found=tuple(logits_BK.shape))
    if not logits_BK.isfinite().all():
        raise _wrong("An own extractor makes finite logits", path, found="NaN or infinity")


def _wrong(rule: str, path: Path, *, found: object, remedy: str = "Declare what it is, or wrap it.") -> GanError:
    return GanError(rule, f"{path}: {found}", remedy)
