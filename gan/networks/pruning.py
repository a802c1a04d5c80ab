"""This module starts a student from its teacher: the teacher's most used channels, and only these.

Each layer keeps the channels whose BatchNorm has the greatest gains, by absolute value (Liu et al., 2017, "Learning
efficient convolutional networks through network slimming"). What a student has beside them begins as what changes
nothing: a first layer of low rank as the nearest one of that rank (Eckart & Young, 1936), a refining layer that the
teacher has not as the identity.

Shapes: N inputs, R rank, M numbers of the first map.
"""

import math
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor, nn

from gan.errors import GanError
from gan.networks.blocks import Factor
from gan.networks.convolutions import Convolution
from gan.networks.dcgan import Generator, GeneratorConfig

PRUNABLE = ("dcgan", "resize")  # blocks whose convolutions mix all channels, one to a layer


def require_prunable(teacher: GeneratorConfig, student: GeneratorConfig) -> None:
    """Raises GanError where a student cannot begin as part of its teacher."""
    shapes = [(config.input_size, config.image_channels, config.image_size) for config in (teacher, student)]
    if shapes[0] != shapes[1]:
        raise GanError(
            f"A student that starts pruned has its teacher's inputs, image channels and image size {shapes[0]}",
            shapes[1],
            "Set them to the teacher's.",
        )
    if teacher.first_layer_rank is not None:
        raise GanError(
            "A student starts pruned from a teacher whose first layer is whole",
            f"one of rank {teacher.first_layer_rank}",
            "Set start: random.",
        )
    if teacher.block not in PRUNABLE or teacher.block != student.block:
        raise GanError(
            f"A student that starts pruned has its teacher's block, which is one of {', '.join(PRUNABLE)}",
            f"{teacher.block} and {student.block}",
            "Set block to the teacher's, or start: random.",
        )
    if student.depth < teacher.depth:
        raise GanError(
            f"A student that starts pruned is at least as deep as its teacher, {teacher.depth}",
            student.depth,
            "Raise depth, or set start: random.",
        )
    if any(own > whole for own, whole in zip(student.stage_channels, teacher.stage_channels, strict=True)):
        raise GanError(
            f"A student that starts pruned has at most its teacher's channels in each stage, {teacher.stage_channels}",
            student.stage_channels,
            "Lower width or stage_widths, or set start: random.",
        )


@torch.no_grad()
def start_pruned(student: Generator, teacher: Generator) -> None:
    """Gives the student the weights of its teacher's most used channels.

    A student of all channels, with a whole first layer, makes the teacher's images. Raises GanError where the student
    is not part of its teacher (other inputs or images, another block, a smaller depth, more channels), and where the
    teacher's own first layer is of low rank.

    >>> student = build_generator(teacher.config, seed=1)
    >>> start_pruned(student, teacher)
    >>> latents = pool_latents(4, 8, seed=0)
    >>> bool((student.eval()(latents) - teacher(latents)).abs().max() < 1e-5)
    True
    """
    require_prunable(teacher.config, student.config)
    own, whole = _Layers.of(student), _Layers.of(teacher)
    device = whole.paint.weight.device
    kept = torch.arange(teacher.config.input_size, device=device)
    for stage, (layers, wanted) in enumerate(zip(whole.stages, own.stages, strict=True)):
        for number, (convolution, norm) in enumerate(wanted):
            if number >= len(layers):
                _be_identity(convolution, norm, after=wanted[len(layers) - 1][1])
                continue
            source, gains = layers[number]
            chosen = gains.weight.abs().topk(norm.num_features).indices.sort().values
            weight = _among(source, kept, outgoing=chosen)
            if stage == 0 and number == 0 and own.factor is not None:
                _factorise(weight, factor=own.factor, unfold=convolution)
            else:
                convolution.weight.copy_(weight)
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).copy_(getattr(gains, name)[chosen])
            kept = chosen
    painted = torch.arange(teacher.config.image_channels, device=device)
    own.paint.weight.copy_(_among(whole.paint, kept, outgoing=painted))


@dataclass(frozen=True)
class _Layers:
    """A generator's layers that learn: those of each stage with their BatchNorm, and the one that makes the image."""

    factor: Factor | None
    stages: list[list[tuple[Convolution, nn.BatchNorm2d]]]
    _: KW_ONLY
    paint: Convolution

    @classmethod
    def of(cls, generator: Generator) -> "_Layers":
        convolutions = [layer for layer in generator.layers if isinstance(layer, Convolution)]
        factor = convolutions.pop(0) if isinstance(convolutions[0], Factor) else None
        norms = [layer for layer in generator.layers if isinstance(layer, nn.BatchNorm2d)]
        paint, depth = convolutions.pop(), generator.config.depth
        pairs = list(zip(convolutions, norms, strict=True))
        assert factor is None or isinstance(factor, Factor)
        stages = [pairs[first : first + depth] for first in range(0, len(pairs), depth)]
        return cls(factor, stages, paint=paint)


def _among(layer: Convolution, incoming: Tensor, *, outgoing: Tensor) -> Tensor:
    """Returns the part of a layer's weight from some channels to some."""
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.weight[incoming][:, outgoing]
    return layer.weight[outgoing][:, incoming]


def _factorise(weight: Tensor, *, factor: Factor, unfold: Convolution) -> None:
    """Gives two layers the product that is nearest to a first layer's weight, each an equal share of its size."""
    rank = factor.out_channels
    left_NR, sizes_R, right_RM = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    share_R = sizes_R[:rank].sqrt()
    factor.weight.copy_((left_NR[:, :rank] * share_R / factor.gain)[:, :, None, None])
    unfold.weight.copy_((share_R[:, None] * right_RM[:rank]).view_as(unfold.weight))


def _be_identity(convolution: Convolution, norm: nn.BatchNorm2d, *, after: nn.BatchNorm2d) -> None:
    """Makes a layer pass on what it is given: BatchNorm's output, rectified.

    Of a normal variable, rectified, mean and variance are known: BatchNorm divides by them, and its gain and bias
    multiply by them again. `after` is the BatchNorm of the teacher's last layer, whose output all that follow pass on.
    """
    nn.init.dirac_(convolution.weight)
    bias, gain = after.bias.double(), after.weight.double().abs().clamp(min=1e-6)
    ratio = bias / gain
    above = 0.5 * (1 + torch.erf(ratio / math.sqrt(2)))  # probability of a value above 0
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    mean = bias * above + gain * density
    variance = (bias.square() + gain.square()) * above + bias * gain * density - mean.square()
    norm.get_buffer("running_mean").copy_(mean)
    norm.get_buffer("running_var").copy_(variance)
    norm.weight.copy_((variance.clamp(min=0) + norm.eps).sqrt())
    norm.bias.copy_(mean)
