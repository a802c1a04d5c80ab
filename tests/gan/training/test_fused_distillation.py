from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from gan import (
    AdversarialConfig,
    Checkpoint,
    CriticConfig,
    DistillationConfig,
    GanError,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    OptimiserConfig,
    Progress,
    Student,
    TeacherPool,
    distill,
    distill_fused,
    fusing_kind,
)

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
RECIPE = DistillationConfig(kimg=0.32, batch_size=32, adversarial=AdversarialConfig(critic=CriticConfig(width=4)))


def state(progress: Progress) -> torch.Tensor:
    """All of the averaged generator, BatchNorm's statistics included, and the last losses."""
    values = [value.double().flatten() for value in progress.generator.state_dict().values()]
    return torch.cat([*values, torch.tensor([*progress.losses.values()], dtype=torch.float64)])


def students(configs: Sequence[DistillationConfig], seeds: Sequence[int]) -> list[Student]:
    return [Student(config, seed) for config, seed in zip(configs, seeds, strict=True)]


def lesson_of(pool: Any, dataset: Any = None, features: Any = None) -> Lesson:
    return Lesson(pool, dataset, features=features)


def fused(
    configs: Sequence[DistillationConfig],
    seeds: Sequence[int],
    *data: Any,
    architecture: GeneratorConfig = STUDENT,
    resume: Sequence[Checkpoint | None] = (None, None, None, None),
) -> list[Progress]:
    members = [replace(one, resume=own) for one, own in zip(students(configs, seeds), resume, strict=False)]
    *_, progresses = distill_fused(architecture, members, lesson=lesson_of(*data))
    return list(progresses)


@pytest.mark.parametrize(("gan_weight", "block"), [(0.0, "dcgan"), (0.1, "dcgan"), (0.0, "separable")])
def test_each_fused_student_is_the_one_that_is_distilled_alone(
    pool: TeacherPool, digits: ImageDataset, gan_weight: float, block: str
) -> None:
    architecture = STUDENT.model_copy(update={"depth": 2, "block": block})
    rates = [OptimiserConfig(learning_rate=rate) for rate in (1e-2, 2e-3, 5e-3)]
    weights = [gan_weight, gan_weight / 2, gan_weight]
    configs = [
        RECIPE.model_copy(update={"optimiser": rate, "gan_weight": weight})
        for rate, weight in zip(rates, weights, strict=True)
    ]
    together = fused(configs, [1, 2, 3], pool, digits, architecture=architecture)
    for number, config in enumerate(configs):
        *_, alone = distill(architecture, config, lesson=Lesson(pool, digits), seed=number + 1)
        # Ten steps amplify the rounding of another order of sums; another seed or rate differs in the first digit.
        torch.testing.assert_close(state(together[number]), state(alone), rtol=5e-3, atol=5e-4)


@pytest.mark.parametrize("loss", ["nonsaturating", "wgan-gp"])
def test_every_adversarial_loss_can_be_fused(pool: TeacherPool, digits: ImageDataset, loss: str) -> None:
    adversarial = AdversarialConfig.model_validate({"loss": loss, "critic": {"width": 4}, "critic_steps": 2})
    config = RECIPE.model_copy(update={"gan_weight": 0.1, "adversarial": adversarial, "kimg": 0.128})
    together = fused([config, config], [1, 2], pool, digits)
    *_, alone = distill(STUDENT, config, lesson=Lesson(pool, digits), seed=2)
    torch.testing.assert_close(state(together[1]), state(alone), rtol=5e-3, atol=5e-4)


@pytest.mark.parametrize("gan_weight", [0.0, 0.1])
def test_neighbours_and_places_do_not_matter_to_the_last_bit(
    pool: TeacherPool, digits: ImageDataset, gan_weight: float
) -> None:
    config = RECIPE.model_copy(update={"gan_weight": gan_weight})
    wild = config.model_copy(update={"optimiser": OptimiserConfig(learning_rate=1.0)})
    first = state(fused([config] * 4, [1, 2, 3, 4], pool, digits)[0])
    last = state(fused([wild, config, wild, config], [4, 9, 2, 1], pool, digits)[3])
    padding = state(fused([config] * 4, [1, 1, 1, 1], pool, digits)[1])
    assert torch.equal(first, last)
    assert torch.equal(first, padding)


def test_one_that_diverges_says_so_and_leaves_the_others_alone(pool: TeacherPool, digits: ImageDataset) -> None:
    config = RECIPE.model_copy(update={"gan_weight": 0.1})
    whole = fused([config, config], [1, 2], pool, digits)
    spoilt = []
    for progresses in distill_fused(
        STUDENT, students([config, config], [1, 2]), lesson=Lesson(pool, digits), report_at_kimg=[0.1]
    ):
        spoilt.append(progresses)
        if len(spoilt) == 1:
            weights = dict(progresses[1]._parts["generator"].module.named_parameters())  # type: ignore[union-attr]
            next(iter(weights.values())).data.fill_(torch.nan)
    assert [progress.diverged for progress in spoilt[-1]] == [False, True]
    assert torch.equal(state(spoilt[-1][0]), state(whole[0]))


def test_fused_students_go_on_from_their_checkpoints(pool: TeacherPool, digits: ImageDataset) -> None:
    configs = [RECIPE.model_copy(update={"gan_weight": 0.1})] * 2
    checkpoints: list[Checkpoint] = []
    for progresses in distill_fused(
        STUDENT, students(configs, [1, 2]), lesson=Lesson(pool, digits), report_at_kimg=[0.16]
    ):
        checkpoints = checkpoints or [progress.checkpoint() for progress in progresses]
        whole = [state(progress) for progress in progresses]
    resumed = fused(configs, [1, 2], pool, digits, resume=checkpoints)
    assert [torch.equal(state(progress), other) for progress, other in zip(resumed, whole, strict=True)] == [True, True]
    anew = fused(configs, [1, 2], pool, digits, resume=[checkpoints[0], None])
    assert torch.equal(state(anew[1]), whole[1]), "with one checkpoint lost both begin anew"


def test_only_weights_seeds_and_rates_may_differ(pool: TeacherPool, digits: ImageDataset) -> None:
    other = RECIPE.model_copy(update={"gan_weight": 0.3, "optimiser": OptimiserConfig(learning_rate=1e-4)})
    joint = RECIPE.model_copy(update={"gan_weight": 0.1})
    assert fusing_kind(other) == fusing_kind(joint)
    for change in ({"kimg": 1.0}, {"batch_size": 16}, {"gan_weight": 0.0}, {"ema_halflife_kimg": 1.0}):
        assert fusing_kind(joint.model_copy(update=change)) != fusing_kind(joint)
    with pytest.raises(GanError, match="Distil them apart"):
        fused([joint, RECIPE], [1, 2], pool, digits)
