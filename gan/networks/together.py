"""This module calls generators and critics: one of them, or several of one architecture in one go.

Shapes: n networks, B batch of each, I columns of a generator's inputs, K classes, C H W image channels, height, width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gan.networks.critic import Critic, scores_for
from gan.networks.dcgan import Generator, images_through
from gan.networks.fused_layers import apart, run_fused, side_by_side

# Several run as one network of K groups, and not under torch.func.vmap (seen with PyTorch 2.14), for four reasons.
# Its rule for a convolution whose weights differ is the grouped convolution of fused_layers, so that it is no faster.
# It has no rule for the critic's spectral norm, whose power iteration writes with out=. The autograd functions of
# gan.networks.convolutions would each need a rule. And it wants all weights stacked into new tensors, while here each
# network keeps its own, for its optimiser, its average and its checkpoint.


@dataclass(frozen=True)
class Shown:
    """Images BCHW as a critic is shown them, with their classes one-hot BK where it knows classes."""

    images_BCHW: Tensor
    classes_BK: Tensor | None = None


def joined(shown: Sequence[Shown]) -> Shown:
    """Returns all images in their order, with their classes where they have any."""
    classes = [one.classes_BK for one in shown if one.classes_BK is not None]
    return Shown(torch.cat([one.images_BCHW for one in shown]), torch.cat(classes) if classes else None)


def run_generators(generators: Sequence[Generator], inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Returns the images BCHW of each generator at its own inputs BI."""
    if len(generators) == 1:
        return [generators[0](inputs[0])]
    layers = partial(run_fused, [generator.layers for generator in generators])
    return apart(images_through(layers, side_by_side(inputs)), len(generators))


def run_critics(critics: Sequence[Critic], shown: Sequence[Shown]) -> Sequence[Tensor]:
    """Returns the scores B of each critic for its own images."""
    if len(critics) == 1:
        return [critics[0](shown[0].images_BCHW, shown[0].classes_BK)]
    outputs = run_fused([critic.layers for critic in critics], side_by_side([one.images_BCHW for one in shown]))
    return [scores_for(own, one.classes_BK) for own, one in zip(apart(outputs, len(critics)), shown, strict=True)]
