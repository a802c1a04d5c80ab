"""This module writes a folded generator as a LiteRT file, operator by operator.

Maps are NHWC within, as LiteRT's kernels have them, and the images NCHW, as those of every other export.

A transposed convolution is written as what it is equal to: each pixel of the next map sees 2x2 of this one, by one of
four kernels, so a convolution of 2x2 windows with four times the channels makes them all, which are then put in their
places. It has the same weights, takes a batch of any size, where LiteRT's own operator is bound to one, and is faster:
`python -m tests.benchmarks.litert_enlarging`.

Shapes: N batch of any size, I columns of a generator's inputs, O outgoing channels, C H W image channels,
height and width.
"""

import copy
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from ai_edge_litert.schema_py_generated import ActivationFunctionType, Padding
from torch import nn

from gan.deployment.card import INPUT, OUTPUT
from gan.deployment.eight_bits import in_int8
from gan.deployment.folding import FoldedGenerator
from gan.deployment.litert_file import LiteRtGraph
from gan.networks.convolutions import KERNEL, PADDING, STRIDE, Convolution

SAVED_BYTES = 3  # of a weight in 8 bits
SCALE_BYTES = 12  # with its zero
OPERATOR_BYTES = 150  # about, of what makes floats of it
UNBIASED, GROUPED = 6, 6  # the versions of FULLY_CONNECTED and CONV_2D that may be so
IN_CHANNELS = 5  # the version of DEQUANTIZE with scales of channels
# Which tap of a kernel of 4 weighs each pixel of a window of 2, for the second pixel of what the window before makes
# and the first of its own: of a window that begins at x - 1 these are pixels 2x - 1 and 2x.
TAPS = np.array([[2, 0], [3, 1]])
_BATCH = -1
_ROWS_AND_COLUMNS_ALONE = 0b1001  # of N, H, W and C, the others are taken whole

Arrange = Callable[[np.ndarray], np.ndarray]  # a weight of PyTorch's into the order of LiteRT's


class Store(Protocol):
    """A Store adds the weight of a convolution to a graph, in the order that `arrange` gives it."""

    def __call__(self, graph: LiteRtGraph, layer: Convolution, *, arrange: Arrange) -> int: ...


def store_float(graph: LiteRtGraph, layer: Convolution, *, arrange: Arrange) -> int:
    """Adds a convolution's weight as it is."""
    return graph.constant(arrange(layer.weight.numpy()))


def store_int8(graph: LiteRtGraph, layer: Convolution, *, arrange: Arrange) -> int:
    """Adds a weight in 8 bits with a scale for each outgoing channel, or as it is where that is smaller.

    LiteRT makes floats of it once, when it loads the file. Convolutions in groups have too few weights to a channel.
    """
    whole, scale = in_int8(layer)
    each = arrange(np.broadcast_to(scale, whole.shape))
    scales = scale.ravel() if scale.size == 1 else each.reshape(len(each), -1)[:, 0]
    if layer.groups > 1 or SAVED_BYTES * whole.size < SCALE_BYTES * scales.size + OPERATOR_BYTES:
        return store_float(graph, layer, arrange=arrange)
    stored = graph.constant(arrange(whole), scales)
    return graph.node("DEQUANTIZE", stored, shape=graph.shape(stored), version=IN_CHANNELS)


def litert_file(folded: FoldedGenerator, store: Store = store_float) -> bytes:
    """Returns a folded generator as a LiteRT file, `latent` NI to `images` NCHW, its weights kept as `store` does."""
    graph = LiteRtGraph(INPUT, folded.config.input_size)
    layers, current = list(folded.layers), graph.input
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, nn.Upsample):
            current = _repeated(graph, current)
        elif not isinstance(layer, nn.ReLU):
            assert isinstance(layer, Convolution), f"{type(layer).__name__} is no layer of a folded generator"
            current = _Layer(graph, layer, store=store, rectified=isinstance(following, nn.ReLU)).behind(current)
    images = graph.node("TANH", current, shape=graph.shape(current))
    return graph.file(_channels_first(graph, images), name=OUTPUT)


@torch.no_grad()
def with_even_map(folded: FoldedGenerator) -> FoldedGenerator:
    """Returns the same generator, the channels of whose first map reach up to 1 each, and what follows has the rest.

    A ReLU lets a factor through. So one scale is enough for the first layer, which has one for each pixel else. A
    channel of small weights and a large bias reaches as far as its bias: what follows would lose it else.
    """
    folded = copy.deepcopy(folded)
    convolutions = [layer for layer in folded.layers if isinstance(layer, Convolution)]
    makes_map = [layer.transposed and layer.kernel_size[0] > 1 for layer in convolutions]
    layer, following = convolutions[makes_map.index(True) :][:2]
    if layer.groups > 1:
        return folded  # it has few weights, which stay floats
    assert layer.bias is not None
    reach_O = torch.maximum(layer.weight.abs().amax(dim=(0, 2, 3)), layer.bias.abs())
    reach_O = reach_O.clamp(min=torch.finfo(torch.float32).tiny)
    layer.weight /= reach_O.view(-1, 1, 1)
    layer.bias /= reach_O
    following.weight *= reach_O.view(-1, 1, 1, 1) if following.transposed else reach_O.view(-1, 1, 1)
    return folded


def _repeated(graph: LiteRtGraph, current: int) -> int:
    _, height, width, channels = graph.shape(current)
    shape = (1, STRIDE * height, STRIDE * width, channels)
    size = graph.whole(*shape[1:3])
    return graph.node("RESIZE_NEAREST_NEIGHBOR", current, size, shape=shape, options="ResizeNearestNeighborOptions")


def _channels_first(graph: LiteRtGraph, current: int) -> int:
    _, height, width, channels = graph.shape(current)
    shape = (1, channels, height, width)
    if channels == 1:
        return _reshaped(graph, current, shape=shape)
    return graph.node("TRANSPOSE", current, graph.whole(0, 3, 1, 2), shape=shape, options="TransposeOptions")


def _reshaped(graph: LiteRtGraph, current: int, *, shape: tuple[int, ...]) -> int:
    new = [_BATCH, *shape[1:]]
    return graph.node("RESHAPE", current, shape=shape, options="ReshapeOptions", newShape=new)


class _Layer:
    """A _Layer puts one convolution into a graph, with its bias and the ReLU that follows."""

    def __init__(self, graph: LiteRtGraph, layer: Convolution, *, store: Store, rectified: bool) -> None:
        self._graph, self._layer, self._store = graph, layer, store
        self._activation = ActivationFunctionType.RELU if rectified else ActivationFunctionType.NONE
        self._side = int(layer.kernel_size[0])
        self._depthwise = layer.groups > 1

    def behind(self, current: int) -> int:
        """Adds it behind a tensor. Returns the one that it makes."""
        if len(self._graph.shape(current)) == len("NI"):
            return self._unfolded_by_group(current) if self._depthwise else self._unfolded(current)
        if not self._layer.transposed:
            return self._convolved(current)
        assert (self._side, self._layer.stride[0], self._layer.padding[0]) == (KERNEL, STRIDE, PADDING)
        return self._enlarged(current)

    def _unfolded(self, current: int) -> int:
        """Makes the first map of a vector, or another vector of it, where the kernel is one pixel large."""
        graph, side, channels = self._graph, self._side, self._layer.out_channels

        def arrange(weight: np.ndarray) -> np.ndarray:
            by_output = weight.transpose(2, 3, 1, 0) if self._layer.transposed else weight.transpose(2, 3, 0, 1)
            return by_output.reshape(side * side * channels, -1)

        weight = self._store(graph, self._layer, arrange=arrange)
        bias = () if self._layer.bias is None else (self._bias(side * side),)
        made = graph.node(
            "FULLY_CONNECTED", current, weight, *bias, shape=(1, side * side * channels),
            version=1 if bias else UNBIASED, options="FullyConnectedOptions", fusedActivationFunction=self._activation,
        )  # fmt: skip
        return made if side == 1 else _reshaped(graph, made, shape=(1, side, side, channels))

    def _unfolded_by_group(self, current: int) -> int:
        """Makes each channel's first map of its own part of a vector."""
        graph, channels, pixels = self._graph, self._layer.groups, self._side**2
        incoming = self._layer.in_channels

        def arrange(weight: np.ndarray) -> np.ndarray:
            return weight.reshape(channels, -1, pixels).transpose(0, 2, 1).reshape(channels * pixels, 1, 1, -1)

        weight = self._store(graph, self._layer, arrange=arrange)
        column = _reshaped(graph, current, shape=(1, 1, 1, incoming))
        made = self._convolution(
            "CONV_2D", column, weight=weight, bias=self._bias(pixels, by_channel=True),
            shape=(1, 1, 1, channels * pixels), version=GROUPED,
        )  # fmt: skip
        maps = _reshaped(graph, made, shape=(1, 1, channels, pixels))
        return _reshaped(graph, self._channels_last(maps), shape=(1, self._side, self._side, channels))

    def _convolved(self, current: int) -> int:
        graph, (_, height, width, _) = self._graph, self._graph.shape(current)
        shape = (1, height, width, self._layer.out_channels)
        if not self._depthwise:
            weight = self._store(graph, self._layer, arrange=lambda weight: weight.transpose(0, 2, 3, 1))
            return self._convolution("CONV_2D", current, weight=weight, bias=self._bias(), shape=shape)
        weight = self._store(graph, self._layer, arrange=lambda weight: weight.transpose(1, 2, 3, 0))
        return self._convolution("DEPTHWISE_CONV_2D", current, weight=weight, bias=self._bias(), shape=shape, each=1)

    def _enlarged(self, current: int) -> int:
        graph, layer, (_, height, width, incoming) = self._graph, self._layer, self._graph.shape(current)
        frame = graph.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], dtype=np.int32))
        framed = graph.node("PAD", current, frame, shape=(1, height + 2, width + 2, incoming), options="PadOptions")
        rows, columns, channels = height + 1, width + 1, layer.out_channels
        weight = self._store(graph, layer, arrange=_each_by_each if self._depthwise else _by_window)
        shape = (1, rows, columns, 4 * channels)
        stated = {"weight": weight, "bias": self._bias(4, by_channel=self._depthwise)}
        if self._depthwise:
            made = self._convolution("DEPTHWISE_CONV_2D", framed, **stated, shape=shape, each=4, same=False)
            by_channel = _reshaped(graph, made, shape=(1, rows * columns, channels, 4))
            made = _reshaped(graph, self._channels_last(by_channel), shape=shape)
        else:
            made = self._convolution("CONV_2D", framed, **stated, shape=shape, same=False)
        larger = (1, STRIDE * rows, STRIDE * columns, channels)
        placed = graph.node("DEPTH_TO_SPACE", made, shape=larger, options="DepthToSpaceOptions", blockSize=STRIDE)
        return self._without_frame(placed)

    def _without_frame(self, current: int) -> int:
        """Takes off the outermost pixels, which windows make that reach over the edge."""
        graph, (_, height, width, channels) = self._graph, self._graph.shape(current)
        return graph.node(
            "STRIDED_SLICE", current, graph.whole(0, 1, 1, 0), graph.whole(0, height - 1, width - 1, 0),
            graph.whole(1, 1, 1, 1), shape=(1, height - 2, width - 2, channels), options="StridedSliceOptions",
            beginMask=_ROWS_AND_COLUMNS_ALONE, endMask=_ROWS_AND_COLUMNS_ALONE,
        )  # fmt: skip

    def _channels_last(self, current: int) -> int:
        """Exchanges the last two axes."""
        graph, (_, rows, channels, pixels) = self._graph, self._graph.shape(current)
        order, shape = graph.whole(0, 1, 3, 2), (1, rows, pixels, channels)
        return graph.node("TRANSPOSE", current, order, shape=shape, options="TransposeOptions")

    def _convolution(
        self, kind: str, current: int, *, weight: int, bias: int, shape: tuple[int, ...], same: bool = True,
        each: int | None = None, version: int = 1,
    ) -> int:  # fmt: skip
        """Adds a convolution of stride 1; `each` is how many channels it makes of each, where these are apart."""
        return self._graph.node(
            kind, current, weight, bias, shape=shape, version=version,
            options="Conv2DOptions" if each is None else "DepthwiseConv2DOptions",
            padding=Padding.SAME if same else Padding.VALID, strideW=1, strideH=1,
            **({} if each is None else {"depthMultiplier": each}), fusedActivationFunction=self._activation,
        )  # fmt: skip

    def _bias(self, times: int = 1, *, by_channel: bool = False) -> int:
        """Adds the bias, zeros where there is none, so many times: in turns, or each channel's side by side."""
        layer = self._layer
        values = np.zeros(layer.out_channels, np.float32) if layer.bias is None else layer.bias.numpy()
        return self._graph.constant(values.repeat(times) if by_channel else np.tile(values, times))


def _by_window(weight: np.ndarray) -> np.ndarray:
    """Returns a transposed convolution's weight IO44 as that of windows: (row, column, O), 2, 2, I."""
    apart = weight[:, :, TAPS[:, :, None, None], TAPS]  # I, O, row, its tap, column, its tap
    return apart.transpose(2, 4, 1, 3, 5, 0).reshape(-1, 2, 2, weight.shape[0])


def _each_by_each(weight: np.ndarray) -> np.ndarray:
    """Returns the weight O144 of one that takes each channel alone as that of windows: 1, 2, 2, (O, row, column)."""
    apart = weight[:, 0, TAPS[:, :, None, None], TAPS]  # O, row, its tap, column, its tap
    return apart.transpose(2, 4, 0, 1, 3).reshape(1, 2, 2, -1)
