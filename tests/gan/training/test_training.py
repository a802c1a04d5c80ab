from collections.abc import Iterator

import pytest
import torch
from torch import nn

from gan import (
    AdversarialConfig,
    CriticConfig,
    DistillationConfig,
    GanError,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    OptimiserConfig,
    Progress,
    TeacherPool,
    distill,
    train_gan,
)
from gan.networks.together import Shown
from gan.training.adversarial import Opponent

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)


def weights(progress: Progress) -> torch.Tensor:
    return nn.utils.parameters_to_vector(progress.generator.parameters()).clone()


def last(training: Iterator[Progress]) -> Progress:
    *_, progress = training
    return progress


@pytest.mark.parametrize("gan_weight", [0.0, 0.1])
def test_a_student_depends_on_its_arguments_alone(pool: TeacherPool, digits: ImageDataset, gan_weight: float) -> None:
    config = DistillationConfig(kimg=1.0, gan_weight=gan_weight)

    def student(seed: int, rungs: tuple[float, ...] = ()) -> torch.Tensor:
        torch.rand(3)  # what others draw must not matter
        return weights(last(distill(STUDENT, config, lesson=Lesson(pool, digits), seed=seed, report_at_kimg=rungs)))

    first = student(seed=1)
    assert torch.equal(first, student(seed=1)), "the same arguments, another student"
    assert torch.equal(first, student(seed=1, rungs=(0.3, 0.6))), "looking changed the training"
    assert not torch.equal(first, student(seed=2))


def test_training_from_scratch_depends_on_its_arguments_alone(digits: ImageDataset) -> None:
    config = GanTrainingConfig(kimg=1.0)
    first, again, other = (weights(last(train_gan(STUDENT, config, dataset=digits, seed=seed))) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_progress_comes_at_the_points_asked_for_and_at_the_end(pool: TeacherPool, digits: ImageDataset) -> None:
    config = DistillationConfig(kimg=1.0, batch_size=64)
    points = [
        p.kimg
        for p in distill(STUDENT, config, lesson=Lesson(pool, digits), seed=0, report_at_kimg=[0.3, 0.31, 0.6, 5.0])
    ]
    assert points == [0.32, 0.64, 1.024]  # after the batch that reaches each; 1.024 is the first full one


def test_a_student_gets_closer_to_its_teacher(pool: TeacherPool, digits: ImageDataset) -> None:
    config = DistillationConfig(kimg=8.0)
    first, *_, end = (
        p.losses["mse"]
        for p in distill(STUDENT, config, lesson=Lesson(pool, digits), seed=0, report_at_kimg=[0.1, 4.0])
    )
    assert end < first / 2


def test_divergence_ends_the_training_with_a_progress_that_says_so(pool: TeacherPool, digits: ImageDataset) -> None:
    config = DistillationConfig(
        kimg=50.0, gan_weight=0.5, optimiser=OptimiserConfig(learning_rate=1.0, beta1=0.0, beta2=0.0)
    )
    student = distill(STUDENT, config, lesson=Lesson(pool, digits), seed=0, report_at_kimg=[1.0, 2.0])
    progress = next(student)
    with torch.no_grad():
        for parameter in progress.generator.parameters():
            parameter.fill_(torch.nan)  # the average never recovers from a NaN
    progress = next(student)
    assert progress.diverged
    with pytest.raises(StopIteration):
        next(student)


@pytest.mark.parametrize(
    "change", [{"latent_size": 9}, {"image_channels": 3}, {"image_size": 32}], ids=lambda c: next(iter(c))
)
def test_a_student_that_does_not_fit_its_teacher_is_refused(
    pool: TeacherPool, digits: ImageDataset, change: dict[str, int]
) -> None:
    with pytest.raises(GanError, match=r"Give the model|Set latent_size"):
        distill(STUDENT.model_copy(update=change), DistillationConfig(kimg=1.0), lesson=Lesson(pool, digits), seed=0)


def test_a_pool_smaller_than_a_batch_is_refused(pool: TeacherPool, digits: ImageDataset) -> None:
    with pytest.raises(GanError, match=r"one batch of 512 images, got 320\. Raise teacher\.pool_size"):
        distill(STUDENT, DistillationConfig(kimg=1.0, batch_size=512), lesson=Lesson(pool, digits), seed=0)


def test_progress_has_the_critic_as_it_learns_where_there_is_one(pool: TeacherPool, digits: ImageDataset) -> None:
    adversarial = AdversarialConfig(critic=CriticConfig(width=2))
    first, second = (
        (progress, {name: tensor.clone() for name, tensor in progress.critic.state_dict().items()})
        for progress in train_gan(
            STUDENT,
            GanTrainingConfig(kimg=0.128, adversarial=adversarial),
            dataset=digits,
            seed=0,
            report_at_kimg=[0.064],
        )
        if progress.critic
    )
    assert not torch.equal(first[1]["layers.0.bias"], second[1]["layers.0.bias"])
    kept = second[0].checkpoint().state
    assert all(torch.equal(kept[f"critic.{name}"], tensor) for name, tensor in second[1].items())
    [alone] = distill(STUDENT, DistillationConfig(kimg=0.064), lesson=Lesson(pool, digits), seed=0)
    assert alone.critic is None


@pytest.mark.parametrize("loss", ["hinge", "nonsaturating", "wgan-gp"])
def test_every_critic_takes_its_steps_beside_a_student_and_a_baseline(
    pool: TeacherPool, digits: ImageDataset, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    learned: list[int] = []
    batch = Opponent.batch

    def counting(opponent: Opponent, real: Shown, fake: Shown) -> Shown:
        learned.append(len(real.images_BCHW))
        return batch(opponent, real, fake)

    monkeypatch.setattr(Opponent, "batch", counting)
    adversarial = AdversarialConfig(loss=loss, critic=CriticConfig(width=2))  # type: ignore[arg-type]
    student = DistillationConfig(kimg=0.128, gan_weight=0.1, adversarial=adversarial)
    scratch = GanTrainingConfig(kimg=0.128, adversarial=adversarial)
    for training in (
        distill(STUDENT, student, lesson=Lesson(pool, digits), seed=0),
        train_gan(STUDENT, scratch, dataset=digits, seed=0),
    ):
        learned.clear()
        assert not last(training).diverged
        assert learned == [64] * (10 if loss == "wgan-gp" else 2)


def test_the_number_of_critic_steps_is_a_choice(digits: ImageDataset) -> None:
    def scratch(steps: int | None) -> torch.Tensor:
        adversarial = AdversarialConfig(loss="wgan-gp", critic=CriticConfig(width=2), critic_steps=steps)
        return weights(
            last(train_gan(STUDENT, GanTrainingConfig(kimg=0.128, adversarial=adversarial), dataset=digits, seed=0))
        )

    assert torch.equal(scratch(None), scratch(5))
    assert not torch.equal(scratch(None), scratch(1))


def test_feature_matching_moves_a_student_towards_the_teachers_features(
    pool: TeacherPool, digits: ImageDataset
) -> None:
    projection = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))

    def features(images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ projection

    def distance(feature_weight: float) -> float:
        config = DistillationConfig(kimg=4.0, feature_weight=feature_weight)
        student = last(distill(STUDENT, config, lesson=Lesson(pool, digits, features=features), seed=0)).generator
        latents, images = next(pool.batches(256, torch.Generator().manual_seed(1), device=torch.device("cpu")))
        with torch.no_grad():
            return (features(student(latents)) - features(images)).square().mean().item()

    assert distance(1.0) < 0.8 * distance(0.0)
    with pytest.raises(GanError, match="Give features"):
        distill(STUDENT, DistillationConfig(kimg=1.0, feature_weight=1.0), lesson=Lesson(pool, digits), seed=0)
