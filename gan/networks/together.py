"""This module calls generators and critics: one of them, or several of one architecture in one go.

Shapes: K networks, B batch of each, L latent size, C H W image channels, height and width.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from gan.networks.dcgan import Critic, Generator, images_through
from gan.networks.fused_layers import apart, run_fused, side_by_side

# Several run as one network of K groups, and not under torch.func.vmap (seen with PyTorch 2.14), for four reasons.
# Its rule for a convolution whose weights differ is the grouped convolution of fused_layers, so that it is no faster.
# It has no rule for the critic's spectral norm, whose power iteration writes with out=. The autograd functions of
# gan.networks.convolutions would each need a rule. And it wants all weights stacked into new tensors, while here each
# network keeps its own, for its optimiser, its average and its checkpoint.


def run_generators(generators: Sequence[Generator], latents: Sequence[Tensor]) -> Sequence[Tensor]:
    """Returns the images BCHW of each generator at its own latents BL."""
    if len(generators) == 1:
        return [generators[0](latents[0])]
    layers = partial(run_fused, [generator.layers for generator in generators])
    return apart(images_through(layers, side_by_side(latents)), len(generators))


def run_critics(critics: Sequence[Critic], images: Sequence[Tensor]) -> Sequence[Tensor]:
    """Returns the scores B of each critic for its own images BCHW."""
    if len(critics) == 1:
        return [critics[0](images[0])]
    scores_BK11 = run_fused([critic.layers for critic in critics], side_by_side(images))
    return [scores_B111.flatten() for scores_B111 in apart(scores_BK11, len(critics))]
