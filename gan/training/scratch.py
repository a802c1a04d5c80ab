"""This module trains a GAN from scratch: the teacher, and the baseline of a student's size."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator
from torch import Tensor

from gan.compute import CPU, Compute
from gan.config import Config
from gan.datasets import ImageDataset
from gan.networks.dcgan import GeneratorConfig
from gan.seeds import generator_at
from gan.training.adversarial import AdversarialConfig
from gan.training.checkpoint import Checkpoint, Part, Stream
from gan.training.loop import Progress, alone, run_loop
from gan.training.member import Batch, CriticTerms, Member
from gan.training.optimisation import BatchNormStatistics, OptimiserConfig
from gan.training.step import Step


class GanTrainingConfig(Config):
    """A GanTrainingConfig says how a generator is trained against a critic, in thousands of images.

    What is reported and kept has the weights' moving average. Its BatchNorm statistics are `standing`, measured on
    images of the averaged weights, or the `running` ones of the weights as they learn, as in earlier versions.

    >>> GanTrainingConfig(kimg=64.0).batch_size
    64
    """

    kimg: Annotated[float, Field(gt=0, le=1e6)]
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 64
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=2e-4)
    adversarial: AdversarialConfig = AdversarialConfig()
    ema_halflife_kimg: Annotated[float, Field(ge=0)] = 44.0  # 0.999 a step at batch size 64
    batchnorm_statistics: BatchNormStatistics = "standing"

    @model_validator(mode="after")
    def _has_whole_groups(self) -> Self:
        self.adversarial.require_whole_groups(self.batch_size)
        return self


class ScratchMember(Member):
    """A generator learns from its critic alone, at fresh latents, and classes by the data set's shares."""

    def __init__(
        self,
        architecture: GeneratorConfig,
        config: GanTrainingConfig,
        *,
        dataset: ImageDataset,
        seed: int,
        compute: Compute,
    ) -> None:
        super().__init__(architecture, config, dataset=dataset, seed=seed, compute=compute, has_critic=True)
        self._latents, self._labels = generator_at(seed, "latents"), generator_at(seed, "latents", "labels")

    def parts(self) -> Mapping[str, Part]:
        streams = {"latents": Stream(self._latents)}
        if self.generator.config.num_classes:
            streams["labels"] = Stream(self._labels)
        return {**super().parts(), **streams}

    def draw(self) -> Batch:
        inputs_BI = self.generator.config.draw(self.batch_size, self._latents, labels=self._labels, shares=self._shares)
        return Batch(inputs_BI.to(self.compute.torch_device))

    def losses(self, images_BCHW: Tensor, batch: Batch, *, terms: CriticTerms) -> tuple[Tensor, dict[str, Tensor]]:
        assert terms.generator_loss is not None, "a training from scratch has a critic, which judges at every step"
        return terms.generator_loss, terms.detached()


def train_gan(
    architecture: GeneratorConfig,
    config: GanTrainingConfig,
    *,
    dataset: ImageDataset,
    seed: int,
    report_at_kimg: Sequence[float] = (),
    compute: Compute = CPU,
    resume: Checkpoint | None = None,
) -> Iterator[Progress]:
    """Trains a generator of `architecture` on the training images of `dataset` against a critic.

    Yields Progress at each of `report_at_kimg` (thousands of images) and at the end. The result
    depends on the arguments alone, given one machine and one number of threads, and not on whether it was
    reached in one go or by way of `resume`. Raises GanError where the data set's images have another
    shape, or the device is missing.

    >>> [progress] = train_gan(student, GanTrainingConfig(kimg=0.064), dataset=dataset, seed=0)
    >>> sorted(progress.losses)
    ['critic_loss', 'generator_loss']
    """
    dataset.require_shape(architecture.image_channels, architecture.image_size)
    generator = ScratchMember(architecture, config, dataset=dataset, seed=seed, compute=compute)
    return alone(run_loop(Step([generator]), config, report_at_kimg=report_at_kimg, resume=[resume]))
