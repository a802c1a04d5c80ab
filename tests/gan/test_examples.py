"""Every public class and function of gan shows an example, and the examples come out as they say."""

import doctest
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import gan

PUBLIC = [name for name in gan.__all__ if callable(getattr(gan, name)) and getattr(gan, name).__doc__]


class Own(nn.Module):
    """A generator of one's own, whose images fill their range."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(8, 256)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.tanh(4 * self.map(latents)).view(-1, 1, 16, 16)


class Net(nn.Module):
    """An extractor of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(256, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.map(images.flatten(1))


def run(documented: Any, name: str, names: dict[str, Any]) -> int:
    """How many examples its own docstring has."""
    tests = doctest.DocTestFinder(recurse=False).find(documented, name, module=False, globs=names)
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    for test in tests:
        runner.run(test, out=said.append, clear_globs=False)
        names.update(test.globs)
    assert runner.failures == 0, "".join(said)
    return sum(len(test.examples) for test in tests)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples may name: what gan exports, what its docstring makes, and stored models and their cards."""
    folder: Path = tmp_path_factory.mktemp("examples")
    names = {name: getattr(gan, name) for name in gan.__all__} | {"folder": folder}
    assert run(gan, "gan", names) > 5
    teacher = names["teacher"]
    torch.jit.save(torch.jit.trace(Own(), torch.zeros(2, 8)), folder / "own.pt")
    about: dict[str, Any] = {"dataset": "digits", "dataset_digest": "d", "metrics": {}, "protocol_digest": "p"}
    names["own"] = folder / "own.pt"
    torch.jit.save(torch.jit.trace(Net(), torch.zeros(2, 1, 16, 16)), folder / "net.pt")
    names["net"] = folder / "net.pt"
    names["card"] = gan.GeneratorCard(
        architecture=teacher.config,
        parameters=gan.count_parameters(teacher.config),
        training={"kimg": 64.0},
        kimg=64.0,
        seed=0,
        **about,
    )
    shape = {"latent_size": 8, "image_channels": 1, "image_size": 16}
    imported = gan.ImportedConfig(file="own.pt", latent_size=8, output_range=(-1.0, 1.0))
    names["imported_card"] = gan.ImportedCard.model_validate(
        {"imported": imported, "shape": shape, "parameters": 2304, **about}
    )
    names["critic"] = gan.build_critic(gan.CriticConfig(width=4), teacher.config, norm="spectral", seed=0)
    names["critic_card"] = gan.CriticCard(
        architecture=gan.CriticConfig(width=4),
        norm="spectral",
        image_size=16,
        image_channels=1,
        dataset="digits",
        dataset_digest="d",
        training={},
        kimg=0.0,
        seed=0,
    )
    names["classifier"] = gan.Classifier(gan.ClassifierConfig(), 1, num_classes=10).eval()
    names["classifier_card"] = gan.ClassifierCard(
        config=gan.ClassifierConfig(),
        image_channels=1,
        num_classes=10,
        dataset="digits",
        dataset_digest="d",
        held_out_accuracy=0.9,
    )
    return names


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "AnyGenerator"])
def test_a_public_name_shows_an_example_that_comes_out(name: str, names: dict[str, Any]) -> None:
    assert run(getattr(gan, name), name, dict(names)), f"the docstring of {name} has no example"
