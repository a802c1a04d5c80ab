"""Schemes of distillation beside the paper's two."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

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
from gan.compute import CPU
from gan.images import to_unit_range
from gan.networks.critic import Critic, build_critic
from gan.training.critic_features import CriticFeatures
from gan.training.distillation import DistilledMember
from gan.training.losses import PIXELS
from gan.training.member import CriticTerms

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
ADVERSARIAL = AdversarialConfig(critic=CriticConfig(width=4))
RECIPE = DistillationConfig(kimg=0.64, batch_size=32, gan_weight=0.1, adversarial=ADVERSARIAL)
EVERYTHING: dict[str, Any] = {
    "opponent": "teacher",
    "real": "both",
    "critic_features": (0.1, 0.3),
    "pixels": "multiscale",
    "pixel_weight": 0.5,
    "gan_from": 0.3,
    "gan_every": 2,
    "adversarial": ADVERSARIAL.model_copy(update={"critic_every": 2}),
}


def critic_of(images: GeneratorConfig = STUDENT, *, classes: int = 0, norm: Any = "spectral") -> Critic:
    config = CriticConfig(width=4, gain=3.0 if norm == "spectral" else 1.0, minibatch_deviation=True)
    critic = build_critic(config, images, norm=norm, seed=2, num_classes=classes)
    return critic.eval().requires_grad_(requires_grad=False)


@pytest.fixture
def lesson(pool: TeacherPool, digits: ImageDataset) -> Lesson:
    return Lesson(pool, digits, critic=critic_of())


def recipe(**changes: Any) -> DistillationConfig:
    return DistillationConfig.model_validate(RECIPE.model_dump() | changes)


def whole(progress: Progress) -> Tensor:
    """Everything that goes on, as one vector, and the last losses."""
    values = [value.double().flatten() for value in progress.checkpoint().state.values()]
    return torch.cat([*values, torch.tensor([*progress.losses.values()], dtype=torch.float64)])


def member(config: DistillationConfig, lesson: Lesson) -> DistilledMember:
    return DistilledMember(STUDENT, config, lesson=lesson, seed=0, compute=CPU)


def images(count: int, seed: int) -> Tensor:
    return 2 * torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) - 1


def test_nothing_new_is_left_in_the_dump_of_a_recipe_that_asks_for_nothing_new() -> None:
    new = {"opponent", "real", "critic_features", "pixels", "pixel_weight", "gan_from", "gan_every"}
    assert not new & RECIPE.model_dump().keys()
    assert "critic_every" not in RECIPE.model_dump()["adversarial"]
    asked = recipe(**EVERYTHING)
    assert new <= asked.model_dump().keys()
    assert DistillationConfig.model_validate_json(asked.model_dump_json()) == asked


def test_a_scheme_is_told_in_words_and_the_papers_two_have_none() -> None:
    assert [DistillationConfig(kimg=1.0).scheme, RECIPE.scheme] == ["", ""]
    assert recipe(**EVERYTHING).scheme == (
        "multiscale 0.5 + critic features 0.1/0.3 + teacher's critic + teacher's images as real too + "
        "GAN term from 30% + GAN term every 2 + critic every 2"
    )
    assert recipe(**EVERYTHING | {"gan_weight": 0.0}).scheme == "multiscale 0.5 + critic features 0.1/0.3"
    assert recipe(pixel_weight=0.0, critic_features=0.2, real="teacher").scheme == (
        "no pixels + critic features 0.2 + teacher's images as real"
    )


def test_pixels_are_compared_at_every_scale_down_to_the_first_map() -> None:
    even = torch.full((2, 1, 16, 16), 0.5)
    odd = even * (1 - 2 * (torch.arange(16)[:, None] + torch.arange(16) & 1))
    zero = torch.zeros_like(even)
    expected = {"mse": (0.25, 0.25), "l1": (0.5, 0.5), "multiscale": (0.25, 0.25 / 3)}
    for name, distance in PIXELS.items():
        assert (distance(even, zero).item(), distance(odd, zero).item()) == pytest.approx(expected[name])


def test_the_loss_of_a_student_weighs_its_terms(lesson: Lesson) -> None:
    config = recipe(critic_features=0.2, pixels="l1", pixel_weight=0.5, gan_every=3)
    student = member(config, lesson)
    batch, gan_term = student.draw(), torch.tensor(1.5)
    assert batch.wanted_BCHW is not None
    own = images(32, 3)
    total, losses = student.losses(own, batch, terms=CriticTerms(None, gan_term))
    features = CriticFeatures(critic_of(), 0.2, pool=lesson.pool, compute=CPU).distance(own, batch.wanted_BCHW)
    reproduction = 0.5 * F.l1_loss(own, batch.wanted_BCHW) + features
    torch.testing.assert_close(total, 0.1 * 3 * gan_term + 0.9 * reproduction)
    assert sorted(losses) == ["critic_features", "generator_loss", "l1"]
    between, _ = student.losses(own, batch, terms=CriticTerms())
    torch.testing.assert_close(between, 0.9 * reproduction)


def test_the_teachers_critic_goes_on_learning_as_a_copy(lesson: Lesson) -> None:
    assert lesson.critic
    before = {name: value.clone() for name, value in lesson.critic.state_dict().items()}

    def learned(rate: float) -> dict[str, Tensor]:
        adversarial = ADVERSARIAL.model_copy(update={"optimiser": OptimiserConfig(learning_rate=rate)})
        config = recipe(opponent="teacher", adversarial=adversarial)
        *_, progress = distill(STUDENT, config, lesson=lesson, seed=0)
        assert progress.critic
        return progress.critic.state_dict()

    weight = "layers.2.parametrizations.weight.original"
    torch.testing.assert_close(learned(1e-9)[weight], before[weight])  # it began as the teacher's
    assert (learned(1e-2)[weight] - before[weight]).abs().max() > 1e-3
    torch.testing.assert_close(lesson.critic.state_dict(), before, rtol=0, atol=0)


def test_what_the_critic_takes_for_real_is_a_choice(lesson: Lesson) -> None:
    known = {image.numpy().tobytes() for image in to_unit_range(lesson.dataset.train_images)}

    def real(choice: str) -> tuple[list[bool], Tensor, Tensor]:
        student = member(recipe(real=choice), lesson)
        batch = student.draw()
        assert batch.wanted_BCHW is not None
        shown = student.real(batch).images_BCHW
        return [image.numpy().tobytes() in known for image in shown], shown, batch.wanted_BCHW

    of_data, _, _ = real("data")
    assert of_data == [True] * 32
    of_data, shown, wanted = real("teacher")
    assert torch.equal(shown, wanted)
    of_data, shown, wanted = real("both")
    assert of_data[:16] == [True] * 16
    assert torch.equal(shown[16:], wanted[16:])


def test_the_gan_term_comes_in_after_its_share_of_the_budget_and_its_critic_learns_shortly_before(
    lesson: Lesson,
) -> None:
    adversarial = ADVERSARIAL.model_copy(update={"critic_steps": 2})
    config = recipe(
        gan_from=0.5, kimg=1.28, adversarial=adversarial
    )  # 40 steps, of which the critic learns from the 19th or 20th on
    points = [0.544, 0.576, 0.64, 0.672]
    found, learned = {}, {}
    for progress in distill(STUDENT, config, lesson=lesson, seed=0, report_at_kimg=points):
        step, state = round(progress.kimg / 0.032), progress.checkpoint().state
        found[step], learned[step] = sorted(progress.losses), state.get("critic_optimiser.0.step")
    assert learned[18] is None
    assert learned[40] is not None
    assert learned[40].item() in (2 * 21, 2 * 22)
    assert found[17] == found[18] == ["mse"]
    assert found[20] == ["critic_loss", "mse"]
    assert found[21] == found[40] == ["critic_loss", "generator_loss", "mse"]


@pytest.mark.parametrize(("gan_every", "critic_every"), [(1, 1), (1, 4), (5, 2)])
def test_the_critic_learns_and_judges_as_seldom_as_is_asked(lesson: Lesson, gan_every: int, critic_every: int) -> None:
    adversarial = ADVERSARIAL.model_copy(update={"critic_every": critic_every})
    points = [step * 0.032 for step in range(1, 20)]
    config = recipe(gan_every=gan_every, adversarial=adversarial)
    losses = [p.losses for p in distill(STUDENT, config, lesson=lesson, seed=0, report_at_kimg=points)]
    assert [number for number, found in enumerate(losses, 1) if "critic_loss" in found] == [
        *range(critic_every, 21, critic_every)
    ]
    assert [number for number, found in enumerate(losses, 1) if "generator_loss" in found] == [
        *range(gan_every, 21, gan_every)
    ]


def conditional(lesson: Lesson) -> tuple[GeneratorConfig, Lesson]:
    """Returns a student of three classes for the same pool, and a lesson with a critic that knows them."""
    classes = STUDENT.model_copy(update={"latent_size": 5, "num_classes": 3})
    labels = lesson.dataset.train_labels % 3
    dataset = replace(lesson.dataset, num_classes=3, train_labels=labels)
    return classes, Lesson(lesson.pool, dataset, critic=critic_of(classes=3))


@pytest.mark.parametrize("with_classes", [False, True])
def test_a_student_of_every_scheme_at_once_goes_on_bit_for_bit(lesson: Lesson, with_classes: bool) -> None:
    architecture, own = conditional(lesson) if with_classes else (STUDENT, lesson)

    def trained(resume: Checkpoint | None) -> list[tuple[Tensor, Checkpoint]]:
        steps = distill(
            architecture, recipe(**EVERYTHING), lesson=own, seed=1, report_at_kimg=[0.16, 0.352], resume=resume
        )
        return [(whole(progress), progress.checkpoint()) for progress in steps]

    (_, first), (_, middle), (last, _) = trained(None)
    for checkpoint in (first, middle):
        assert torch.equal(trained(checkpoint)[-1][0], last)


def test_a_critic_that_knows_no_classes_teaches_a_student_of_classes(lesson: Lesson) -> None:
    architecture, own = conditional(lesson)
    plain = replace(own, critic=critic_of())
    *_, progress = distill(architecture, recipe(opponent="teacher", real="both"), lesson=plain, seed=0)
    assert not progress.diverged


@pytest.mark.parametrize("with_classes", [False, True])
def test_fused_students_of_every_scheme_are_those_that_are_distilled_alone(lesson: Lesson, with_classes: bool) -> None:
    architecture, own = conditional(lesson) if with_classes else (STUDENT, lesson)
    one, other = (recipe(**EVERYTHING | {"critic_features": weight, "kimg": 0.32}) for weight in (0.1, (0.0, 0.3)))
    assert fusing_kind(one) == fusing_kind(other)
    *_, fused = distill_fused(architecture, [Student(one, 1), Student(other, 2)], lesson=own)
    for progress, config, seed in zip(fused, (one, other), (1, 2), strict=True):
        *_, alone = distill(architecture, config, lesson=own, seed=seed)
        assert progress.losses == pytest.approx(alone.losses, rel=5e-3)
        state, expected = progress.generator.state_dict(), alone.generator.state_dict()
        torch.testing.assert_close(state, expected, rtol=5e-3, atol=5e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"opponent": "teacher"},
        {"real": "both"},
        {"critic_features": 0.1},
        {"pixels": "l1"},
        {"gan_from": 0.5},
        {"gan_every": 2},
        {"adversarial": ADVERSARIAL.model_copy(update={"critic_every": 2})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_scheme_makes_another_student_and_is_not_fused_with_others(lesson: Lesson, change: dict[str, Any]) -> None:
    def student(config: DistillationConfig) -> Tensor:
        *_, progress = distill(STUDENT, config, lesson=lesson, seed=0)
        return torch.cat([value.flatten() for value in progress.generator.state_dict().values()])

    assert not torch.equal(student(recipe(**change)), student(RECIPE))
    assert fusing_kind(recipe(**change)) != fusing_kind(RECIPE)


def test_a_student_that_only_matches_critic_features_comes_nearer_in_them(lesson: Lesson) -> None:
    config = DistillationConfig(kimg=4.0, pixel_weight=0.0, critic_features=1.0)
    first, last = (
        progress.losses["critic_features"]
        for progress in distill(STUDENT, config, lesson=lesson, seed=0, report_at_kimg=[0.1])
    )
    assert last < first / 2


@pytest.mark.parametrize(
    ("changes", "critic", "message"),
    [
        ({"critic_features": 0.1}, None, r"the critic that the teacher learned against, got none\. Give one, or set"),
        ({"opponent": "teacher"}, None, "the critic that the teacher learned against, got none"),
        (
            {"critic_features": 0.1},
            critic_of(STUDENT.model_copy(update={"image_size": 32})),
            r"of the channels and size \(1, 16\), got \(1, 32\)\. Give the critic of this teacher",
        ),
        (
            {"critic_features": (0.1, 0.2, 0.3)},
            critic_of(),
            "one for each of the critic's 2 layers, got 3 weights",
        ),
        (
            {"opponent": "teacher"},
            critic_of(norm="none"),
            "with the norm that it learned with, none, got the loss hinge",
        ),
        ({"opponent": "teacher"}, critic_of(classes=10), "A critic of 10 classes is shown as many"),
    ],
    ids=["features", "opponent", "shape", "layers", "norm", "classes"],
)
def test_a_scheme_whose_critic_is_missing_or_does_not_fit_is_refused_before_any_training(
    pool: TeacherPool, digits: ImageDataset, changes: dict[str, Any], critic: Critic | None, message: str
) -> None:
    lesson = Lesson(pool, digits, critic=critic)
    with pytest.raises(GanError, match=message):
        distill(STUDENT, recipe(**changes), lesson=lesson, seed=0)
    with pytest.raises(GanError, match=message):
        distill_fused(STUDENT, [Student(recipe(**changes), 0)], lesson=lesson)


def test_the_teachers_critic_is_needed_only_where_it_is_used(pool: TeacherPool, digits: ImageDataset) -> None:
    config = recipe(opponent="teacher", gan_weight=0.0)
    *_, progress = distill(STUDENT, config, lesson=Lesson(pool, digits), seed=0)
    assert sorted(progress.losses) == ["mse"]


def test_a_recipe_that_teaches_nothing_or_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="pixel_weight above 0, critic_features or feature_weight"):
        recipe(pixel_weight=0.0)
    with pytest.raises(ValidationError, match="critic_every above 1 is of a critic with one step, got 2 with 5 steps"):
        AdversarialConfig(loss="wgan-gp", critic_every=2)
