"""This module runs networks of one architecture side by side, each layer of all of them as one operation.

A small network leaves a processor waiting between its many small operations; several share them here. Each has its
own weights and its own batch, and nothing of one reaches another: convolutions have a group for each network,
BatchNorm works on channels anyway. What differs from running them alone is the order of some sums.

Shapes: K networks, B batch of each, C channels of each; activations are B(KC)HW.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan.networks.blocks import Factor
from gan.networks.convolutions import ImageToMap, LatentToMap, MapToImage, MapToScore, image_to_map, map_to_image
from gan.networks.critic import MinibatchDeviation, with_deviation

BY_CHANNEL = (nn.ReLU, nn.LeakyReLU, nn.Upsample)  # which do to each channel the same


def run_fused(networks: Sequence[nn.Sequential], inputs: Tensor) -> Tensor:
    """Returns the outputs B(KC)HW of K networks of equal layers, each of its own part of the inputs B(KC)HW."""
    for layers in zip(*networks, strict=True):
        inputs = _run(layers, inputs)
    return inputs


def side_by_side(batches: Sequence[Tensor]) -> Tensor:
    """Returns K batches BCHW as B(KC)HW."""
    return torch.cat(list(batches), dim=1)


def apart(fused: Tensor, count: int) -> tuple[Tensor, ...]:
    """Returns B(KC)HW as `count` batches BCHW."""
    return fused.chunk(count, dim=1)


def _run(layers: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    first = layers[0]
    if isinstance(first, BY_CHANNEL):
        outputs: Tensor = first(inputs)
        return outputs
    if isinstance(first, nn.BatchNorm2d):
        return _normalise(layers, inputs)
    if isinstance(first, MinibatchDeviation):
        return with_deviation(inputs, networks=len(layers))
    weights = [_tensor(layer, "weight") for layer in layers]
    biases = [_tensor(layer, "bias") for layer in layers] if first.bias is not None else []
    if isinstance(first, LatentToMap | MapToScore):
        product = _multiply(inputs, weights, biases=biases, transposed=isinstance(first, LatentToMap))
        return product * first.gain if isinstance(first, Factor) else product
    weight, count = torch.cat(weights), len(layers)
    bias = torch.cat(biases) if biases else None
    if isinstance(first, MapToImage):
        return map_to_image(inputs, weight, groups=count)
    if isinstance(first, ImageToMap):
        return image_to_map(inputs, weight, bias=bias, groups=count)
    if isinstance(first, nn.ConvTranspose2d):
        padding = first.padding
        assert not isinstance(padding, str)
        return F.conv_transpose2d(inputs, weight, bias, first.stride, padding, groups=count * first.groups)
    assert isinstance(first, nn.Conv2d), "every layer of generator and critic is known here"
    return F.conv2d(inputs, weight, bias, first.stride, first.padding, groups=count * first.groups)


def _multiply(inputs: Tensor, weights: Sequence[Tensor], *, biases: Sequence[Tensor], transposed: bool) -> Tensor:
    """Runs layers that are a matrix product: each sees all of its own part of B(KC)HW."""
    count, batch = len(weights), inputs.shape[0]
    inputs_KBF = inputs.reshape(batch, count, -1).transpose(0, 1)
    weight_KFO = torch.stack([weight.flatten(1) if transposed else weight.flatten(1).t() for weight in weights])
    outputs_KBO = inputs_KBF @ weight_KFO
    if biases:
        outputs_KBO = outputs_KBO + torch.stack(list(biases))[:, None]
    size = weights[0].shape[-1] if transposed else 1
    return outputs_KBO.transpose(0, 1).reshape(batch, -1, size, size)


def _normalise(layers: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    """Runs BatchNorm in training, and brings each layer's running statistics up to date."""
    first = layers[0]
    assert isinstance(first, nn.BatchNorm2d)
    means, variances = ([_tensor(layer, name) for layer in layers] for name in ("running_mean", "running_var"))
    mean, variance = torch.cat(means), torch.cat(variances)
    weight, bias = (torch.cat([_tensor(layer, name) for layer in layers]) for name in ("weight", "bias"))
    momentum = first.momentum
    assert momentum is not None
    outputs = F.batch_norm(inputs, mean, variance, weight, bias, training=True, momentum=momentum, eps=first.eps)
    with torch.no_grad():
        torch._foreach_copy_(means + variances, [*mean.chunk(len(layers)), *variance.chunk(len(layers))])
        torch._foreach_add_([_tensor(layer, "num_batches_tracked") for layer in layers], 1)
    return outputs


def _tensor(layer: nn.Module, name: str) -> Tensor:
    tensor: Tensor = getattr(layer, name)
    return tensor
