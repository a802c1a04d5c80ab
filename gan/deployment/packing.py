"""This module writes weights in the few bits that they were trained in, as an ONNX graph that any runtime unpacks.

All weights lie in one constant. Of 6 or 4 bits it has a row for each bit: the first row has the lowest bit of every
weight, eight weights to a byte, and the last one the sign's. What takes them out again are plain nodes of constants,
which a runtime computes once, when it loads the file. ONNX's own type of 4 bits is younger than many runtimes, and of 6
bits it has none.

Shapes: N weights, K bits.
"""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto

from gan.deployment.folding import FoldedGenerator
from gan.deployment.graph import Graph, onnx_model
from gan.networks.bits import FEW_BITS, FLOAT_BITS, Bits, greatest_number, scaled_axis
from gan.networks.convolutions import Convolution

ROUNDED = 1e-3  # of a whole number: weights that were multiples of a scale are, but for the folding's last digits
BYTE = 8


def bits_of(folded: FoldedGenerator) -> Bits:
    """Returns the fewest bits that have the weights of a folded generator as they are; 32 where only floats do.

    >>> bits_of(fold(teacher))
    32
    """
    layers = [layer for layer in folded.layers if isinstance(layer, Convolution)]
    return next((bits for bits in FEW_BITS if all(_is_in(layer, bits) for layer in layers)), FLOAT_BITS)


def packed_model(folded: FoldedGenerator) -> onnx.ModelProto:
    """Returns the ONNX model of a folded generator, its weights in the fewest bits that have them as they are."""
    bits = bits_of(folded)
    if bits == FLOAT_BITS:
        return onnx_model(folded)
    layers = [layer for layer in folded.layers if isinstance(layer, Convolution)]
    numbers = [in_bits(layer, bits) for layer in layers]
    graph = Graph()
    flat = _unpacked(graph, np.concatenate([whole.ravel() for whole, _ in numbers]), bits=bits)
    parts = graph.split(flat, _sizes([whole for whole, _ in numbers], bits=bits))
    names = {}
    for layer, part, (whole, scale) in zip(layers, parts, numbers, strict=False):
        shaped = graph.node("Reshape", part, graph.constant(np.array(whole.shape)))
        names[layer] = graph.node("Mul", shaped, graph.constant(scale))
    return onnx_model(folded, lambda _, layer: names[layer], graph=graph)


def _is_in(layer: Convolution, bits: Bits) -> bool:
    whole, scale = in_bits(layer, bits)
    return bool(np.abs(layer.weight.numpy() / scale - whole).max() < ROUNDED)


def in_bits(layer: Convolution, bits: Bits) -> tuple[np.ndarray, np.ndarray]:
    """Returns a weight in whole numbers of so many bits, and the scales, shaped to multiply it, that give it back.

    Which number a channel's greatest weight is, is found out: the greatest by which all others are whole ones.
    """
    weight: np.ndarray = layer.weight.numpy()
    others = tuple(each for each in range(weight.ndim) if each != scaled_axis(layer))
    reach = np.abs(weight).max(axis=others, keepdims=True)
    reach = np.where(reach > 0, reach, 1)
    found, apart = np.zeros_like(reach), np.full_like(reach, np.inf)
    for number in range(greatest_number(bits), 0, -1):
        share = weight * (number / reach)
        own = np.abs(share - np.rint(share)).max(axis=others, keepdims=True)
        is_better = (apart >= ROUNDED) & (own < apart)
        found, apart = np.where(is_better, number, found), np.where(is_better, own, apart)
    scale = (reach / found).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale.max(keepdims=True) if np.ptp(scale) == 0 else scale


def _unpacked(graph: Graph, whole_N: np.ndarray, *, bits: Bits) -> str:
    """Adds whole numbers in so many bits and what makes floats of them, N or a few zeros more. Returns its name."""
    if bits == BYTE:
        return graph.node("Cast", graph.constant(whole_N), to=TensorProto.FLOAT)
    rows_KN = whole_N[None].view(np.uint8) >> np.arange(bits, dtype=np.uint8)[:, None] & 1
    packed = graph.constant(np.packbits(rows_KN, axis=1, bitorder="little")[:, :, None])
    places = graph.constant(np.arange(BYTE, dtype=np.uint8))
    shifted = graph.node("BitShift", packed, places, direction="RIGHT")
    lowest = graph.node("Mod", shifted, graph.constant(np.array(2, dtype=np.uint8)))
    by_row = graph.node("Reshape", lowest, graph.constant(np.array([bits, -1])))
    worth_K = 2.0 ** np.arange(bits, dtype=np.float32)
    worth_K[-1] *= -1  # two's complement
    return graph.node("MatMul", graph.constant(worth_K), graph.node("Cast", by_row, to=TensorProto.FLOAT))


def _sizes(wholes: Iterable[np.ndarray], *, bits: Bits) -> list[int]:
    """Returns how many weights each layer has, and then how many zeros fill the last bytes."""
    sizes = [whole.size for whole in wholes]
    left = -sum(sizes) % BYTE if bits != BYTE else 0
    return [*sizes, *([left] if left else [])]
