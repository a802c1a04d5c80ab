"""Weights of few bits are whole numbers times a scale for each channel, and learn as if they were not rounded."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.utils import parametrize

from gan import DistillationConfig, Generator, GeneratorConfig, build_generator, count_parameters, fold, weight_bytes
from gan.deployment.packing import in_bits
from gan.networks.bits import (
    FEW_BITS,
    Bits,
    Rounding,
    as_rounded,
    begin_rounding,
    greatest_number,
    prepare_rounding,
)
from gan.networks.convolutions import Convolution
from tests.gan.deployment.conftest import ARCHITECTURES


def test_a_channel_is_rounded_to_the_nearest_multiples_of_its_own_scale() -> None:
    weight = torch.tensor([[7.0, 3.4, -0.6, 0.4], [-70.0, 34.0, 6.0, 4.0]])[None, :, :, None]
    found = Rounding(4, 1, channels=2).rounded(weight, torch.tensor([1.0, 10.0]))
    assert found.flatten().tolist() == [7.0, 3.0, -1.0, 0.0, -70.0, 30.0, 10.0, 0.0]
    cut_off = Rounding(4, 1, channels=2).rounded(weight, torch.tensor([0.5, 10.0]))
    assert cut_off[0, 0].flatten().tolist() == [3.5, 3.5, -0.5, 0.5]


@pytest.mark.parametrize("bits", FEW_BITS)
@pytest.mark.parametrize("axis", [0, 1])
def test_it_is_the_rounding_that_pytorch_observes_for(bits: Bits, axis: int) -> None:
    from torch.ao.quantization import FakeQuantize, PerChannelMinMaxObserver

    greatest = greatest_number(bits)
    ranges: dict[str, Any] = {"quant_min": -greatest, "quant_max": greatest, "dtype": torch.qint8}
    theirs = FakeQuantize(
        observer=PerChannelMinMaxObserver, **ranges, qscheme=torch.per_channel_symmetric, ch_axis=axis, eps=1e-30
    )
    weight = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(bits))
    expected = theirs(weight)
    whole_O = weight.abs().amax(dim=[each for each in range(4) if each != axis]) / greatest  # which cuts nothing off
    assert torch.allclose(Rounding(bits, axis, channels=len(whole_O)).rounded(weight, whole_O), expected, atol=1e-6)


def test_scales_are_those_of_least_error_and_stay() -> None:
    weight = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    weight[0, 0, 0, 0], weight[0, 1] = 8.0, torch.linspace(-1.0, 1.0, 256).view(16, 16)
    rounding = Rounding(4, 1, channels=2)
    rounding.begin(weight)
    far, even = (rounding.scale_O * 7).tolist()
    assert far < 0.8 * 8.0, "one that lies far out is cut off"
    assert even > 0.9
    error = (rounding(weight) - weight).square().sum(dim=(0, 2, 3))
    for share in (0.8, 0.9, 1.1):
        assert ((rounding.rounded(weight, share * rounding.scale_O) - weight).square().sum(dim=(0, 2, 3)) > error)[1]
    before = rounding.scale_O.clone()
    rounding.begin(2 * weight)
    assert torch.equal(rounding.scale_O, before)


def test_gradients_pass_as_if_nothing_were_rounded_but_for_what_is_cut_off() -> None:
    weight = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    wanted, rounding = torch.arange(weight.numel()).view_as(weight).float(), Rounding(4, 1, channels=4)
    scale_O = torch.full((4,), 0.2)
    (rounding.rounded(weight, scale_O) * wanted).sum().backward()
    inside = weight.detach().abs() < 7.5 * 0.2
    assert 0 < inside.logical_not().sum() < 30
    assert torch.equal(weight.grad, wanted * inside)


@pytest.mark.parametrize("value", [0.0, 1e-44])
def test_a_channel_of_zeros_stays_finite(value: float) -> None:
    assert Rounding(4, 0, channels=2).settled(torch.full((2, 3, 4, 4), value)).abs().max() <= 1e-30


@pytest.mark.parametrize("bits", FEW_BITS)
@pytest.mark.parametrize("name", ["dcgan", "deep", "separable", "resize", "low-rank"])
def test_folding_leaves_the_whole_numbers_as_they_are(name: str, bits: Bits) -> None:
    generator = build_generator(ARCHITECTURES[name], seed=1)
    prepare_rounding(generator, bits)
    for step in range(3):  # so that BatchNorm scales by something
        generator(generator.config.inputs(32, "statistics", step, seed=0))
    rounded = as_rounded(generator.eval())
    own = [layer for layer in rounded.layers if isinstance(layer, Convolution)]
    folded = [layer for layer in fold(rounded).layers if isinstance(layer, Convolution)]
    for before, after in zip(own, folded, strict=True):
        (numbers, _), (expected, _) = (in_bits(layer, bits) for layer in (after, before))
        assert np.array_equal(np.abs(numbers), np.abs(expected))
        assert len(np.unique(numbers)) > 3


def test_a_rounded_generator_is_a_plain_one_and_makes_the_images_of_its_training(small_student: Generator) -> None:
    before = copy.deepcopy(small_student.state_dict())
    inputs_NI = small_student.config.inputs(16, "images", seed=0)
    floats = small_student(inputs_NI)
    prepare_rounding(small_student, 32)
    assert as_rounded(small_student) is small_student
    prepare_rounding(small_student, 4)
    assert torch.equal(small_student(inputs_NI), floats)
    rounded = as_rounded(small_student)
    begin_rounding(small_student)
    assert not torch.equal(small_student(inputs_NI), floats)
    assert torch.equal(rounded(inputs_NI), small_student(inputs_NI))
    assert not any(parametrize.is_parametrized(layer) for layer in rounded.layers)
    assert rounded.state_dict().keys() == before.keys()
    kept = small_student.layers[0].parametrizations["weight"].original  # type: ignore[union-attr, index]
    assert torch.equal(kept, before["layers.0.weight"])
    assert not torch.equal(rounded.state_dict()["layers.0.weight"], kept)


@pytest.fixture
def small_student() -> Generator:
    return build_generator(ARCHITECTURES["dcgan"], seed=2).eval()


def test_bytes_are_those_counted_by_hand() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=3, latent_size=8)
    # 8 inputs to 6 maps of 4x4, 6 to 3 by 4x4 kernels, 3 to the image, and BatchNorm of 6 and 3.
    weights = 8 * 6 * 16 + 6 * 3 * 16 + 3 * 1 * 16
    assert count_parameters(config) == weights + 2 * (6 + 3)
    assert weight_bytes(config) == 4 * weights + 4 * (6 + 3)
    for bits in FEW_BITS:
        assert weight_bytes(config, bits) == weights * bits // 8 + 4 * (6 + 3) + 4 * (6 + 3 + 1)


def test_bytes_of_a_separable_generator_have_a_scale_for_each_channel_that_is_taken_alone() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8, block="separable")
    # To 16 patterns, of which 4 make each of 4 maps; then mixed to 2, each enlarged alone; then the image.
    weights = 8 * 16 + 16 * 16 + 4 * 2 + 2 * 16 + 2 * 16
    scales = (16 + 16) + (2 + 2) + 1
    assert weight_bytes(config, 4) == weights // 2 + 4 * (4 + 2) + 4 * scales


def test_bytes_of_6_bits_are_whole() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=1, latent_size=1, first_layer_rank=None)
    weights = sum(layer.weight.numel() for layer in Generator(config).layers if isinstance(layer, nn.ConvTranspose2d))
    assert weight_bytes(config, 6) == -(-6 * weights // 8) + 4 * (2 + 1) + 4 * (2 + 1 + 1)


@pytest.mark.parametrize("bits", [5, 16, 0, "4", None])
def test_other_bits_are_refused(bits: Any) -> None:
    with pytest.raises(ValidationError, match="32, 8, 6 or 4"):
        DistillationConfig(kimg=1.0, bits=bits)


def test_32_bits_are_left_out_of_what_is_stored() -> None:
    assert "bits" not in DistillationConfig(kimg=1.0).model_dump()
    assert DistillationConfig(kimg=1.0, bits=4).model_dump()["bits"] == 4
    assert DistillationConfig(kimg=1.0).scheme == ""
    assert DistillationConfig(kimg=1.0, bits=4, pixels="l1", gan_weight=0.1).scheme == "l1 + 4 bits"
