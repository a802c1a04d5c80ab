"""A critic against a teacher that learns no more: the same steps written out, and its mistakes."""

import pytest
import torch
import torch.nn.functional as F

from gan import (
    AdversarialConfig,
    CriticConfig,
    CriticTrainingConfig,
    GanError,
    ImageDataset,
    OptimiserConfig,
    TeacherPool,
    build_critic,
    load_dataset,
    train_critic,
)
from gan.images import to_unit_range
from gan.seeds import generator_at, seed_at
from gan.training.augmentation import draw_offsets, translated
from gan.training.optimisation import build_adam, set_rate

CONFIG = CriticTrainingConfig(
    kimg=0.128,
    batch_size=32,
    adversarial=AdversarialConfig(
        critic=CriticConfig(width=4, gain=2.0, minibatch_deviation=True),
        optimiser=OptimiserConfig(learning_rate=1e-2, final_fraction=0.1),
        max_shift=2,
    ),
)


def test_its_steps_are_those_written_out_to_the_last_bit(pool: TeacherPool, digits: ImageDataset) -> None:
    reached = list(train_critic(CONFIG, pool=pool, dataset=digits, seed=4, report_at_kimg=[0.05, 0.06, 9.0]))
    assert [progress.kimg for progress in reached] == [0.064, 0.128]

    class Shape:
        image_channels, image_size = 1, 16

    critic = build_critic(CONFIG.adversarial.critic, Shape, norm="spectral", seed=seed_at(4, "critic"))
    adam = build_adam(CONFIG.adversarial.optimiser, critic)
    real_random, shifts = generator_at(4, "batches"), generator_at(4, "augmentation")
    fakes = pool.batches(32, generator_at(4, "pool batches"), device=torch.device("cpu"))
    for step in range(4):
        set_rate(adam, CONFIG.adversarial.optimiser.rate_at(0.032 * step, 0.128))
        index = torch.randint(len(digits.train_images), (32,), generator=real_random)
        batch = torch.cat([to_unit_range(digits.train_images[index]), next(fakes)[1]])
        real, fake = critic(translated(batch, draw_offsets(64, 2, random=shifts), max_shift=2)).chunk(2)
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert reached[-1].loss == loss.item()
    found = reached[-1].critic.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in critic.state_dict().items())


def test_it_depends_on_its_seed(pool: TeacherPool, digits: ImageDataset) -> None:
    losses = [next(train_critic(CONFIG, pool=pool, dataset=digits, seed=seed)).loss for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_images_of_another_shape_than_the_pools_are_refused(pool: TeacherPool) -> None:
    with pytest.raises(GanError, match=r"Give the model"):
        train_critic(CONFIG, pool=pool, dataset=load_dataset("shapes"), seed=0)


def test_a_pool_of_less_than_a_batch_is_refused(pool: TeacherPool, digits: ImageDataset) -> None:
    config = CriticTrainingConfig(kimg=1.0, batch_size=len(pool) + 1)
    with pytest.raises(GanError, match=rf"at least one batch of {len(pool) + 1} images, got {len(pool)}"):
        train_critic(config, pool=pool, dataset=digits, seed=0)


@pytest.mark.parametrize("loss", ["nonsaturating", "wgan-gp"])
def test_every_loss_trains_it(pool: TeacherPool, digits: ImageDataset, loss: str) -> None:
    adversarial = AdversarialConfig(loss=loss, critic=CriticConfig(width=2))  # type: ignore[arg-type]
    [progress] = train_critic(
        CriticTrainingConfig(kimg=0.064, adversarial=adversarial), pool=pool, dataset=digits, seed=0
    )
    assert progress.critic.norm == adversarial.norm
    assert progress.loss == progress.loss
