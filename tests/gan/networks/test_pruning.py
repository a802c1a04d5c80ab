"""A student that begins as part of its teacher: nothing is lost that it has room for."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan import (
    DistillationConfig,
    GanError,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Student,
    TeacherPool,
    build_generator,
    distill,
    distill_fused,
    pool_latents,
    start_pruned,
)
from gan.networks.blocks import Factor

TEACHER: dict[str, Any] = {"image_size": 32, "image_channels": 3, "width": 6, "latent_size": 8}


def config(**given: Any) -> GeneratorConfig:
    return GeneratorConfig.model_validate({**TEACHER, **given})


def trained(given: GeneratorConfig) -> Generator:
    """A generator whose BatchNorm has statistics of its own maps, gains of both signs, and biases."""
    generator = build_generator(given, seed=3)
    random = torch.Generator().manual_seed(4)
    for norm in norms(generator):
        norm.momentum = None
        with torch.no_grad():
            norm.weight.copy_(torch.randn(norm.num_features, generator=random))
            norm.bias.copy_(0.3 * torch.randn(norm.num_features, generator=random))
    with torch.no_grad():
        generator.train()(pool_latents(4096, 8, seed=5))
    return generator.eval()


def norms(generator: Generator) -> list[nn.BatchNorm2d]:
    return [layer for layer in generator.layers if isinstance(layer, nn.BatchNorm2d)]


def images(generator: Generator) -> Tensor:
    with torch.no_grad():
        return generator.eval()(pool_latents(64, 8, seed=6))


@pytest.mark.parametrize("block", ["dcgan", "resize"])
@pytest.mark.parametrize("depth", [1, 2])
def test_channels_that_change_nothing_are_what_is_left_out(block: str, depth: int) -> None:
    """A teacher half of whose channels are dead, and a student of the other half, make the same images."""
    teacher = trained(config(block=block, depth=depth))
    for norm in norms(teacher):
        dead = torch.randperm(norm.num_features, generator=torch.Generator().manual_seed(1))[: norm.num_features // 2]
        with torch.no_grad():
            norm.weight[dead], norm.bias[dead] = 1e-9, -1.0  # nothing is left of it after the ReLU
    student = build_generator(config(block=block, depth=depth, width=3), seed=9)
    start_pruned(student, teacher)
    torch.testing.assert_close(images(student), images(teacher), atol=1e-5, rtol=0)


@pytest.mark.parametrize("block", ["dcgan", "resize"])
@pytest.mark.parametrize("depth", [2, 4])
def test_a_layer_that_the_teacher_has_not_passes_on_what_it_is_given(block: str, depth: int) -> None:
    teacher = trained(config(block=block))
    student = build_generator(config(block=block, depth=depth), seed=9)
    start_pruned(student, teacher)
    torch.testing.assert_close(images(student), images(teacher), atol=1e-4, rtol=0)
    # By the statistics of a batch, as in training: its maps are nearly rectified normal ones.
    with torch.no_grad():
        new, old = (generator.train()(pool_latents(4096, 8, seed=7)) for generator in (student, teacher))
    assert (new - old).square().mean() < 0.02 * old.var()


def test_a_first_layer_of_low_rank_is_the_nearest_one_of_its_rank() -> None:
    teacher, low = trained(config()), config(first_layer_rank=5)
    student = build_generator(low, seed=9)
    start_pruned(student, teacher)
    factor, unfold = student.layers[0], student.layers[1]
    assert isinstance(factor, Factor)
    assert isinstance(unfold, nn.ConvTranspose2d)
    product = factor.gain * factor.weight.flatten(1) @ unfold.weight.flatten(1)
    whole = teacher.get_parameter("layers.0.weight").flatten(1)
    left_out = torch.linalg.svdvals(whole)[5:].square().sum()
    torch.testing.assert_close((product - whole).square().sum(), left_out, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("teacher", "student", "mistake"),
    [
        ({}, {"block": "resize"}, "its teacher's block, which is one of dcgan, resize, got dcgan and resize"),
        ({"block": "separable"}, {"block": "separable"}, "got separable and separable"),
        ({"depth": 2}, {}, "at least as deep as its teacher, 2, got 1"),
        ({}, {"width": 7}, r"at most its teacher's channels in each stage, \[24, 12, 6\], got \[28, 14, 7\]"),
        ({"first_layer_rank": 5}, {}, "whose first layer is whole, got one of rank 5"),
        ({"image_channels": 1}, {}, r"image channels and image size \(8, 1, 32\), got \(8, 3, 32\)"),
        ({}, {"latent_size": 4}, r"its teacher's inputs, image channels and image size \(8, 3, 32\), got \(4, 3, 32\)"),
        ({}, {"width": 4, "stage_widths": (25, 8, 4)}, r"in each stage, \[24, 12, 6\], got \[25, 8, 4\]"),
    ],
)
def test_what_is_no_part_of_its_teacher_is_refused(
    teacher: dict[str, Any], student: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(GanError, match=mistake):
        start_pruned(build_generator(config(**student), seed=0), build_generator(config(**teacher), seed=0))


def test_a_student_that_starts_pruned_begins_there(teacher: Generator, pool: TeacherPool, digits: ImageDataset) -> None:
    given = teacher.config.model_copy(update={"width": 4})
    recipe = DistillationConfig(kimg=0.032, batch_size=32, start="pruned")
    *_, first = distill(given, recipe, lesson=Lesson(pool, digits, teacher=teacher), seed=0)
    start = build_generator(given, seed=1)
    start_pruned(start, teacher)
    for name, value in start.named_parameters():  # the first step of a warmup has the rate 0
        torch.testing.assert_close(first.generator.get_parameter(name), value, msg=name)
    fused = [Student(recipe, seed=0), Student(recipe.model_copy(update={"start": "random"}), seed=0)]
    *_, (beside, other) = distill_fused(given, fused, lesson=Lesson(pool, digits, teacher=teacher))
    for name, value in start.named_parameters():
        torch.testing.assert_close(beside.generator.get_parameter(name), value, msg=name)
    assert not torch.equal(other.generator.get_parameter("layers.0.weight"), start.get_parameter("layers.0.weight"))
    with pytest.raises(GanError, match="needs its teacher, which is a generator of ours, got none"):
        next(distill(given, recipe, lesson=Lesson(pool, digits), seed=0))
