"""Stored critics come back as they were, and a damaged one is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gan import (
    ArtifactError,
    Critic,
    CriticCard,
    CriticConfig,
    CriticJudgement,
    GeneratorConfig,
    build_critic,
    load_critic,
    save_critic,
)

IMAGES = GeneratorConfig(image_size=16, image_channels=1, width=2)
CONFIG = CriticConfig(width=4, gain=3.0, minibatch_deviation=True)
JUDGEMENT = CriticJudgement(kimg=1.0, accuracy=0.75, accuracy_error=0.02, loss=1.5, guessing_loss=2.0)


def card_of(critic: Critic) -> CriticCard:
    return CriticCard(
        architecture=critic.config,
        norm=critic.norm,
        image_size=16,
        image_channels=1,
        num_classes=critic.num_classes,
        dataset="digits",
        dataset_digest="d",
        training={"kimg": 1.0},
        kimg=1.0,
        seed=0,
        judgements=(JUDGEMENT,),
    )


@pytest.mark.parametrize(("norm", "config"), [("spectral", CONFIG), ("none", CriticConfig(width=4))])
def test_a_critic_comes_back_bit_for_bit(tmp_path: Path, norm: Any, config: CriticConfig) -> None:
    critic = build_critic(config, IMAGES, norm=norm, seed=0, num_classes=3)
    images, classes = torch.randn(8, 1, 16, 16), torch.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
    critic.train()(images)  # the estimate of its norm has moved
    saved = save_critic(tmp_path, critic, card=card_of(critic))
    loaded, card = load_critic(tmp_path)
    assert card == saved
    assert torch.equal(loaded(images, classes), critic.eval()(images, classes))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert (loaded.config, loaded.norm, loaded.num_classes) == (config, norm, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "weights.safetensors"]


@pytest.mark.parametrize("position", [0.0, 0.5, 0.999])
def test_one_flipped_byte_is_refused(tmp_path: Path, position: float) -> None:
    critic = build_critic(CONFIG, IMAGES, norm="spectral", seed=0)
    save_critic(tmp_path, critic, card=card_of(critic))
    path = tmp_path / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"SHA-256 digest .*restore it from a copy"):
        load_critic(tmp_path)


def test_a_card_of_another_kind_or_of_another_network_is_refused(tmp_path: Path) -> None:
    critic = build_critic(CONFIG, IMAGES, norm="spectral", seed=0)
    card = save_critic(tmp_path, critic, card=card_of(critic))
    path = tmp_path / "card.json"
    another = (
        (CriticConfig(width=5, gain=3.0, minibatch_deviation=True), r"is \[4\], \[5\] in the network"),
        (CriticConfig(width=1024, gain=3.0, minibatch_deviation=True), r"is \[4\], \[1024\] in the network"),
        (CriticConfig(width=4, gain=3.0), r"layers\.4\.bias is missing"),
    )
    for architecture, said in another:
        path.write_text(card.model_copy(update={"architecture": architecture}).model_dump_json())
        with pytest.raises(
            ArtifactError, match=rf"weights\.safetensors that fits its card, .*{said}.*restore"
        ) as error:
            load_critic(tmp_path)
        assert "\n" not in str(error.value)
    for written, changed, said in (
        ('"num_classes":0', '"num_classes":-1', r"card\.json that describes it"),
        (
            '"critic"',
            '"generator"',
            r"stored critic is read here, got .*, the card of a stored generator\. Name a",
        ),
    ):
        path.write_text(card.model_dump_json().replace(written, changed, 1))
        with pytest.raises(ArtifactError, match=said):
            load_critic(tmp_path)


def test_a_card_of_a_network_that_no_machine_could_hold_is_refused_without_building_it(tmp_path: Path) -> None:
    critic = build_critic(CONFIG, IMAGES, norm="spectral", seed=0)
    card = save_critic(tmp_path, critic, card=card_of(critic))
    huge = {"architecture": CriticConfig(width=1024), "image_size": 256}  # 34 GB of weights
    (tmp_path / "card.json").write_text(card.model_copy(update=huge).model_dump_json())
    with pytest.raises(ArtifactError, match=r"weights\.safetensors that fits its card, .* is missing"):
        load_critic(tmp_path)


def test_a_critic_is_known_by_all_that_its_scores_depend_on_and_by_nothing_else() -> None:
    critic = build_critic(CONFIG, IMAGES, norm="spectral", seed=0)
    card = card_of(critic)
    same: dict[str, object] = {"kimg": 2.0, "seed": 1, "judgements": (), "training": {}, "dataset": "other"}
    assert {card.model_copy(update={name: value}).digest for name, value in same.items()} == {card.digest}
    other = {
        "architecture": CriticConfig(width=4, gain=2.0, minibatch_deviation=True),
        "norm": "none",
        "image_size": 32,
        "num_classes": 1,
        "weights_digest": "w",
    }
    assert card.digest not in {card.model_copy(update={name: value}).digest for name, value in other.items()}


@pytest.mark.parametrize(
    ("changes", "separates"),
    [
        ({}, True),
        ({"accuracy": 0.63}, False),  # 0.59 by two errors
        ({"accuracy": 0.65}, True),
        ({"loss": 1.91}, False),  # the scores are told apart, and are all but alike
        ({"loss": -0.1, "guessing_loss": 0.0}, True),
        ({"loss": 0.1, "guessing_loss": 0.0}, False),
    ],
)
def test_a_critic_separates_by_accuracy_and_by_loss(changes: dict[str, float], separates: bool) -> None:
    assert JUDGEMENT.model_copy(update=changes).separates == separates
