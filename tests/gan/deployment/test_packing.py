"""A student of few bits leaves in a file that has as many for each weight, and makes the images of its training."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from gan import (
    DistillationConfig,
    Generator,
    ImageDataset,
    Lesson,
    TeacherPool,
    deploy_generator,
    distill,
    fold,
    load_deployed,
    weight_bytes,
)
from gan.deployment.packing import bits_of, packed_model
from gan.networks.bits import FEW_BITS, Bits, as_rounded, prepare_rounding
from gan.networks.convolutions import Convolution
from tests.gan.deployment.conftest import ARCHITECTURES, ORIGIN, trained


def few_bits(name: str, bits: Bits) -> Generator:
    generator = trained(ARCHITECTURES[name])
    prepare_rounding(generator, bits)
    return as_rounded(generator)


@pytest.mark.parametrize("bits", FEW_BITS)
@pytest.mark.parametrize("name", ["dcgan", "separable", "resize", "low-rank", "classes", "28 pixels, colours"])
def test_the_images_are_those_of_the_training_to_rounding(name: str, bits: Bits, tmp_path: Path) -> None:
    generator = few_bits(name, bits)
    card = deploy_generator(tmp_path, generator, origin=ORIGIN, form="onnx-packed")
    assert card.bits == bits
    assert card.largest_difference < 1e-5
    assert card.operators is not None
    assert not {"BitShift", "MatMul", "Mod", "Mul", "Split"} & set(card.operators)  # which are done once, on loading


@pytest.mark.parametrize("bits", FEW_BITS)
def test_the_file_has_as_many_bits_for_each_weight(bits: Bits, tmp_path: Path) -> None:
    generator = few_bits("dcgan", bits)
    deploy_generator(tmp_path, generator, origin=ORIGIN, form="onnx-packed")
    held = [onnx.numpy_helper.to_array(each) for each in onnx.load(tmp_path / "model.onnx").graph.initializer]
    worth = 2.0 ** np.arange(bits - 1)  # of the bits but the sign's
    floats = sum(each.nbytes for each in held if each.dtype == np.float32 and not np.isin(worth, each).all())
    packed = max(each.nbytes for each in held if each.dtype.itemsize == 1)
    assert floats + packed == weight_bytes(generator.config, bits)
    layers = [layer for layer in generator.layers if isinstance(layer, Convolution)]
    assert packed == sum(layer.weight.numel() for layer in layers) * bits // 8


def test_bytes_that_are_not_full_are_filled(tmp_path: Path) -> None:
    generator = few_bits("separable low-rank", 6)
    count = sum(layer.weight.numel() for layer in generator.layers if isinstance(layer, Convolution))
    assert count % 8
    card = deploy_generator(tmp_path, generator, origin=ORIGIN, form="onnx-packed")
    assert card.largest_difference < 1e-5


def test_a_student_that_learnt_with_4_bits_is_what_its_file_makes(
    pool: TeacherPool, digits: ImageDataset, tmp_path: Path
) -> None:
    recipe = DistillationConfig(kimg=1.0, batch_size=32, bits=4)
    *_, progress = distill(ARCHITECTURES["dcgan"], recipe, lesson=Lesson(pool, digits), seed=0)
    card = deploy_generator(tmp_path, progress.generator, origin=ORIGIN, form="onnx-packed")
    inputs_NI = progress.generator.config.inputs(256, "another place", seed=1)
    with torch.no_grad():
        images_NCHW = progress.generator(inputs_NI).numpy()
    assert np.abs(load_deployed(tmp_path)(inputs_NI.numpy()) - images_NCHW).max() < 1e-3 * images_NCHW.std()
    assert card.bits == 4
    assert card.file_bytes < 0.5 * len(packed_model(fold(trained(ARCHITECTURES["dcgan"]))).SerializeToString())


def test_bits_are_told_by_the_weights_alone(small: Generator) -> None:
    assert bits_of(fold(small)) == 32
    assert [bits_of(fold(few_bits("dcgan", bits))) for bits in FEW_BITS] == list(FEW_BITS)
    generator = few_bits("dcgan", 4)
    with torch.no_grad():
        layer = generator.layers[-1]
        assert isinstance(layer, Convolution)
        layer.weight[0, 0, 0, 0] *= 1.01
    assert bits_of(fold(generator)) == 32
