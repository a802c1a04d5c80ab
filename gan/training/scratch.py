"""Training a GAN from scratch: the teacher, and the baseline of a student's size."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from gan.compute import CPU, Compute
from gan.config import Config
from gan.datasets import ImageDataset
from gan.images import draw_batch
from gan.networks.dcgan import GeneratorConfig, build_generator
from gan.seeds import generator_at, seed_at
from gan.training.adversarial import AdversarialConfig, Opponent
from gan.training.checkpoint import Checkpoint, Part, Stream, Weights
from gan.training.loop import Progress, TrainingStep, run_loop
from gan.training.optimisation import OptimiserConfig, ScheduledOptimiser


class GanTrainingConfig(Config):
    """How a generator is trained against a critic. Budgets and half-lives are in thousands of images."""

    kimg: Annotated[float, Field(gt=0, le=1e6)]
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=2e-4)
    adversarial: AdversarialConfig = AdversarialConfig()
    ema_halflife_kimg: Annotated[float, Field(ge=0)] = 44.0  # 0.999 a step at batch size 64


class _AdversarialStep(TrainingStep):
    """The critic's steps, the last of them on the batch of the one generator step that follows."""

    def __init__(
        self,
        architecture: GeneratorConfig,
        config: GanTrainingConfig,
        dataset: ImageDataset,
        seed: int,
        compute: Compute,
    ) -> None:
        self.batch_size = config.batch_size
        self._compute, self._device = compute, compute.torch_device
        self.generator = compute.place(build_generator(architecture, seed_at(seed, "generator"))).train()
        self._optimiser = ScheduledOptimiser(config.optimiser, self.generator)
        self._opponent = Opponent(config.adversarial, architecture, seed, compute)
        self._real_images = dataset.train_images
        self._latents = generator_at(seed, "latents")
        self._batches = generator_at(seed, "batches")

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        self._optimiser.set_progress(kimg, budget_kimg)
        self._opponent.set_progress(kimg, budget_kimg)

    def parts(self) -> Mapping[str, Part]:
        return {
            "generator": Weights(self.generator),
            "optimiser": self._optimiser,
            "latents": Stream(self._latents),
            "batches": Stream(self._batches),
            **self._opponent.parts(),
        }

    def __call__(self) -> dict[str, Tensor]:
        for _ in range(self._opponent.steps - 1):
            with torch.no_grad():
                fake_BCHW = self._generate()
            self._opponent.learn(self._draw_real(), fake_BCHW)
        fake_BCHW = self._generate()
        critic_loss = self._opponent.learn(self._draw_real(), fake_BCHW)
        generator_loss = self._opponent.generator_loss(fake_BCHW)
        self._optimiser.step(generator_loss)
        return {"critic_loss": critic_loss, "generator_loss": generator_loss.detach()}

    def _generate(self) -> Tensor:
        latent_size = self.generator.config.latent_size
        latents_BL = torch.randn(self.batch_size, latent_size, generator=self._latents).to(self._device)
        with self._compute.forward_passes():
            fake_BCHW: Tensor = self.generator(latents_BL)
        return fake_BCHW.float()

    def _draw_real(self) -> Tensor:
        return draw_batch(self._real_images, self.batch_size, self._batches, self._device)


def train_gan(
    architecture: GeneratorConfig,
    config: GanTrainingConfig,
    dataset: ImageDataset,
    seed: int,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
    resume: Checkpoint | None = None,
) -> Iterator[Progress]:
    """Train a generator of `architecture` on the training images of `dataset` against a critic.

    Yields Progress at each of `report_at_kimg` (thousands of images) and at the end. The result
    depends on the arguments alone, given one machine and one number of threads, and not on whether it was
    reached in one go or by way of `resume`. Raises GanError where the data set's images have another
    shape, or the device is missing.
    """
    dataset.require_shape(architecture.image_channels, architecture.image_size)
    step = _AdversarialStep(architecture, config, dataset, seed, compute)
    return run_loop(step, config.kimg, config.ema_halflife_kimg, report_at_kimg, resume)
