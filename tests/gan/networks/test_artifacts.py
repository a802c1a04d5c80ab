from pathlib import Path

import pytest
import torch

from gan import (
    ArtifactError,
    Generator,
    GeneratorCard,
    GeneratorConfig,
    count_parameters,
    load_generator,
    save_generator,
)


def card_of(architecture: GeneratorConfig) -> GeneratorCard:
    return GeneratorCard(
        architecture=architecture,
        parameters=count_parameters(architecture),
        dataset="digits",
        dataset_digest="d",
        training={"kimg": 1.0},
        kimg=1.0,
        seed=0,
        metrics={"fid": 12.5},
        protocol_digest="p",
    )


def test_a_generator_comes_back_bit_for_bit(teacher: Generator, tmp_path: Path) -> None:
    saved = save_generator(tmp_path, teacher, card=card_of(teacher.config))
    loaded, card = load_generator(tmp_path)
    assert card == saved
    assert card.weights_digest
    latents = torch.randn(4, teacher.config.latent_size)
    assert torch.equal(loaded(latents), teacher(latents))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "weights.safetensors"]


@pytest.mark.parametrize("position", [0.0, 0.3, 0.999])
def test_one_flipped_byte_in_the_weights_is_refused(teacher: Generator, tmp_path: Path, position: float) -> None:
    save_generator(tmp_path, teacher, card=card_of(teacher.config))
    path = tmp_path / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"SHA-256 digest .*restore it from a copy"):
        load_generator(tmp_path)


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
def test_a_missing_file_is_named(teacher: Generator, tmp_path: Path, name: str) -> None:
    save_generator(tmp_path, teacher, card=card_of(teacher.config))
    (tmp_path / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        load_generator(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"kind": "generator", "unknown": 1}'])
def test_a_card_that_does_not_describe_a_generator_is_refused(teacher: Generator, tmp_path: Path, text: str) -> None:
    save_generator(tmp_path, teacher, card=card_of(teacher.config))
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"card\.json"):
        load_generator(tmp_path)
