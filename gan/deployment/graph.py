"""This module writes a folded generator as an ONNX graph, node by node, so that a file holds nothing but the network.

An exporter's graph of the same network has names and notes of its own, and a program's detours for a batch of any size.

Shapes: N batch of any size, I columns of a generator's inputs, C H W image channels, height and width.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from gan.deployment.card import BATCH, INPUT, OPSET, OUTPUT
from gan.deployment.eight_bits import in_int8
from gan.deployment.folding import FoldedGenerator
from gan.networks.convolutions import Convolution

IR_VERSION = 8  # that goes with the opset
SAVED_BYTES = 3  # of a weight in 8 bits
NODES_BYTES = 100  # about, of what makes floats of it
_BY_DEFAULT = ((1, 1), (0, 0, 0, 0), 1)  # a stride, pads and groups that a node need not state


class Graph:
    """A Graph grows by constants and nodes, and names them as they come, in the fewest bytes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def split(self, name: str, sizes: Sequence[int]) -> list[str]:
        """Adds what cuts a vector into parts of these sizes. Returns their names."""
        names = [f"t{len(self.nodes)}.{number}" for number in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [name, self.constant(np.array(sizes))], names))
        return names


Store = Callable[[Graph, Convolution], str]


def store_float(graph: Graph, layer: Convolution) -> str:
    """Adds a convolution's weight as it is. Returns its name."""
    return graph.constant(layer.weight.numpy())


def store_half(graph: Graph, layer: Convolution) -> str:
    """Adds a weight in 16 bits, which a runtime turns into floats once, when it loads the file. Returns its name."""
    with np.errstate(over="ignore"):  # infinity makes images that are refused
        half = layer.weight.numpy().astype(np.float16)
    return graph.node("Cast", graph.constant(half), to=TensorProto.FLOAT)


def store_int8(graph: Graph, layer: Convolution) -> str:
    """Adds a weight in 8 bits with a scale for each channel, or as it is where that is smaller. Returns its name.

    It is cast and multiplied, and not a DequantizeLinear: runtimes compute that on each run, and the former once.
    """
    whole, scale = in_int8(layer)
    if SAVED_BYTES * whole.size < scale.nbytes + NODES_BYTES:
        return store_float(graph, layer)
    return graph.node("Mul", graph.node("Cast", graph.constant(whole), to=TensorProto.FLOAT), graph.constant(scale))


def onnx_model(folded: FoldedGenerator, store: Store = store_float, *, graph: Graph | None = None) -> onnx.ModelProto:
    """Returns the ONNX model of a folded generator, `latent` NI to `images` NCHW, its weights kept as `store` does.

    A `graph` may hold the weights already.
    """
    graph = graph or Graph()
    current = graph.node("Unsqueeze", INPUT, graph.constant(np.array([2, 3])))
    for layer in folded.layers:
        current = add_layer(graph, layer, current=current, store=store)
    graph.node("Tanh", current, output=OUTPUT)
    return model_of(graph, folded)


def add_layer(graph: Graph, layer: nn.Module, *, current: str, store: Store) -> str:
    """Adds a layer of a folded generator behind `current`. Returns the name of what it puts out."""
    if isinstance(layer, nn.ReLU):
        return graph.node("Relu", current)
    if isinstance(layer, nn.Upsample):
        scales = graph.constant(np.array([1, 1, 2, 2], dtype=np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return graph.node("Resize", current, "", scales, **how)
    assert isinstance(layer, Convolution), f"{type(layer).__name__} is no layer of a folded generator"
    return add_convolution(graph, layer, current=current, weight=store(graph, layer))


def add_convolution(graph: Graph, layer: Convolution, *, current: str, weight: str) -> str:
    """Adds a convolution with a weight that the graph holds. Returns the name of what it puts out."""
    bias = () if layer.bias is None else (graph.constant(layer.bias.numpy()),)
    rows, columns = (int(each) for each in layer.padding)
    stated: dict[str, Any] = {
        "kernel_shape": [*layer.kernel_size],
        "strides": layer.stride,
        "pads": (rows, columns) * 2,  # before, then behind
        "group": layer.groups,
    }
    told = {name: value for name, value in stated.items() if value not in _BY_DEFAULT}
    return graph.node("ConvTranspose" if layer.transposed else "Conv", current, weight, *bias, **told)


def model_of(graph: Graph, folded: FoldedGenerator) -> onnx.ModelProto:
    """Returns the checked model of a whole graph."""
    config = folded.config
    shape = [BATCH, config.image_channels, config.image_size, config.image_size]
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, config.input_size])]
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)]
    whole = helper.make_graph(graph.nodes, "generator", inputs, outputs, graph.constants)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(whole, opset_imports=opsets, ir_version=IR_VERSION, producer_name="ganlimit")
    onnx.checker.check_model(model)
    return model
