"""A critic of the user's own on disk, and students that learn from one."""

from pathlib import Path

from gan import Critic, GeneratorConfig, build_critic, save_critic
from tests.gan.networks.test_critic_files import CONFIG, card_of

LEARNS = {"kimg": 1, "critic_features": 0.1, "opponent": "teacher"}


def stored(folder: Path, *, size: int = 16) -> Critic:
    images = GeneratorConfig(image_size=size, image_channels=1, width=2)  # type: ignore[arg-type]
    critic = build_critic(CONFIG, images, norm="spectral", seed=9)
    save_critic(folder, critic, card=card_of(critic).model_copy(update={"image_size": size}))
    return critic
