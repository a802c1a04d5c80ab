"""A teacher that was never trained: to the students its images are as good as any."""

from pathlib import Path

import pytest

from gan import (
    Generator,
    GeneratorConfig,
    ImageDataset,
    TeacherPool,
    build_generator,
    build_pool,
    load_dataset,
    open_pool,
    pool_latents,
)

TEACHER = GeneratorConfig(image_size=16, image_channels=1, width=16, latent_size=8)


@pytest.fixture(scope="session")
def digits() -> ImageDataset:
    return load_dataset("digits")


@pytest.fixture(scope="session")
def teacher() -> Generator:
    return build_generator(TEACHER, seed=7).eval()


@pytest.fixture(scope="session")
def pool(teacher: Generator, tmp_path_factory: pytest.TempPathFactory) -> TeacherPool:
    path: Path = tmp_path_factory.mktemp("pool") / "pool.arrow"
    list(
        build_pool(
            teacher, "teacher-digest", path=path, latents_NL=pool_latents(320, teacher.config.latent_size, seed=3)
        )
    )
    return open_pool(path)
