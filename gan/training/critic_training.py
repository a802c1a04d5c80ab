"""This module trains a critic against a teacher that learns no more: for teachers of which no critic was kept."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator

from gan.compute import CPU, Compute
from gan.config import Config
from gan.datasets import ImageDataset
from gan.images import to_unit_range
from gan.networks.critic import Critic
from gan.networks.together import Shown
from gan.seeds import generator_at
from gan.training.adversarial import AdversarialConfig, Opponent, learn_together
from gan.training.fitting import require_batch
from gan.training.loop import all_finite
from gan.training.teacher_pool import TeacherPool


class CriticTrainingConfig(Config):
    """A CriticTrainingConfig says how a critic is trained on a teacher's images, of which it sees `kimg` thousand.

    >>> CriticTrainingConfig(kimg=16.0).batch_size
    64
    """

    kimg: Annotated[float, Field(gt=0, le=1e6)]
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    adversarial: AdversarialConfig = AdversarialConfig()

    @model_validator(mode="after")
    def _has_whole_groups(self) -> Self:
        self.adversarial.require_whole_groups(self.batch_size)
        return self


@dataclass(frozen=True)
class CriticProgress:
    """A CriticProgress says where a critic's training stands; the next step changes its `critic`.

    When `diverged`, its loss or its weights were NaN or infinite and the training has ended.

    >>> CriticProgress(16.0, critic, loss=1.2, diverged=False).kimg
    16.0
    """

    kimg: float
    critic: Critic
    _: KW_ONLY
    loss: float
    diverged: bool


@dataclass(frozen=True)
class _Images:
    image_channels: int
    image_size: int


def train_critic(
    config: CriticTrainingConfig,
    *,
    pool: TeacherPool,
    dataset: ImageDataset,
    seed: int,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
) -> Iterator[CriticProgress]:
    """Trains a critic to tell the training images of `dataset` from the teacher's images in `pool`.

    Yields CriticProgress at each of `report_at_kimg` (thousands of images) and at the end. The result depends on the
    arguments alone, given one machine and one number of threads. Raises GanError where the images have two shapes, or
    the pool holds less than one batch.

    >>> [progress] = train_critic(CriticTrainingConfig(kimg=0.128), pool=lesson.pool, dataset=dataset, seed=0)
    >>> progress.kimg
    0.128
    """
    image_channels, image_size, _ = pool.image_shape
    dataset.require_shape(image_channels, image_size)
    require_batch(pool, config.batch_size)
    return _steps(config, pool=pool, dataset=dataset, seed=seed, report_at_kimg=report_at_kimg, compute=compute)


def _steps(
    config: CriticTrainingConfig,
    *,
    pool: TeacherPool,
    dataset: ImageDataset,
    seed: int,
    report_at_kimg: Sequence[float],
    compute: Compute,
) -> Iterator[CriticProgress]:
    opponent = Opponent(config.adversarial, _Images(*pool.image_shape[:2]), seed=seed, compute=compute)
    random, device, seen = generator_at(seed, "batches"), compute.torch_device, 0
    fakes = pool.batches(config.batch_size, generator_at(seed, "pool batches"), device=device)
    images_total = round(config.kimg * 1000)
    pending = [*sorted({round(point * 1000) for point in report_at_kimg if 0 < point < config.kimg}), images_total]
    while pending:
        opponent.set_progress(seen / 1000, config.kimg)
        index_B = torch.randint(len(dataset.train_images), (config.batch_size,), generator=random)
        real = Shown(to_unit_range(dataset.train_images[index_B].to(device)))
        [loss] = learn_together([opponent], real=[real], fake=[Shown(next(fakes)[1])])
        seen += config.batch_size
        if seen >= pending[0]:
            pending = [point for point in pending if point > seen]
            diverged = not all_finite(opponent.critic, {"loss": loss.item()})
            yield CriticProgress(seen / 1000, opponent.critic, loss=loss.item(), diverged=diverged)
            if diverged:
                return
