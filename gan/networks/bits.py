"""This module rounds a generator's weights to few bits, in its training as in the file that it leaves in.

A weight is a whole number times the scale of its channel (Krishnamoorthi, 2018, "Quantizing deep convolutional networks
for efficient inference", section 2). BatchNorm, which a file has in the scales, changes no whole number. In training
its gradient passes as if it had not been rounded (the straight-through estimator; Bengio et al., 2013).

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
REACHES = (1.0, 0.92, 0.85, 0.78, 0.71, 0.64)  # of a channel's greatest weight, at which others may be cut off


def greatest_number(bits: int) -> int:
    """Returns the greatest whole number of a weight in so many bits, and minus it is the least."""
    return int(2 ** (bits - 1) - 1)


def scaled_axis(layer: Convolution) -> int:
    """Returns the axis of a weight whose channels have a scale each.

    They are the outgoing ones. A transposed convolution in groups, which see few channels, has one for each incoming.
    """
    return 1 if layer.transposed and layer.groups == 1 else 0


class Rounding(nn.Module):
    """A Rounding makes of a weight the nearest one of so many bits, once it has begun; its gradient passes.

    The scales are those with which rounding changes the weight least when it begins, and stay: of scales that follow
    the weights these never come to rest. What lies beyond them is cut off, and has no gradient.
    """

    scale_O: Tensor

    def __init__(self, bits: Bits, axis: int, *, channels: int) -> None:
        super().__init__()
        self.bits, self.axis, self.has_begun = bits, axis, False
        self.register_buffer("scale_O", torch.zeros(channels))  # until it begins

    def begin(self, weight: Tensor) -> None:
        """Begins, and sets the scales where those of an earlier try are not there already."""
        self.has_begun = True
        if not self.scale_O.any():
            self.scale_O.copy_(self.best_scale(weight))

    def forward(self, weight: Tensor) -> Tensor:
        return self.rounded(weight, self.scale_O) if self.has_begun else weight

    def settled(self, weight: Tensor) -> Tensor:
        """Returns the rounded weight, by scales that are the best for it where none were set yet."""
        return self.rounded(weight, self.scale_O if self.scale_O.any() else self.best_scale(weight))

    def rounded(self, weight: Tensor, scale_O: Tensor) -> Tensor:
        """Returns the nearest weight of so many bits."""
        greatest, none_O = greatest_number(self.bits), torch.zeros_like(scale_O, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale_O, none_O, self.axis, -greatest, greatest)

    @torch.no_grad()
    def best_scale(self, weight: Tensor) -> Tensor:
        """Returns the scale of each channel with the least squared error, of some below the one that cuts nothing."""
        others = [each for each in range(weight.ndim) if each != self.axis]
        whole_O = weight.abs().amax(dim=others).float() / greatest_number(self.bits)
        scale_FO = (
            whole_O.clamp(min=torch.finfo(torch.float32).tiny) * torch.tensor(REACHES, device=weight.device)[:, None]
        )
        errors = [(self.rounded(weight, scale_O) - weight).square().sum(dim=others) for scale_O in scale_FO]
        return scale_FO.gather(0, torch.stack(errors).argmin(dim=0)[None])[0]


def prepare_rounding(generator: Generator, bits: Bits) -> None:
    """Makes a generator one that ends with weights of so many bits. Nothing changes before `begin_rounding`."""
    if bits == FLOAT_BITS:
        return
    for layer in generator.layers:
        if isinstance(layer, Convolution):
            axis = scaled_axis(layer)
            rounding = Rounding(bits, axis, channels=layer.weight.shape[axis]).to(layer.weight.device)
            parametrize.register_parametrization(layer, "weight", rounding)


def begin_rounding(generator: Generator) -> None:
    """Makes a prepared generator work with rounded weights, whose gradients move those that it keeps."""
    for _, kept, rounding in _roundings(generator):
        rounding.begin(kept)


def as_rounded(generator: Generator) -> Generator:
    """Returns a prepared generator with the rounded weights, for good, begun or not; any other is returned itself."""
    found = _roundings(generator)
    if not found:
        return generator
    # Not a copy without its parametrizations: PyTorch 2.14 takes them from the class, which the original has as well.
    with torch.device("meta"):
        plain = Generator(generator.config)
    state = generator.state_dict()
    state |= {f"layers.{number}.weight": rounding.settled(kept) for number, kept, rounding in found}
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
