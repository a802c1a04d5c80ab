"""Conditional students, baselines and critics: the class is one-hot behind the latent."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gan import (
    AdversarialConfig,
    Checkpoint,
    CriticConfig,
    DistillationConfig,
    GanError,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    OptimiserConfig,
    Student,
    TeacherPool,
    build_generator,
    build_pool,
    distill,
    distill_fused,
    load_checkpoint,
    open_pool,
    pool_latents,
    save_checkpoint,
    train_gan,
)
from gan.compute import CPU
from gan.networks.together import Shown
from gan.training.adversarial import AdversarialName, Opponent, learn_together

TEACHER = GeneratorConfig(image_size=16, image_channels=1, width=8, latent_size=8, num_classes=10)
STUDENT = TEACHER.model_copy(update={"width": 2})


def adversarial(loss: AdversarialName) -> AdversarialConfig:
    return AdversarialConfig(loss=loss, critic=CriticConfig(width=4), critic_steps=2)


@pytest.fixture(scope="module")
def lesson(digits: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    path: Path = tmp_path_factory.mktemp("pool") / "pool.arrow"
    latents = pool_latents(320, TEACHER, seed=0, shares=digits.class_shares(10))
    list(build_pool(build_generator(TEACHER, seed=0).eval(), "teacher", path=path, latents_NL=latents))
    return Lesson(open_pool(path), digits)


def test_shares_are_those_of_the_training_part_or_equal(digits: ImageDataset) -> None:
    counts = torch.bincount(digits.train_labels).tolist()
    assert digits.class_shares(10) == pytest.approx([count / sum(counts) for count in counts])
    assert digits.class_shares(4) == (0.25, 0.25, 0.25, 0.25)
    assert digits.class_shares(0) == ()


@pytest.mark.parametrize("loss", ["hinge", "wgan-gp"])
@pytest.mark.parametrize("classes", [10, 3])  # a critic knows the classes of a data set that has as many
def test_fused_conditional_students_are_those_that_are_distilled_alone(
    lesson: Lesson, loss: AdversarialName, classes: int
) -> None:
    dataset = replace(lesson.dataset, num_classes=classes, train_labels=lesson.dataset.train_labels % classes)
    own = Lesson(lesson.pool, dataset)
    config = DistillationConfig(kimg=0.128, batch_size=32, gan_weight=0.1, adversarial=adversarial(loss))
    *_, fused = distill_fused(STUDENT, [Student(config, seed) for seed in (1, 2)], lesson=own)
    for progress, seed in zip(fused, (1, 2), strict=True):
        *_, alone = distill(STUDENT, config, lesson=own, seed=seed)
        assert progress.losses == pytest.approx(alone.losses, rel=1e-3)
        outputs = progress.checkpoint().state["critic.layers.4.bias"]
        assert outputs.shape == ((11,) if classes == 10 else (1,))


def test_a_conditional_baseline_goes_on_bit_for_bit(digits: ImageDataset, tmp_path: Path) -> None:
    config = GanTrainingConfig(kimg=0.256, adversarial=adversarial("hinge"))

    def train(resume: Checkpoint | None) -> list[Checkpoint]:
        steps = train_gan(STUDENT, config, dataset=digits, seed=1, report_at_kimg=[0.128], resume=resume)
        return [progress.checkpoint() for progress in steps]

    first, last = train(None)
    save_checkpoint(tmp_path / "first", first, identity="me")
    (again,) = train(load_checkpoint(tmp_path / "first", "me"))
    assert again.state.keys() == last.state.keys() >= {"labels.state"}
    assert all(torch.equal(again.state[name], value) for name, value in last.state.items())


@pytest.mark.parametrize("loss", ["hinge", "wgan-gp"])
def test_a_critic_learns_of_which_class_an_image_is(loss: AdversarialName) -> None:
    # The generated images are the real ones, each under the other's class: without it nothing tells them apart.
    images = torch.cat([torch.full((32, 1, 16, 16), value) for value in (-1.0, 1.0)])
    classes = torch.eye(2).repeat_interleave(32, dim=0)
    config = AdversarialConfig(
        loss=loss, critic=CriticConfig(width=4), optimiser=OptimiserConfig(learning_rate=3e-3), max_shift=0
    )
    shape = GeneratorConfig(image_size=16, image_channels=1, width=2, num_classes=2)
    opponent = Opponent(config, shape, seed=0, compute=CPU, num_classes=2)
    for _ in range(60):
        learn_together([opponent], real=[Shown(images, classes)], fake=[Shown(images, classes.flip(1))])
    with torch.no_grad():
        right, wrong = opponent.critic(images, classes), opponent.critic(images, classes.flip(1))
    assert (right > wrong).all()


def test_a_student_without_its_teachers_classes_is_refused(lesson: Lesson) -> None:
    plain = STUDENT.model_copy(update={"num_classes": 0})
    with pytest.raises(GanError, match="latent size and classes"):
        distill(plain, DistillationConfig(kimg=0.1), lesson=lesson, seed=0)


def test_the_pools_classes_follow_the_shares(lesson: Lesson, digits: ImageDataset) -> None:
    pool: TeacherPool = lesson.pool
    inputs, _ = pool.all()
    assert pool.input_size == 18
    expected = torch.tensor(digits.class_shares(10))
    assert (inputs[:, 8:].mean(dim=0) - expected).abs().max() < 0.06
