"""A generator and a critic of the user's own on disk, and students that learn from a critic."""

from pathlib import Path

import torch

from gan import Critic, GeneratorConfig, build_critic, build_generator, save_critic
from tests.gan.networks.test_critic_files import CONFIG, card_of

LEARNS = {"kimg": 1, "critic_features": 0.1, "opponent": "teacher"}


def stored(folder: Path, *, size: int = 16) -> Critic:
    images = GeneratorConfig(image_size=size, image_channels=1, width=2)  # type: ignore[arg-type]
    critic = build_critic(CONFIG, images, norm="spectral", seed=9)
    save_critic(folder, critic, card=card_of(critic).model_copy(update={"image_size": size}))
    return critic


def traced(path: Path) -> Path:
    network = build_generator(GeneratorConfig(image_size=16, image_channels=1, width=4, latent_size=12), seed=5).eval()
    with torch.no_grad():
        network.layers[-1].weight.mul_(800)  # so that its images fill the range
        torch.jit.save(torch.jit.trace(network, torch.randn(4, 12)), path)
    return path
