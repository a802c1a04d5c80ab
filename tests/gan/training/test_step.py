"""The one step against the same training written out for one student and one generator, to the last bit."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan import (
    AdversarialConfig,
    DistillationConfig,
    GanTrainingConfig,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    TeacherPool,
    build_generator,
    distill,
    train_gan,
)
from gan.images import to_unit_range
from gan.networks.critic import Critic, build_critic
from gan.seeds import generator_at, seed_at
from gan.training.augmentation import draw_offsets, translated
from gan.training.losses import ADVERSARIAL
from gan.training.optimisation import build_adam, set_rate

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
SEED, STEPS, BATCH = 5, 4, 32


class WrittenOut:
    """A generator and its critic, each with Adam, and every draw in its own stream."""

    def __init__(self, config: DistillationConfig | GanTrainingConfig, digits: ImageDataset) -> None:
        self.config, self.images = config, digits.train_images
        self.loss = ADVERSARIAL[config.adversarial.loss]
        norm = "none" if self.loss.gradient_penalty else "spectral"
        self.generator = build_generator(STUDENT, seed_at(SEED, "generator")).train()
        self.critic: Critic = build_critic(config.adversarial.critic, STUDENT, norm=norm, seed=seed_at(SEED, "critic"))
        self.adam = build_adam(config.optimiser, self.generator)
        self.critic_adam = build_adam(config.adversarial.optimiser, self.critic)
        names = ("batches", "augmentation", "gradient penalty", "latents")
        self.random = {name: generator_at(SEED, name) for name in names}

    def rates(self, kimg: float) -> None:
        set_rate(self.adam, self.config.optimiser.rate_at(kimg, self.config.kimg))
        set_rate(self.critic_adam, self.config.adversarial.optimiser.rate_at(kimg, self.config.kimg))

    def shift(self, images: Tensor) -> Tensor:
        most = self.config.adversarial.max_shift
        return translated(images, draw_offsets(len(images), most, random=self.random["augmentation"]), max_shift=most)

    def critic_step(self, fake: Tensor) -> Tensor:
        real = to_unit_range(self.images[torch.randint(len(self.images), (BATCH,), generator=self.random["batches"])])
        batch = self.shift(torch.cat([real, fake.detach()]))
        loss = self.loss.critic(*self.critic(batch).chunk(2))
        if self.loss.gradient_penalty:
            mix = torch.rand(BATCH, generator=self.random["gradient penalty"])[:, None, None, None]
            between = (mix * batch[:BATCH] + (1 - mix) * batch[BATCH:]).requires_grad_(True)
            (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
            penalty = (torch.linalg.vector_norm(slope.flatten(1), dim=1) - 1).square().mean()
            loss = loss + self.loss.gradient_penalty * penalty
        self.critic_adam.zero_grad()
        loss.backward()
        self.critic_adam.step()
        return loss.detach()

    def generator_step(self, loss: Tensor) -> None:
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()


def expected_student(config: DistillationConfig, pool: TeacherPool, digits: ImageDataset) -> tuple[Generator, list]:
    own = WrittenOut(config, digits)
    batches = pool.batches(BATCH, generator_at(SEED, "pool batches"), device=torch.device("cpu"))
    for number in range(STEPS):
        own.rates(number * BATCH / 1000)
        if not config.gan_weight:
            latents, wanted = next(batches)
            mse = F.mse_loss(own.generator(latents), wanted)
            losses, total = [mse.item()], mse
        else:
            for _ in range(config.adversarial.critic_steps - 1):
                own.critic_step(own.generator(next(batches)[0]))
            latents, wanted = next(batches)
            images = own.generator(latents)
            critic_loss = own.critic_step(images)
            adversarial = own.loss.generator(own.critic(own.shift(images)))
            mse = F.mse_loss(images, wanted)
            losses = [mse.item(), critic_loss.item(), adversarial.item()]
            total = config.gan_weight * adversarial + (1 - config.gan_weight) * mse
        own.generator_step(total)
    return own.generator, losses


def expected_from_scratch(config: GanTrainingConfig, digits: ImageDataset) -> tuple[Generator, list]:
    own = WrittenOut(config, digits)

    def images() -> Tensor:
        return own.generator(torch.randn(BATCH, STUDENT.latent_size, generator=own.random["latents"]))

    for number in range(STEPS):
        own.rates(number * BATCH / 1000)
        for _ in range(config.adversarial.critic_steps - 1):
            own.critic_step(images())
        made = images()
        critic_loss = own.critic_step(made)
        adversarial = own.loss.generator(own.critic(own.shift(made)))
        losses = [critic_loss.item(), adversarial.item()]
        own.generator_step(adversarial)
    return own.generator, losses


def opponent(loss: str) -> AdversarialConfig:
    return AdversarialConfig.model_validate({"loss": loss, "critic": {"width": 4}, "critic_steps": 2})


def weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The networks' own, without the average of them."""
    return {name.removeprefix("generator."): value for name, value in state.items() if name.startswith("generator.")}


@pytest.mark.parametrize(("gan_weight", "loss"), [(0.0, "hinge"), (0.1, "hinge"), (0.1, "wgan-gp")])
def test_a_student_is_the_written_out_one(
    pool: TeacherPool, digits: ImageDataset, gan_weight: float, loss: str
) -> None:
    config = DistillationConfig(
        kimg=STEPS * BATCH / 1000, batch_size=BATCH, gan_weight=gan_weight, adversarial=opponent(loss)
    )
    expected, losses = expected_student(config, pool, digits)
    *_, progress = distill(STUDENT, config, lesson=Lesson(pool, digits), seed=SEED)
    assert list(progress.losses.values()) == losses
    torch.testing.assert_close(weights(progress.checkpoint().state), dict(expected.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("loss", ["hinge", "wgan-gp"])
def test_a_generator_from_scratch_is_the_written_out_one(digits: ImageDataset, loss: str) -> None:
    config = GanTrainingConfig(kimg=STEPS * BATCH / 1000, batch_size=BATCH, adversarial=opponent(loss))
    expected, losses = expected_from_scratch(config, digits)
    *_, progress = train_gan(STUDENT, config, dataset=digits, seed=SEED)
    assert list(progress.losses.values()) == losses
    torch.testing.assert_close(weights(progress.checkpoint().state), dict(expected.state_dict()), rtol=0, atol=0)
