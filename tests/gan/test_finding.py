"""The paper's finding in small: at equal size and budget a distilled student beats one trained from scratch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gan import (
    AdversarialConfig,
    ClassifierConfig,
    CriticConfig,
    DistillationConfig,
    Evaluator,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    OptimiserConfig,
    Progress,
    Protocol,
    RealReference,
    build_pool,
    distill,
    open_pool,
    pool_latents,
    train_classifier,
    train_gan,
)

TEACHER = GeneratorConfig(image_size=16, image_channels=1, width=48, latent_size=32)
STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=4, latent_size=32)
OPPONENT = AdversarialConfig(critic=CriticConfig(width=8), optimiser=OptimiserConfig(learning_rate=1e-3, beta1=0.0))


def recipe(kimg: float, learning_rate: float) -> GanTrainingConfig:
    optimiser = OptimiserConfig(learning_rate=learning_rate, beta1=0.0, final_fraction=0.2)
    return GanTrainingConfig(kimg=kimg, optimiser=optimiser, adversarial=OPPONENT)


def last(training: Iterator[Progress]) -> Progress:
    *_, progress = training
    return progress


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(0,), pytest.param((1, 2), marks=pytest.mark.soak)])
def test_distilled_students_beat_the_same_generators_trained_from_scratch(
    digits: ImageDataset, tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    *_, classified = train_classifier(ClassifierConfig(epochs=10), digits)
    protocol = Protocol(dataset_digest=digits.digest, extractor="classifier", extractor_digest="", num_samples=1024)
    statistics = RealReference.of(classified.classifier, digits)
    evaluator = Evaluator(protocol, classified.classifier, real=statistics)
    teacher = last(train_gan(TEACHER, recipe(64.0, 2e-3), dataset=digits, seed=0)).generator
    list(
        build_pool(
            teacher, "teacher", path=tmp_path / "pool.arrow", latents_NL=pool_latents(8192, TEACHER.latent_size, seed=0)
        )
    )
    pool = open_pool(tmp_path / "pool.arrow")
    joint = DistillationConfig(kimg=32.0, gan_weight=0.02, adversarial=OPPONENT)
    for seed in seeds:
        student = last(distill(STUDENT, joint, lesson=Lesson(pool, digits), seed=seed)).generator
        scratch = last(train_gan(STUDENT, recipe(32.0, 1e-2), dataset=digits, seed=seed)).generator
        distilled_fid, scratch_fid = (evaluator.evaluate(generator).fid for generator in (student, scratch))
        assert distilled_fid < scratch_fid, f"seed {seed}"
