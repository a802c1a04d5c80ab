"""The DCGAN generator family of the paper and the critic trained against it.

Shapes: B batch, L latent size, C image channels, H and W image height and width.
Generators map latents BL ~ N(0, I) to images BCHW in [-1, 1].
"""

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan.config import Config
from gan.convolutions import ImageToMap, LatentToMap, MapToImage
from gan.seeds import build_seeded

ImageSize = Literal[16, 32, 64, 128]
Width = Annotated[int, Field(ge=1, le=1024)]
Depth = Annotated[int, Field(ge=1, le=8)]


class GeneratorConfig(Config):
    """A DCGAN generator.

    Channels run latent -> 2^(s-1) w -> ... -> 2w -> w -> image over s doublings of a 4x4 map, with
    `width` w (the paper's depth scale factor d), so that one number sets the size. `depth` is the
    number of convolution layers per resolution stage; 1 is the paper's DCGAN, more adds 3x3
    convolutions after each stage's transposed convolution.
    """

    image_size: ImageSize
    image_channels: Literal[1, 3]
    width: Width
    depth: Depth = 1
    latent_size: Annotated[int, Field(ge=1, le=1024)] = 100

    @property
    def stage_channels(self) -> list[int]:
        """Channels of the hidden stages, from 4x4 upwards."""
        doublings = self.image_size.bit_length() - 3  # 4 -> image_size
        return [self.width * 2**i for i in reversed(range(doublings))]


class Generator(nn.Module):
    """Latents BL ~ N(0, I) to images BCHW, float32 in [-1, 1]."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        incoming = config.latent_size
        for stage, channels in enumerate(config.stage_channels):
            # The first stage unfolds 1x1 to 4x4; each later one doubles the resolution.
            if stage == 0:
                layers.append(LatentToMap(incoming, channels))
            else:
                layers.append(nn.ConvTranspose2d(incoming, channels, 4, 2, 1, bias=False))
            layers += _normalised_relu(channels)
            for _ in range(config.depth - 1):
                layers.append(nn.Conv2d(channels, channels, 3, padding=1, bias=False))
                layers += _normalised_relu(channels)
            incoming = channels
        layers.append(MapToImage(incoming, config.image_channels))
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, latents_BL: Tensor) -> Tensor:
        images_BCHW: Tensor = torch.tanh(self.layers(latents_BL[:, :, None, None]))
        return images_BCHW


class CriticConfig(Config):
    """A convolutional critic with spectral normalisation; `width` is its base channel count."""

    width: PositiveInt = 32


class Critic(nn.Module):
    """Images BCHW in [-1, 1] to one unbounded score per image, B."""

    def __init__(self, config: CriticConfig, image_size: int, image_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming, channels, size = image_channels, config.width, image_size
        while size > 4:
            layer = nn.Conv2d(incoming, channels, 4, 2, 1) if layers else ImageToMap(incoming, channels)
            layers += [spectral_norm(layer), nn.LeakyReLU(0.2)]
            incoming, channels, size = channels, 2 * channels, size // 2
        layers.append(spectral_norm(nn.Conv2d(incoming, 1, 4)))
        self.layers = nn.Sequential(*layers)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        scores_B: Tensor = self.layers(images_BCHW).flatten()
        return scores_B


def build_generator(config: GeneratorConfig, seed: int) -> Generator:
    """A generator with freshly drawn weights that depend on `seed` alone."""
    return build_seeded(seed, lambda: Generator(config))


def build_critic(config: CriticConfig, images: GeneratorConfig, seed: int) -> Critic:
    """A critic for the images of `images`, with weights that depend on `seed` alone."""
    return build_seeded(seed, lambda: Critic(config, images.image_size, images.image_channels))


def _normalised_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _initialise(module: nn.Module) -> None:
    # DCGAN's initialisation (Radford et al., 2015): N(0, 0.02) kernels, BatchNorm gains around 1.
    if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
