"""Generators of other people's making, stored by the means that PyTorch has."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gan import GanError, ImportedCard, load_any_generator, load_imported, save_imported
from tests.gan.networks.own_generators import Bytes, Plain, config, exported, scripted


@pytest.mark.parametrize("store", [scripted, exported])
def test_a_stored_network_makes_its_images_in_our_range(store: Any, tmp_path: Path) -> None:
    network = Plain()
    generator = load_imported(config(file=str(store(tmp_path / "theirs.pt2", network))))
    latents = torch.randn(5, 6)
    torch.testing.assert_close(generator(latents), 2 * network(latents) - 1)
    assert (generator.config.image_channels, generator.config.image_size) == (3, 16)


def test_a_factory_gets_the_weights_of_the_file(factory: Path) -> None:
    generator = load_imported(config(factory="theirs_gan:build", weights=str(factory)))
    import theirs_gan

    fresh, latents = theirs_gan.build(), torch.randn(3, 6)
    assert not torch.allclose(generator(latents), 2 * fresh(latents) - 1)
    assert generator(latents).abs().max() <= 1


@pytest.mark.parametrize(
    ("network", "changes", "rule"),
    [
        (Plain(), {"latent_size": 7}, "takes latents BL with L = 7"),
        (Plain(), {"output_range": (-1.0, 0.5)}, r"output_range \[-1.0, 0.5\]"),
        (Plain(), {"output_range": (0.0, 255.0)}, "fill at least a quarter"),
        (Plain(), {"output_range": (-1.0, 1.0)}, r"images lie in \[0, 1\], declared \[-1, 1\]"),
        (Bytes(), {"output_range": (0.0, 1000.0)}, r"images lie in \[0, 255\], declared \[0, 1000\]"),
        (Plain(channels=2), {}, "1 or 3 channels"),
        (Plain(size=(16, 32)), {}, "square images of 16, 20, .* pixels, got .*: 16x32"),
        (Plain(size=(30, 30)), {}, "square images of 16, 20, .* pixels, got .*: 30x30"),
        (Plain(noise=0.1), {"output_range": (0.0, 1.1)}, "one image of one latent"),
        (Plain(scale=float("nan")), {}, "finite images"),
    ],
)
def test_what_is_not_as_declared_is_refused(
    network: nn.Module, changes: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    path = scripted(tmp_path / "theirs.pt", network)
    with pytest.raises(GanError, match=rule) as caught:
        load_imported(config(file=str(path), **changes))
    assert "theirs.pt" in str(caught.value)


@pytest.mark.parametrize("output_range", [(0.0, 1.0), (-0.25, 1.0), (-1.5, 1.5)])
def test_a_range_of_ones_own_stays_possible(output_range: tuple[float, float], tmp_path: Path) -> None:
    path = scripted(tmp_path / "theirs.pt", Plain())
    assert load_imported(config(file=str(path), output_range=output_range)).imported.output_range == output_range


def test_files_and_factories_that_are_none_are_refused(factory: Path, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("hello")
    (factory.parent / "theirs_broken.py").write_text("def build(:")
    wrong = [
        ({"file": str(tmp_path / "absent.pt")}, "readable TorchScript or torch.export"),
        ({"file": str(tmp_path / "text.pt")}, "readable TorchScript or torch.export"),
        ({"factory": "theirs_gan:absent", "weights": str(factory)}, "importable function"),
        ({"factory": "theirs_gan:nothing", "weights": str(factory)}, "returns an nn.Module, got int"),
        ({"factory": "theirs_gan:fails", "weights": str(factory)}, "ValueError: 512 is not supported.*Mend"),
        ({"factory": "theirs_broken:build", "weights": str(factory)}, "SyntaxError: .*Mend the function"),
        ({"factory": "theirs_gan:build", "weights": str(tmp_path / "text.pt")}, "safetensors file"),
    ]
    for values, rule in wrong:
        with pytest.raises(GanError, match=rule):
            load_imported(config(**values))


@pytest.mark.parametrize("values", [{}, {"file": "a", "factory": "b:c", "weights": "d"}, {"factory": "b:c"}])
def test_it_comes_from_exactly_one_place(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="by file, or by factory and weights"):
        config(**values)


def test_a_stored_one_is_whole_without_its_source_and_its_damage_is_found(tmp_path: Path) -> None:
    path = scripted(tmp_path / "theirs.pt", Plain())
    imported = config(file=str(path))
    generator = load_imported(imported)
    card = ImportedCard(
        imported=imported,
        shape=generator.config,
        parameters=1,
        dataset="d",
        dataset_digest="e",
        metrics={},
        protocol_digest="p",
    )
    save_imported(tmp_path / "stored", imported, card=card)
    path.unlink()
    again, stored = load_any_generator(tmp_path / "stored")
    latents = torch.randn(2, 6)
    assert torch.equal(again(latents), generator(latents))
    assert isinstance(stored, ImportedCard)
    file = tmp_path / "stored" / "generator.pt"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(GanError, match="SHA-256"):
        load_any_generator(tmp_path / "stored")
