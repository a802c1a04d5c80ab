"""This module writes a network of the user's own as an ONNX graph: PyTorch's exporter translates its program.

What that puts beside the network, notes of where each node came from, is left out: it is a third of a small file.
"""

from pathlib import Path

import onnx
import onnxscript  # which PyTorch's exporter needs, and does not bring
import torch

from gan.deployment.card import BATCH, INPUT, OUTPUT
from gan.deployment.refusing import refused
from gan.networks.own_network import first_line, quietly


def own_model(program: torch.export.ExportedProgram, path: Path) -> onnx.ModelProto:
    """Returns the ONNX model of a program, `latent` to `images`, with its weights inside. `path` is told in errors.

    Raises FormatError where the exporter has no ONNX operators for what the network does.
    """
    try:
        with quietly():
            exported = torch.onnx.export(
                program, dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False
            )
    except Exception as error:  # of many kinds, by what the exporter meets
        raise refused(
            error,
            rule="onnx is for networks that PyTorch's exporter has ONNX operators for",
            value=f"{path} ({first_line(error)}; onnxscript {onnxscript.__version__})",
            remedy="Export it as torch-export, or with the tools of the framework that it came from.",
        ) from error
    assert exported is not None
    model: onnx.ModelProto = exported.model_proto
    _strip(model)
    onnx.checker.check_model(model)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Removes what tells of the exporter and of the Python that was exported, and nothing that is computed."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *model.functions):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for node in (node for function in model.functions for node in function.node):
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    del graph.value_info[:]
    graph.name, model.producer_name, model.producer_version = "generator", "ganlimit", ""
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
