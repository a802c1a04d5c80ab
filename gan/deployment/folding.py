"""This module folds a generator for its use: BatchNorm goes into the convolutions, which become PyTorch's plain ones.

The forms of `gan.networks.convolutions` are fast in PyTorch and slow elsewhere, as other runtimes see their parts.

Shapes: B batch, I columns of a generator's inputs, O outgoing channels, C H W image channels, height and width.
"""

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from gan.networks.blocks import Factor
from gan.networks.convolutions import Convolution
from gan.networks.dcgan import Generator, GeneratorConfig, images_through

ConvolutionT = TypeVar("ConvolutionT", nn.Conv2d, nn.ConvTranspose2d)


class FoldedGenerator(nn.Module):
    """A folded generator maps inputs BI to images BCHW in [-1, 1], as the one that it was made of does in eval mode.

    Its `layers` are convolutions, transposed convolutions, ReLU and enlargements, and nothing else.

    >>> [type(layer).__name__ for layer in fold(teacher).layers]
    ['ConvTranspose2d', 'ReLU', 'ConvTranspose2d', 'ReLU', 'ConvTranspose2d']
    """

    def __init__(self, config: GeneratorConfig, layers: nn.Sequential) -> None:
        super().__init__()
        self.config, self.layers = config, layers

    def forward(self, latent: Tensor) -> Tensor:  # named as the input of every export
        return images_through(self.layers, latent)


@torch.no_grad()
def fold(generator: Generator) -> FoldedGenerator:
    """Returns the same generator without BatchNorm, of plain convolutions, in its number type.

    >>> folded, inputs_NI = fold(teacher), pool_latents(4, 8, seed=0)
    >>> bool((folded(inputs_NI) - teacher(inputs_NI)).abs().max() < 1e-5)
    True
    """
    layers: list[nn.Module] = []
    for layer in generator.layers:
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers[-1]
            assert isinstance(convolution, Convolution), "BatchNorm follows a convolution"
            _take_in(convolution, layer)
        elif isinstance(layer, nn.ConvTranspose2d):
            layers.append(_plain(layer, nn.ConvTranspose2d))
        elif isinstance(layer, nn.Conv2d):
            layers.append(_plain(layer, nn.Conv2d))
        else:
            layers.append(copy.deepcopy(layer))
    for layer, following in pairwise(layers):
        if isinstance(layer, Convolution) and isinstance(following, nn.ConvTranspose2d) and following.groups > 1:
            _even_out(layer, following)
    return FoldedGenerator(generator.config, nn.Sequential(*layers)).eval().requires_grad_(requires_grad=False)


def _plain(layer: ConvolutionT, kind: type[ConvolutionT]) -> ConvolutionT:
    """Returns PyTorch's own convolution with the weights of one of any form."""
    with torch.device("meta"):
        plain = kind(layer.in_channels, layer.out_channels, 1, groups=layer.groups, bias=False)
    plain.kernel_size, plain.stride, plain.padding = layer.kernel_size, layer.stride, layer.padding
    gain = layer.gain if isinstance(layer, Factor) else 1.0
    plain.weight = nn.Parameter(layer.weight * gain)
    return plain


def _even_out(layer: nn.Conv2d | nn.ConvTranspose2d, following: nn.ConvTranspose2d) -> None:
    """Gives all outgoing channels of a layer weights up to 1, where the next one takes each channel alone.

    No number but their product counts, and weights of one reach need one scale in 8 bits.
    """
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is None, "BatchNorm does not stand between the two"
    reach_O = layer.weight.double().abs().amax(dim=(1, 2, 3)).clamp(min=torch.finfo(torch.float32).tiny)
    layer.weight = nn.Parameter((layer.weight.double() / reach_O.view(-1, 1, 1, 1)).to(layer.weight.dtype))
    wider = following.weight.double() * reach_O.view(-1, 1, 1, 1)
    following.weight = nn.Parameter(wider.to(following.weight.dtype))


def _take_in(convolution: Convolution, norm: nn.BatchNorm2d) -> None:
    """Makes a convolution give what BatchNorm makes of its output: (x - mean) * scale + bias, for each channel."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight = convolution.weight.double()
    scale_O = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    if convolution.transposed:  # its weight is incoming, outgoing of a group; channels run through the groups
        by_group = scale_O.view(convolution.groups, 1, -1, 1, 1)
        scaled = (weight.view(convolution.groups, -1, *weight.shape[1:]) * by_group).view_as(weight)
    else:
        scaled = weight * scale_O.view(-1, 1, 1, 1)
    before_O = 0.0 if convolution.bias is None else convolution.bias.double()
    bias_O = norm.bias.double() + (before_O - norm.running_mean.double()) * scale_O
    convolution.weight = nn.Parameter(scaled.to(convolution.weight.dtype))
    convolution.bias = nn.Parameter(bias_O.to(convolution.weight.dtype))
