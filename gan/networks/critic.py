"""This module is the critic that generators are trained against.

Shapes: B batch, K classes, C channels, H and W height and width of an image or a map, G groups of a batch's images, N
networks side by side.
"""

import copy
import operator
from typing import Annotated, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import register_parametrization

from gan.config import Config
from gan.images import first_map_size
from gan.networks.convolutions import ImageToMap, MapToScore
from gan.seeds import build_seeded

CriticNorm = Literal["spectral", "none"]

# Images whose deviation is one number: 4 in the code of Karras et al., 2018 (networks.py, minibatch_stddev_layer).
DEVIATION_GROUP = 4


class Images(Protocol):
    """Images have a number of channels and a side in pixels."""

    @property
    def image_channels(self) -> int: ...
    @property
    def image_size(self) -> int: ...


class CriticConfig(Config):
    """A CriticConfig describes a convolutional critic; `width` is its base channel count.

    `gain` is the largest singular value at which spectral normalisation holds each layer, which otherwise is 1. With
    LeakyReLU between them layers of 1 shrink every difference on its way to the score, and a critic of them may not
    separate anything for long. `minibatch_deviation` shows the last layer how much images differ from their neighbours
    in the batch (Karras et al., 2018), by which it knows a generator that makes the same image again and again.

    >>> CriticConfig(width=8)
    CriticConfig(width=8, gain=1.0, minibatch_deviation=False)
    """

    width: Annotated[int, Field(ge=1, le=1024)] = 32
    gain: Annotated[float, Field(gt=0, le=100)] = Field(default=1.0, exclude_if=lambda gain: gain == 1.0)
    minibatch_deviation: bool = Field(default=False, exclude_if=operator.not_)


class Critic(nn.Module):
    """A critic maps images BCHW in [-1, 1] to one unbounded score per image, B.

    With the norm "spectral" each layer's largest singular value is held at the gain, 1 in Miyato et al. (2018). One
    with classes has an output more for each and adds that of the image's class: the projection of Miyato & Koyama
    (2018), with the last map as their features. It costs next to nothing, where classes as planes beside the image
    would make its first layer, the largest, 1 + K / C times as large.

    >>> [tuple(maps.shape) for maps in critic.maps(teacher(pool_latents(2, 8, seed=0)))]
    [(2, 4, 8, 8), (2, 8, 4, 4)]
    """

    def __init__(
        self, config: CriticConfig, image_size: int, *, image_channels: int, norm: CriticNorm, num_classes: int = 0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming, channels, size = image_channels, config.width, image_size
        while size > first_map_size(image_size):
            layer = nn.Conv2d(incoming, channels, 4, 2, 1) if layers else ImageToMap(incoming, channels)
            layers += [_normalised(layer, norm, gain=config.gain), nn.LeakyReLU(0.2)]
            incoming, channels, size = channels, 2 * channels, size // 2
        if config.minibatch_deviation:
            layers.append(MinibatchDeviation())
            incoming += 1
        layers.append(_normalised(MapToScore(incoming, 1 + num_classes, side=size), norm, gain=config.gain))
        self.layers = nn.Sequential(*layers)
        self.config, self.norm, self.num_classes = config, norm, num_classes
        self.image_channels, self.image_size = image_channels, image_size

    def forward(self, images_BCHW: Tensor, classes_BK: Tensor | None = None) -> Tensor:
        return scores_for(self.layers(images_BCHW), classes_BK)

    @property
    def num_maps(self) -> int:
        """Returns how many maps `maps` gives."""
        return sum(isinstance(layer, nn.LeakyReLU) for layer in self.layers)

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Returns the maps BCHW behind each LeakyReLU, from the largest to that which the scores are made of."""
        maps, found = images_BCHW, []
        for layer in self.layers[: 2 * self.num_maps]:  # what follows makes the score of the last map
            maps = layer(maps)
            if isinstance(layer, nn.LeakyReLU):
                found.append(maps)
        return found


def scores_for(outputs: Tensor, classes_BK: Tensor | None) -> Tensor:
    """Returns the scores B of a critic's outputs B(1+K)11: the first one, and with classes that of the class."""
    if classes_BK is None:
        return outputs.flatten()
    outputs_BO = outputs.flatten(1)
    return outputs_BO[:, 0] + (outputs_BO[:, 1:] * classes_BK).sum(dim=1)


def build_critic(config: CriticConfig, images: Images, *, norm: CriticNorm, seed: int, num_classes: int = 0) -> Critic:
    """Returns a critic for the images of `images`, with weights that depend on `seed` alone.

    >>> build_critic(CriticConfig(width=4), student, norm="spectral", seed=0).num_maps
    2
    """
    return build_seeded(
        seed,
        lambda: Critic(
            config, images.image_size, image_channels=images.image_channels, norm=norm, num_classes=num_classes
        ),
    )


def frozen_copy(critic: Critic) -> Critic:
    """Returns a copy in eval mode that no longer learns, its normalised weights as plain ones, which cost nothing."""
    normalised = copy.deepcopy(critic).eval()  # reading a weight in training would move the original's estimate
    # A new critic, as PyTorch's remove_parametrizations on a copy takes the weights away from the original as well.
    plain = build_seeded(
        0,
        lambda: Critic(
            critic.config,
            critic.image_size,
            image_channels=critic.image_channels,
            norm="none",
            num_classes=critic.num_classes,
        ),
    )
    for own, layer in zip(plain.layers, normalised.layers, strict=True):
        if isinstance(own, nn.Conv2d):
            own.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    return plain.eval().requires_grad_(requires_grad=False)


class MinibatchDeviation(nn.Module):
    """A MinibatchDeviation adds a channel to maps BCHW: one number for each group of images, everywhere the same."""

    def forward(self, maps: Tensor) -> Tensor:
        return with_deviation(maps)


def with_deviation(maps: Tensor, *, networks: int = 1) -> Tensor:
    """Returns B(NC)HW as B(N(C+1))HW: behind each network's channels the deviation of the image's group.

    It is the standard deviation over the group's images, at each channel and place, and of that the mean (Karras et
    al., 2018, section 3). A group is four images in a row, so that none is of real and generated images, which a critic
    is shown one behind the other; a batch that is no multiple of four is one group.
    """
    batch, height, width = maps.shape[0], *maps.shape[2:]
    groups = batch // DEVIATION_GROUP if batch % DEVIATION_GROUP == 0 else 1
    precise = torch.promote_types(maps.dtype, torch.float32)
    maps_GINF = maps.reshape(groups, batch // groups, networks, -1).to(precise)
    # In place of var(), which on a CPU takes 20 times as long over this dimension.
    variance_GNF = (maps_GINF - maps_GINF.mean(dim=1, keepdim=True)).square().mean(dim=1)
    deviation_GN = (variance_GNF + _LEAST_VARIANCE).sqrt().mean(dim=2)
    deviation_BN = deviation_GN.repeat_interleave(batch // groups, dim=0)
    maps_BNCHW = maps.reshape(batch, networks, -1, height, width)
    plane_BN1HW = deviation_BN[:, :, None, None, None].expand(batch, networks, 1, height, width)
    return torch.cat([maps_BNCHW, plane_BN1HW.to(maps.dtype)], dim=2).flatten(1, 2)


_LEAST_VARIANCE = 1e-8  # or the root would have no slope where all images are equal


class _Gain(nn.Module):
    """This scales a weight. It keeps nothing, so that a critic's tensors have the names that they have without it."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self._gain = gain

    def forward(self, weight: Tensor) -> Tensor:
        return self._gain * weight


def _normalised(layer: nn.Module, norm: CriticNorm, *, gain: float) -> nn.Module:
    if norm == "none":
        return layer
    spectral_norm(layer)
    if gain != 1.0:
        register_parametrization(layer, "weight", _Gain(gain))
    return layer
