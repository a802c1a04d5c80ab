"""A student of few bits learns with the weights that it ends with."""

import pytest
import torch

from gan import (
    DistillationConfig,
    GanError,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Progress,
    Student,
    build_pool,
    distill,
    distill_fused,
    fusing_kind,
    open_pool,
    pool_latents,
)
from gan.networks.bits import greatest_number, scaled_axis
from gan.networks.convolutions import Convolution
from tests.gan.deployment.conftest import trained as trained_teacher

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
RECIPE = DistillationConfig(kimg=4.0, batch_size=32, bits=4)


@pytest.fixture(scope="module")
def own_teacher() -> Generator:
    return trained_teacher(GeneratorConfig(image_size=16, image_channels=1, width=4, latent_size=8))


@pytest.fixture(scope="module")
def lesson(own_teacher: Generator, digits: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """A teacher whose images have contrast, which a student of few bits has to make."""
    path = tmp_path_factory.mktemp("pool") / "pool.arrow"
    list(build_pool(own_teacher, "teacher-digest", path=path, latents_NL=pool_latents(512, 8, seed=3)))
    return Lesson(open_pool(path), digits, teacher=own_teacher)


@pytest.fixture(scope="module")
def trained(lesson: Lesson) -> Progress:
    return list(distill(STUDENT, RECIPE, lesson=lesson, seed=0))[-1]


def whole(progress: Progress) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in progress.generator.state_dict().values()])


def test_its_weights_are_of_few_values(trained: Progress) -> None:
    for layer in trained.generator.layers:
        if isinstance(layer, Convolution):
            weights = layer.weight.unbind(scaled_axis(layer))
            assert all(len(channel.unique()) <= 2 * greatest_number(4) + 1 for channel in weights)


def test_it_learns_with_rounded_weights_in_the_second_half_of_its_budget(lesson: Lesson) -> None:
    plain = RECIPE.model_copy(update={"bits": 32})
    rounded, floats = (
        distill(STUDENT, recipe, lesson=lesson, seed=0, report_at_kimg=[2.0]) for recipe in (RECIPE, plain)
    )
    half, of_floats = next(iter(rounded)), next(iter(floats))
    assert half.losses == of_floats.losses  # of the last step before it
    assert not torch.equal(whole(half), whole(of_floats))  # what it would be by now
    end, of_floats = list(rounded)[-1], list(floats)[-1]
    assert 1.0 < end.losses["mse"] / of_floats.losses["mse"] < 1.2


@pytest.mark.parametrize("kimg", [1.0, 2.0, 3.0])  # before it rounds, where it begins, and after that
def test_it_goes_on_from_a_checkpoint_bit_for_bit(kimg: float, lesson: Lesson, trained: Progress) -> None:
    reached = next(iter(distill(STUDENT, RECIPE, lesson=lesson, seed=0, report_at_kimg=[kimg]))).checkpoint()
    resumed = list(distill(STUDENT, RECIPE, lesson=lesson, seed=0, resume=reached))[-1]
    assert torch.equal(whole(resumed), whole(trained))


def test_rounded_weights_are_not_averaged(lesson: Lesson, trained: Progress) -> None:
    slow = RECIPE.model_copy(update={"ema_halflife_kimg": 1000.0})
    assert torch.equal(whole(list(distill(STUDENT, slow, lesson=lesson, seed=0))[-1]), whole(trained))


def test_it_can_begin_as_part_of_its_teacher_and_be_fused(lesson: Lesson) -> None:
    recipe = RECIPE.model_copy(update={"kimg": 0.064, "start": "pruned"})
    alone = [list(distill(STUDENT, recipe, lesson=lesson, seed=seed))[-1] for seed in (1, 2)]
    [together] = list(distill_fused(STUDENT, [Student(recipe, 1), Student(recipe, 2)], lesson=lesson))
    for one, other in zip(alone, together, strict=True):
        assert torch.allclose(whole(one), whole(other), rtol=1e-3, atol=1e-5)


def test_students_of_other_bits_are_not_fused(lesson: Lesson) -> None:
    others = RECIPE.model_copy(update={"bits": 8})
    assert fusing_kind(RECIPE) != fusing_kind(others)
    with pytest.raises(GanError, match="one recipe"):
        distill_fused(STUDENT, [Student(RECIPE, 1), Student(others, 2)], lesson=lesson)
