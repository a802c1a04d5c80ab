"""Generators of every architecture, whose BatchNorm has seen images: its statistics are not those it begins with."""

import pytest
import torch
from torch import nn

from gan import Generator, GeneratorConfig, Origin, build_generator

SMALL = {"image_size": 16, "image_channels": 1, "width": 3, "latent_size": 8}
ARCHITECTURES = {
    "dcgan": GeneratorConfig(**SMALL),
    "deep": GeneratorConfig(**SMALL, depth=2),
    "separable": GeneratorConfig(**SMALL, block="separable", depth=2),
    "resize": GeneratorConfig(**SMALL, block="resize", depth=2),
    "low-rank": GeneratorConfig(**SMALL, first_layer_rank=3),
    "separable low-rank": GeneratorConfig(**SMALL, block="separable", first_layer_rank=2),
    "stages": GeneratorConfig(**SMALL | {"width": 2}, stage_widths=(5, 2)),
    "classes": GeneratorConfig(**SMALL, num_classes=4),
    "28 pixels, colours": GeneratorConfig(image_size=28, image_channels=3, width=2, latent_size=5),
    "sphere": GeneratorConfig(**SMALL, latent_distribution="sphere"),
    "teacher": GeneratorConfig(image_size=32, image_channels=3, width=16, latent_size=16),
}
ORIGIN = Origin(weights_digest="digest of the weights", dataset="digits", metrics={"fid": 9.5}, sweep="tiny", trial=3)


def trained(config: GeneratorConfig) -> Generator:
    """Returns a generator of that architecture, its weights large enough that its images have contrast."""
    generator = build_generator(config, seed=3)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter *= 10 if parameter.ndim == 4 else 1
        for layer in generator.layers:
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = None  # all batches count alike
        for step in range(20):
            generator(config.inputs(32, "statistics", step, seed=0))
    return generator.eval()


SIZES = [
    pytest.param((size, block, width), id=f"{width}-{block}-{size}", marks=[pytest.mark.slow] if size > 32 else [])
    for width in (2, 8, 32)
    for block in ("dcgan", "separable")
    for size in (16, 32, 64, 128)
]


@pytest.fixture
def sized(request: pytest.FixtureRequest) -> Generator:
    """A generator of each image size, block and width, where a test is parametrised by SIZES."""
    size, block, width = request.param
    shape = {"image_size": size, "image_channels": 1 if size == 16 else 3, "latent_size": 64}
    return trained(GeneratorConfig.model_validate({**shape, "width": width, "block": block}))


@pytest.fixture(scope="session", params=ARCHITECTURES)
def generator(request: pytest.FixtureRequest) -> Generator:
    return trained(ARCHITECTURES[request.param])


@pytest.fixture(scope="session")
def small() -> Generator:
    return trained(ARCHITECTURES["dcgan"])
