"""Precision, layout and device change rounding, and nothing that a person would see."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from gan import (
    AdversarialConfig,
    Compute,
    CriticConfig,
    DistillationConfig,
    GanError,
    GanTrainingConfig,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    TeacherPool,
    distill,
    train_gan,
)
from gan.compute import set_threads
from gan.measuring.metrics import FeatureStatistics, fid, kid

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=4, latent_size=8)
ADVERSARIAL = AdversarialConfig(critic=CriticConfig(width=4))
HAS_GPU = torch.cuda.is_available()
ROUNDING = 0.02  # sums in another order, grown over two hundred steps of a GAN
OTHERS = [
    pytest.param(Compute(channels_last=True), ROUNDING, id="channels last"),
    pytest.param(Compute(precision="bfloat16"), 0.1, id="bfloat16"),
    pytest.param(Compute(precision="bfloat16", channels_last=True), 0.1, id="both"),
    pytest.param(
        Compute(device="cuda"), ROUNDING, id="GPU", marks=pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
    ),
]


def distilled(pool: TeacherPool, digits: ImageDataset, compute: Compute) -> tuple[Generator, float]:
    config = DistillationConfig(kimg=6, gan_weight=0.02, batch_size=32, adversarial=ADVERSARIAL)
    *_, progress = distill(STUDENT, config, lesson=Lesson(pool, digits), seed=0, compute=compute)
    return progress.generator, progress.losses["mse"]


@pytest.mark.parametrize(("compute", "tolerance"), OTHERS)
def test_a_student_comes_out_as_with_the_default(
    compute: Compute, tolerance: float, pool: TeacherPool, digits: ImageDataset
) -> None:
    _, expected = distilled(pool, digits, Compute())
    generator, mse = distilled(pool, digits, compute)
    assert mse == pytest.approx(expected, rel=tolerance)
    assert {parameter.dtype for parameter in generator.parameters()} == {torch.float32}


@pytest.mark.parametrize("loss", ["hinge", "nonsaturating", "wgan-gp"])
def test_every_critic_trains_in_low_precision(loss: str, digits: ImageDataset) -> None:
    adversarial = AdversarialConfig.model_validate({"loss": loss, "critic": {"width": 4}})
    config = GanTrainingConfig(kimg=1, batch_size=32, adversarial=adversarial)
    compute = Compute(precision="bfloat16", channels_last=True)
    *_, progress = train_gan(STUDENT, config, dataset=digits, seed=0, compute=compute)
    assert not progress.diverged
    assert all(parameter.isfinite().all() for parameter in progress.generator.parameters())


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_a_missing_gpu_is_one_clear_error() -> None:
    with pytest.raises(GanError, match="cuda is a GPU that PyTorch sees, got none"):
        _ = Compute(device="cuda").torch_device


def test_threads_of_the_environment_change_no_score() -> None:
    random = np.random.default_rng(0)
    real, fake = (random.standard_normal((800, 300)).astype(np.float32) for _ in range(2))

    def scores(pools: int) -> tuple[float, ...]:
        with threadpool_limits(pools):  # as OMP_NUM_THREADS sets it when a process begins
            set_threads(1)
            assert {pool["num_threads"] for pool in threadpool_info()} == {torch.get_num_threads()} == {1}
            return fid(FeatureStatistics.of(real), FeatureStatistics.of(fake)), *kid(real, fake, subsets=2)

    threads = torch.get_num_threads()
    try:
        assert scores(1) == scores(2)
    finally:
        torch.set_num_threads(threads)
