"""A generator of the user's own, which several files of tests distil."""

from pathlib import Path

import pytest
import torch

from gan import GeneratorConfig, build_generator

OWN = GeneratorConfig(image_size=16, image_channels=1, width=4, latent_size=12)


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of one's own."""
    path = tmp_path_factory.mktemp("own") / "own.pt"
    network = build_generator(OWN, seed=5).eval()
    with torch.no_grad():
        network.layers[-1].weight.mul_(800)  # so that its images fill the range
        torch.jit.save(torch.jit.trace(network, torch.randn(4, 12)), path)
    return path
