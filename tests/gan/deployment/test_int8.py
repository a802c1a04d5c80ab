"""Weights of 8 bits are those of the file, and where activations have 8 bits too it is said what computes in them."""

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from gan import Generator, deploy_generator, evaluation_latents, fold, load_deployed, pool_latents
from gan.deployment.static_int8 import CALIBRATED, static_int8_model
from tests.gan.deployment.conftest import ARCHITECTURES, ORIGIN, trained


def rounded(weight: Tensor) -> Tensor:
    """Returns a transposed convolution's weight as 8 bits hold it, with a scale for each outgoing channel."""
    scale = weight.abs().amax(dim=(0, 2, 3), keepdim=True) / 127
    return (weight / scale).round().clamp(-127, 127) * scale


def test_images_are_those_of_the_rounded_weights(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path, small, origin=ORIGIN, form="onnx-int8")
    expected = copy.deepcopy(fold(small))
    for layer in expected.layers:
        if isinstance(layer, torch.nn.ConvTranspose2d):
            layer.weight.copy_(rounded(layer.weight))
    inputs_NI = small.config.inputs(32, "another place", seed=1)
    found = load_deployed(tmp_path)(inputs_NI.numpy())
    assert np.abs(found - expected(inputs_NI).numpy()).max() < 1e-5
    assert np.abs(found - fold(small)(inputs_NI).numpy()).max() > 1e-3


@pytest.mark.parametrize("form", ["onnx-fp16", "onnx-int8"])
def test_weights_alone_are_floats_before_the_first_image(small: Generator, form: str, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path, small, origin=ORIGIN, form=form)  # type: ignore[arg-type]
    assert card.operators == {"ConvTranspose": 3, "Relu": 2, "Tanh": 1, "Unsqueeze": 1}
    assert card.int8_operators == {}


def test_a_static_export_says_what_computes_in_8_bits(tmp_path: Path) -> None:
    found = {}
    for name in ("dcgan", "deep", "resize"):
        generator = trained(ARCHITECTURES[name])
        found[name] = deploy_generator(tmp_path / name, generator, origin=ORIGIN, form="onnx-int8-static")
    assert found["dcgan"].int8_operators == {}  # ONNX Runtime has no transposed convolution in 8 bits
    assert found["deep"].int8_operators == {"QLinearConv": 2}
    assert found["resize"].int8_operators == {"QLinearConv": 3}


def test_no_convolution_of_8_bits_could_saturate(tmp_path: Path) -> None:
    generator = trained(ARCHITECTURES["resize"])
    deploy_generator(tmp_path, generator, origin=ORIGIN, form="onnx-int8-static")
    model = onnx.load(tmp_path / "model.onnx")
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    weights = {node.output[0]: constants[node.input[0]] for node in model.graph.node if node.input[0] in constants}
    greatest = {"Conv": 63, "ConvTranspose": 127}
    for node in model.graph.node:
        if node.op_type in greatest:
            assert weights[node.input[1]].dtype == np.int8
            assert np.abs(weights[node.input[1]].astype(int)).max() == greatest[node.op_type]


def test_ranges_are_found_at_latents_of_their_own(small: Generator) -> None:
    folded, first = fold(small), static_int8_model(fold(small), seed=0)
    assert static_int8_model(folded, seed=0) == first
    assert static_int8_model(folded, seed=1) != first
    calibrating = {tuple(row) for row in small.config.inputs(CALIBRATED, "calibration", seed=0).tolist()}
    for elsewhere in (evaluation_latents, pool_latents):
        assert not calibrating & {tuple(row) for row in elsewhere(CALIBRATED, 8, seed=0).tolist()}
