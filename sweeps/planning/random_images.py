"""This module makes random images in place of a data set and a pool: their content changes neither speed nor memory."""

import numpy as np
import torch

from gan import AdversarialConfig, Critic, GeneratorConfig, ImageDataset, TeacherPool, build_critic


def random_images(generator: GeneratorConfig, count: int) -> tuple[ImageDataset, TeacherPool]:
    """Returns `count` images of the shape that `generator` makes, as a data set and as a pool of what it takes."""
    random = np.random.default_rng(0)
    shape = (count, generator.image_channels, generator.image_size, generator.image_size)
    images = random.integers(0, 256, shape, dtype=np.uint8)
    real, labels = torch.from_numpy(images), torch.zeros(count, dtype=torch.int64)
    inputs = random.standard_normal((count, generator.input_size), dtype=np.float32)
    dataset = ImageDataset(
        name="random",
        train_images=real,
        train_labels=labels,
        held_out_images=real,
        held_out_labels=labels,
        num_classes=1,
        digest="random",
    )
    return dataset, TeacherPool(inputs, images, teacher_digest="random", digest="random")


def untrained_critic(generator: GeneratorConfig, opponent: AdversarialConfig) -> Critic:
    """Returns a critic in place of the teacher's, of the images that `generator` makes."""
    return build_critic(opponent.critic, generator, norm=opponent.norm, seed=0)
