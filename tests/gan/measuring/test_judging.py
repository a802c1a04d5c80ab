"""What is said of a critic: on closed forms, and of a critic that learned."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from gan import (
    AdversarialConfig,
    CriticConfig,
    CriticTrainingConfig,
    Generator,
    ImageDataset,
    OptimiserConfig,
    TeacherPool,
    build_critic,
    evaluation_latents,
    generate,
    judge_critic,
    train_critic,
)
from gan.measuring.judging import pairwise_accuracy
from gan.networks.critic import Critic


def test_accuracy_is_the_share_of_pairs_in_order_with_ties_by_half() -> None:
    accuracy, error = pairwise_accuracy(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, -1.0]))
    # 0 lies above -1 alone; 1 above -1, and is even with 1; 2 above both.
    assert accuracy == pytest.approx((1 + 1.5 + 2) / 6)
    assert error == pytest.approx((6 / (12 * 6)) ** 0.5)


def test_accuracy_takes_no_offset_of_scores_and_its_error_is_that_of_guessing() -> None:
    random = torch.Generator().manual_seed(0)
    real, fake = torch.randn(200, generator=random) + 1, torch.randn(300, generator=random)
    assert pairwise_accuracy(real + 8, fake + 8)[0] == pytest.approx(pairwise_accuracy(real, fake)[0], abs=1e-4)
    guesses = (torch.randn(500, generator=random).split([200, 300]) for _ in range(2000))
    drawn = torch.tensor([pairwise_accuracy(of_real, of_fake)[0] for of_real, of_fake in guesses])
    assert drawn.std().item() == pytest.approx(pairwise_accuracy(real, fake)[1], rel=0.05)
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.003)


class Brightness(Critic):
    """Scores an image by its mean, times a number, and adds that of its class."""

    def __init__(self, factor: float, num_classes: int = 0) -> None:
        super().__init__(CriticConfig(width=1), 16, image_channels=1, norm="none", num_classes=num_classes)
        self.factor = factor

    def forward(self, images_BCHW: Tensor, classes_BK: Tensor | None = None) -> Tensor:
        scores_B = self.factor * images_BCHW.mean(dim=(1, 2, 3))
        return scores_B if classes_BK is None else scores_B + classes_BK.argmax(dim=1)


def test_a_judgement_is_of_held_out_images_as_they_are_scored(digits: ImageDataset, teacher: Generator) -> None:
    inputs = evaluation_latents(100, teacher.config, seed=0)
    judged = judge_critic(Brightness(2.0), teacher, loss="hinge", dataset=digits, inputs_NI=inputs, kimg=3.0)
    index = torch.linspace(0, len(digits.held_out_images) - 1, 100).long()
    real, fake = (
        2 * (images.float() / 127.5 - 1).mean(dim=(1, 2, 3))
        for images in (digits.held_out_images[index], generate(teacher, inputs))
    )
    assert judged.accuracy == pytest.approx((real[:, None] > fake[None]).double().mean().item())
    assert judged.loss == pytest.approx((1 - real).relu().mean().item() + (1 + fake).relu().mean().item(), rel=1e-5)
    assert (judged.kimg, judged.guessing_loss) == (3.0, 2.0)
    few = replace(digits, held_out_images=digits.held_out_images[:10])
    judged = judge_critic(Brightness(1.0), teacher, loss="nonsaturating", dataset=few, inputs_NI=inputs, kimg=0.0)
    assert judged.accuracy_error == pytest.approx((21 / 1200) ** 0.5)
    assert judged.guessing_loss == pytest.approx(2 * torch.log(torch.tensor(2.0)).item())


def test_a_critic_is_left_as_it_was(digits: ImageDataset, teacher: Generator) -> None:
    critic = build_critic(CriticConfig(width=2), teacher.config, norm="spectral", seed=0).train()
    before = {name: tensor.clone() for name, tensor in critic.state_dict().items()}
    inputs = evaluation_latents(64, teacher.config, seed=0)
    judge_critic(critic, teacher, loss="hinge", dataset=digits, inputs_NI=inputs, kimg=0.0)
    assert critic.training
    assert all(torch.equal(before[name], tensor) for name, tensor in critic.state_dict().items())
    assert all(isinstance(parameter, nn.Parameter) and parameter.requires_grad for parameter in critic.parameters())


def test_a_critic_of_greater_gain_separates_what_one_without_shrinks(
    digits: ImageDataset, teacher: Generator, pool: TeacherPool
) -> None:
    inputs = evaluation_latents(256, teacher.config, seed=0)
    found = {}
    for gain in (0.2, 3.0):
        adversarial = AdversarialConfig(
            critic=CriticConfig(width=4, gain=gain), optimiser=OptimiserConfig(learning_rate=1e-3, beta1=0.0)
        )
        config = CriticTrainingConfig(kimg=1.92, adversarial=adversarial)
        [progress] = train_critic(config, pool=pool, dataset=digits, seed=0)
        found[gain] = judge_critic(
            progress.critic, teacher, loss="hinge", dataset=digits, inputs_NI=inputs, kimg=progress.kimg
        )
    assert found[3.0].separates
    assert found[0.2].accuracy > 0.9, "it tells them apart,"
    assert not found[0.2].separates, "and gives the generator next to nothing to learn from"
