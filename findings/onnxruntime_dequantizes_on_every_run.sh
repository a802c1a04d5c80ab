#!/usr/bin/env bash
# ONNX Runtime 1.32.0 does not fold DequantizeLinear of a constant: it computes the weight anew on every run.
#
# A weight that is stored in 8 bits can be turned into floats by DequantizeLinear, or by Cast and Mul, with the same
# numbers. The latter is computed once, when the file is loaded, and a transposed convolution behind it runs as if its
# weight had been stored in floats. The former stays in the graph, so that a file whose weights alone are in 8 bits is
# slower than the one in floats. Who wants only the bytes writes Cast and Mul.
#
# Seen, after all optimisations of the CPU: DequantizeLinear and ConvTranspose of one, ConvTranspose alone of the other,
# and equal results.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 2>/dev/null
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)
weight = random.integers(-127, 128, (8, 4, 4, 4)).astype(np.int8)
scale = np.full(4, 0.01, np.float32)
ways = {
    "DequantizeLinear": (scale, [helper.make_node("DequantizeLinear", ["w", "s", "z"], ["f"], axis=1)]),
    "Cast and Mul": (
        scale.reshape(1, 4, 1, 1),
        [helper.make_node("Cast", ["w"], ["c"], to=TensorProto.FLOAT), helper.make_node("Mul", ["c", "s"], ["f"])],
    ),
}
inputs = random.standard_normal((2, 8, 4, 4)).astype(np.float32)
nodes, results = {}, {}
for name, (scales, before) in ways.items():
    constants = {"w": weight, "s": scales, "z": np.zeros(4, np.int8)}
    graph = helper.make_graph(
        [*before, helper.make_node("ConvTranspose", ["x", "f"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])],
        "one layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 8, 8])],
        [numpy_helper.from_array(array, each) for each, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = "optimised.onnx"
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    nodes[name] = [node.op_type for node in onnx.load("optimised.onnx").graph.node]
    results[name] = session.run(None, {"x": inputs})[0]
    print(f"{name}: {', '.join(nodes[name])}")
first, second = results.values()
assert np.allclose(first, second, atol=1e-5), "no longer equal"
assert nodes["DequantizeLinear"] == ["DequantizeLinear", "ConvTranspose"], "folded now"
assert nodes["Cast and Mul"] == ["ConvTranspose"], "no longer folded"
PYTHON
