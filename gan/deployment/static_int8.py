"""This module writes a folded generator with weights and activations in 8 bits, for runtimes that compute in them.

Each tensor between two layers is rounded by a scale that was found beforehand, at latents of their own: the form that
runtimes of phones and accelerators turn into whole-number kernels. What ONNX Runtime makes of it on a CPU, a card says.

Shapes: N latents, I columns of a generator's inputs.
"""

from typing import Any

import numpy as np
import onnx
from torch import Tensor, nn

from gan.deployment.card import INPUT, OUTPUT
from gan.deployment.eight_bits import GREATEST_INT8, in_int8
from gan.deployment.folding import FoldedGenerator
from gan.deployment.graph import Graph, add_layer, model_of
from gan.networks.convolutions import Convolution

CALIBRATED = 512  # latents
LEVELS = 255  # of an activation
SEVEN_BITS = 63


def static_int8_model(folded: FoldedGenerator, *, seed: int) -> onnx.ModelProto:
    """Returns the ONNX model, its activations in the ranges that they have at 512 latents.

    These are of a place of their own in the tree of `seed`: no image is measured at them.
    """
    graph, values = Graph(), folded.config.inputs(CALIBRATED, "calibration", seed=seed)
    current = _quantised(graph, INPUT, values=values)
    current, values = graph.node("Unsqueeze", current, graph.constant(np.array([2, 3]))), values[:, :, None, None]
    layers = list(folded.layers)
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        # A ReLU needs no node: the levels of what follows it begin at 0, and anything below is rounded to that.
        if not isinstance(layer, nn.ReLU):
            current = add_layer(graph, layer, current=current, store=_store)
        values = layer(values)
        if following is not None and not isinstance(following, nn.ReLU):  # the last sums go to tanh as they are
            current = _quantised(graph, current, values=values)
    graph.node("Tanh", current, output=OUTPUT)
    return model_of(graph, folded)


def _quantised(graph: Graph, name: str, *, values: Tensor) -> str:
    """Adds what rounds a tensor to 256 levels that reach over `values`, and 0 among them. Returns its name."""
    low, high = min(values.min().item(), 0.0), max(values.max().item(), 0.0)
    scale = np.float32((high - low) / LEVELS or 1.0)
    constants = graph.constant(np.array(scale)), graph.constant(np.array(np.rint(-low / scale), dtype=np.uint8))
    return graph.node("DequantizeLinear", graph.node("QuantizeLinear", name, *constants), *constants)


def _store(graph: Graph, layer: Convolution) -> str:
    """Adds a weight in 8 bits, as whole-number kernels take it. Returns its name.

    A Conv's has 7: on CPUs without VNNI its kernel saturates with 8, and images would depend on the CPU.
    """
    whole, scale = in_int8(layer, GREATEST_INT8 if layer.transposed else SEVEN_BITS)
    along: dict[str, Any] = {"axis": int(np.argmax(scale.shape))} if scale.size > 1 else {}
    scale = scale.reshape(-1) if scale.size > 1 else scale.reshape(())
    zeros = np.zeros(scale.shape, dtype=np.int8)
    constants = graph.constant(whole), graph.constant(scale), graph.constant(zeros)
    return graph.node("DequantizeLinear", *constants, **along)
