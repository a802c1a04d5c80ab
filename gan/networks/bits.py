"""This module rounds a generator's weights to few bits, in its training as in the file that it leaves in.

A weight is a whole number times the scale of its channel, which is such that the channel's greatest weight is the
greatest number (Krishnamoorthi, 2018, "Quantizing deep convolutional networks for efficient inference", section 2).
BatchNorm, which a file has in the scales, changes no whole number. In training a rounded weight passes its gradient on
as if it had not been rounded (the straight-through estimator; Bengio et al., 2013).

PyTorch has the rounding as an operation. Its layers for such a training (torch.ao.nn.qat of PyTorch 2.14) are none of
ConvTranspose, and it says that the whole package goes.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan.networks.convolutions import Convolution
from gan.networks.dcgan import Generator

Bits = Literal[32, 8, 6, 4]
FLOAT_BITS: Bits = 32  # of a weight that is not rounded
FEW_BITS: tuple[Bits, ...] = (4, 6, 8)


def greatest_number(bits: int) -> int:
    """Returns the greatest whole number of a weight in so many bits, and minus it is the least."""
    return int(2 ** (bits - 1) - 1)


def scaled_axis(layer: Convolution) -> int:
    """Returns the axis of a weight whose channels have a scale each.

    They are the outgoing ones. A transposed convolution in groups, which see few channels, has one for each incoming.
    """
    return 1 if layer.transposed and layer.groups == 1 else 0


class Rounding(nn.Module):
    """A Rounding makes of a weight the nearest one of so many bits, once it has begun; its gradient passes."""

    def __init__(self, bits: Bits, axis: int) -> None:
        super().__init__()
        self.bits, self.axis, self.has_begun = bits, axis, False

    def forward(self, weight: Tensor) -> Tensor:
        return self.rounded(weight) if self.has_begun else weight

    def rounded(self, weight: Tensor) -> Tensor:
        """Returns the nearest weight of so many bits."""
        greatest = greatest_number(self.bits)
        others = [each for each in range(weight.ndim) if each != self.axis]
        reach_O = weight.detach().abs().amax(dim=others).float()
        scale_O = (reach_O / greatest).clamp(min=torch.finfo(torch.float32).tiny)  # of a channel of zeros
        none_O = torch.zeros_like(scale_O, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale_O, none_O, self.axis, -greatest, greatest)


def prepare_rounding(generator: Generator, bits: Bits) -> None:
    """Makes a generator one that ends with weights of so many bits. Nothing changes before `begin_rounding`."""
    if bits == FLOAT_BITS:
        return
    for layer in generator.layers:
        if isinstance(layer, Convolution):
            parametrize.register_parametrization(layer, "weight", Rounding(bits, scaled_axis(layer)))


def begin_rounding(generator: Generator) -> None:
    """Makes a prepared generator work with rounded weights, whose gradients move those that it keeps."""
    for _, _, rounding in _roundings(generator):
        rounding.has_begun = True


def as_rounded(generator: Generator) -> Generator:
    """Returns a prepared generator with the rounded weights, for good, begun or not; any other is returned itself."""
    found = _roundings(generator)
    if not found:
        return generator
    # Not a copy without its parametrizations: PyTorch 2.14 takes them from the class, which the original has as well.
    with torch.device("meta"):
        plain = Generator(generator.config)
    state = generator.state_dict()
    state |= {f"layers.{number}.weight": rounding.rounded(kept) for number, kept, rounding in found}
    plain.load_state_dict({name: state[name].detach().clone() for name in plain.state_dict()}, assign=True)
    return plain.train(generator.training).requires_grad_(requires_grad=False)


def _roundings(generator: Generator) -> list[tuple[int, Tensor, Rounding]]:
    """Returns of each layer that is to be rounded its number, the weight that it keeps, and how that is rounded."""
    kept = [
        (number, module)
        for number, layer in enumerate(generator.layers)
        for module in layer.modules()
        if isinstance(module, parametrize.ParametrizationList)
    ]
    return [
        (number, each.original, rounding)
        for number, each in kept
        for rounding in each
        if isinstance(rounding, Rounding)
    ]
