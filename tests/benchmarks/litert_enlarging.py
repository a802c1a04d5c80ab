"""Two ways of LiteRT to enlarge a map: its transposed convolution, and windows that are put in their places.

    python -m tests.benchmarks.litert_enlarging [--sizes 16 32 64] [--widths 2 8 32]

Both files draw the same images; `gan.deployment.litert` writes the second one. Each has turns on one thread, beside
PyTorch; ms of one image at the median, and at 5%.
"""

import argparse
import tempfile
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType, Padding

from gan import FoldedGenerator, GeneratorConfig, eager, fold, latencies
from gan.deployment.card import INPUT, OUTPUT
from gan.deployment.in_pytorch import threads_of_torch
from gan.deployment.litert import litert_file
from gan.deployment.litert_file import LiteRtGraph
from gan.deployment.runtimes import Runner, open_litert
from gan.networks.convolutions import Convolution
from tests.benchmarks.deployment import LATENT_SIZE, settled

WITH_ACTIVATION = 4  # the version of TRANSPOSE_CONV that may have one


def directly(folded: FoldedGenerator) -> bytes:
    """Returns a DCGAN generator as a LiteRT file of transposed convolutions, for one image at a time, NHWC."""
    first, *others = [layer for layer in folded.layers if isinstance(layer, Convolution)]
    graph, side = LiteRtGraph(INPUT, folded.config.input_size), int(first.kernel_size[0])
    weight = graph.constant(first.weight.numpy().transpose(2, 3, 1, 0).reshape(-1, first.in_channels))
    assert first.bias is not None
    bias, rectified = graph.constant(np.tile(first.bias.numpy(), side * side)), ActivationFunctionType.RELU
    current = graph.node(
        "FULLY_CONNECTED", graph.input, weight, bias, shape=(1, graph.shape(weight)[0]),
        options="FullyConnectedOptions", fusedActivationFunction=rectified,
    )  # fmt: skip
    shape: tuple[int, ...] = (1, side, side, first.out_channels)
    current = graph.node("RESHAPE", current, shape=shape, options="ReshapeOptions", newShape=[*shape])
    for layer in others:
        shape = (1, 2 * shape[1], 2 * shape[2], layer.out_channels)
        constants = [graph.whole(*shape), graph.constant(layer.weight.numpy().transpose(1, 2, 3, 0)), current]
        constants += [] if layer.bias is None else [graph.constant(layer.bias.numpy())]
        current = graph.node(
            "TRANSPOSE_CONV", *constants, shape=shape, version=WITH_ACTIVATION, options="TransposeConvOptions",
            padding=Padding.SAME, strideW=2, strideH=2,
            fusedActivationFunction=ActivationFunctionType.NONE if layer is others[-1] else rectified,
        )  # fmt: skip
    return graph.file(graph.node("TANH", current, shape=shape), name=OUTPUT)


def opened(content: bytes, folder: Path) -> Runner:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return open_litert(path, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 8, 32])
    given = parser.parse_args()
    print("size width | bytes: direct, windows | ms: PyTorch, direct, windows | at 5%: PyTorch, direct, windows")
    with threads_of_torch(1), tempfile.TemporaryDirectory() as name:
        for size, width in product(given.sizes, given.widths):
            channels = 1 if size == 16 else 3
            shape = {"image_size": size, "image_channels": channels, "latent_size": LATENT_SIZE}
            config = GeneratorConfig.model_validate({**shape, "width": width})
            generator = settled(config)
            files = [directly(fold(generator)), litert_file(fold(generator))]
            direct, windows = (opened(content, Path(name)) for content in files)
            inputs_NI = config.inputs(1, "latency", seed=0).numpy()
            assert np.abs(direct(inputs_NI).transpose(0, 3, 1, 2) - windows(inputs_NI)).max() < 1e-4
            calls = {"PyTorch": eager(generator, 1)}
            calls |= {"direct": partial(direct, inputs_NI), "windows": partial(windows, inputs_NI)}
            found = latencies(calls, 1).values()
            medians, lows = ([f"{getattr(each, field):.3f}" for each in found] for field in ("median_ms", "low_ms"))
            print(size, width, "|", *map(len, files), "|", *medians, "|", *lows, flush=True)


if __name__ == "__main__":
    main()
