"""This module keeps critics on disk as generators are kept: weights as safetensors beside a JSON card."""

from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from gan.config import Config
from gan.digests import value_digest
from gan.images import ImageSize
from gan.networks.artifacts import read_card, restore_model, save_model
from gan.networks.critic import Critic, CriticConfig, CriticNorm
from gan.networks.latents import NumClasses

LEAST_ACCURACY, LEAST_GAIN = 0.6, 0.05  # of a critic that separates anything


class CriticJudgement(Config):
    """A CriticJudgement says how well a critic told held-out real images from generated ones, after `kimg`.

    `accuracy` is the share of the pairs of one of each in which it scores the real one higher: 0.5, give or take
    `accuracy_error`, where it guesses. `loss` is its own on these images, `guessing_loss` that of a critic which scores
    all images alike.

    >>> judgement = CriticJudgement(kimg=24.0, accuracy=0.9, accuracy_error=0.01, loss=2.0, guessing_loss=2.0)
    >>> judgement.separates
    False
    """

    kimg: float
    accuracy: float
    accuracy_error: float
    loss: float
    guessing_loss: float

    @property
    def separates(self) -> bool:
        """Returns whether it judges: accuracy above 0.6 by two errors, and a loss 5% below that of guessing."""
        most = self.guessing_loss - LEAST_GAIN * abs(self.guessing_loss)
        return self.accuracy - 2 * self.accuracy_error > LEAST_ACCURACY and self.loss < most


class CriticCard(Config):
    """A CriticCard says what a stored critic is: enough to build it, check it and know how it came about.

    `training` is the configuration it learned with, `judgements` are those of its reports.

    >>> card = CriticCard(
    ...     architecture=CriticConfig(width=4), norm="spectral", image_size=16, image_channels=1,
    ...     dataset="digits", dataset_digest="d", training={"kimg": 64.0}, kimg=64.0, seed=0,
    ... )
    >>> card.digest == card.model_copy(update={"architecture": CriticConfig(width=4, gain=3.0)}).digest
    False
    """

    kind: Literal["critic"] = "critic"
    architecture: CriticConfig
    norm: CriticNorm
    image_size: ImageSize
    image_channels: Literal[1, 3]
    num_classes: NumClasses = 0
    dataset: str
    dataset_digest: str
    training: dict[str, JsonValue]
    kimg: float
    seed: int
    judgements: tuple[CriticJudgement, ...] = ()
    weights_digest: str = ""

    @property
    def judgement(self) -> CriticJudgement | None:
        """Returns how it judges as it is stored; None where that was not measured."""
        return next((judgement for judgement in self.judgements if judgement.kimg == self.kimg), None)

    @property
    def digest(self) -> str:
        """Returns the digest of all that its scores depend on: the weights alone do not say how they are scaled."""
        parts = {"architecture", "norm", "image_size", "image_channels", "num_classes", "weights_digest"}
        return value_digest(self.model_dump(include=parts))


def save_critic(folder: Path, critic: Critic, *, card: CriticCard) -> CriticCard:
    """Writes weights and card to `folder`. Returns the card with the digest of the weights filled in.

    >>> len(save_critic(folder / "critic", critic, card=critic_card).weights_digest)
    64
    """
    return save_model(folder, critic, card=card)


def load_critic(folder: Path) -> tuple[Critic, CriticCard]:
    """Returns the critic in `folder`, frozen and in eval mode, with its card. Raises ArtifactError if damaged.

    >>> _ = save_critic(folder / "kept", critic, card=critic_card)
    >>> load_critic(folder / "kept")[0].training
    False
    """
    card = read_card(folder, CriticCard)

    def build() -> Critic:
        return Critic(
            card.architecture,
            card.image_size,
            image_channels=card.image_channels,
            norm=card.norm,
            num_classes=card.num_classes,
        )

    return restore_model(folder, build, weights_digest=card.weights_digest), card
