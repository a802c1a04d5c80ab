"""This module has a teacher's critic as it is kept: in a folder of its own, with what is said of how well it judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from gan import AnyGenerator, Critic, CriticCard, CriticJudgement, ImageDataset, judge_critic, load_critic
from gan.training.losses import AdversarialName
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.tags import CRITIC_ACCURACY
from sweeps.models.extractors import Extractor

LEAST_SEPARATED = 0.5  # of the reports of a training, those at which its critic separated something


@dataclass(frozen=True, kw_only=True)
class TeacherCritic:
    """A TeacherCritic is one immutable critic, the folder that it lies in, and the model's version that has it."""

    critic: Critic
    card: CriticCard
    folder: Path
    version: str

    @classmethod
    def among(cls, files: Path, *, version: str) -> "TeacherCritic | None":
        """Returns the critic among a version's files; None where none was kept. Raises ArtifactError if damaged."""
        folder = files / CRITIC
        if not folder.is_dir():
            return None
        critic, card = load_critic(folder)
        return cls(critic=critic, card=card, folder=folder, version=version)

    @property
    def note(self) -> str:
        """Returns for people how well it judges, or that nobody has measured it."""
        now = self.card.judgement
        if now is None:
            return "how well it judges was not measured"
        return (
            f"ranks a held-out real image above a generated one in {now.accuracy:.0%} of pairs, "
            f"loss {now.loss:.2f} (guessing {now.guessing_loss:.2f})"
        )

    @property
    def warning(self) -> str | None:
        """Returns one sentence where it separated nothing at more than half of its reports; else None."""
        judgements = self.card.judgements
        separated = sum(judgement.separates for judgement in judgements)
        if separated >= LEAST_SEPARATED * len(judgements):
            return None
        gain = "adversarial.critic.gain or " if self.card.norm == "spectral" else ""
        return (
            f"the teacher's critic separated real from generated images at {separated} of {len(judgements)} reports, "
            f"so it taught little: raise {gain}the rate of adversarial.optimiser"
        )

    @property
    def judged(self) -> str | None:
        """Returns both, as the column `teacher_critic` of the trial table holds them; None where it was not judged."""
        parts = [self.note, *([self.warning] if self.warning else [])]
        return "; ".join(parts) if self.card.judgements else None


def judged(
    critic: Critic,
    generator: AnyGenerator,
    *,
    loss: AdversarialName,
    dataset: ImageDataset,
    extractor: Extractor,
    kimg: float,
) -> CriticJudgement:
    """Returns how a critic judges the generator's images at the protocol's latents."""
    inputs_NI = extractor.evaluator.latents(generator.config)
    return judge_critic(critic, generator, loss=loss, dataset=dataset, inputs_NI=inputs_NI, kimg=kimg)


def card_of(
    critic: Critic,
    dataset: ImageDataset,
    *,
    training: dict[str, JsonValue],
    kimg: float,
    seed: int,
    judgements: Sequence[CriticJudgement] = (),
) -> CriticCard:
    """Returns the card of a critic of the data set's images."""
    return CriticCard.model_validate(
        {
            "architecture": critic.config,
            "norm": critic.norm,
            "image_size": critic.image_size,
            "image_channels": critic.image_channels,
            "num_classes": critic.num_classes,
            "dataset": dataset.name,
            "dataset_digest": dataset.digest,
            "training": training,
            "kimg": kimg,
            "seed": seed,
            "judgements": tuple(judgements),
        }
    )


def metrics_of(judgement: CriticJudgement) -> dict[str, float]:
    """Returns a judgement as the tracking store has it."""
    return {CRITIC_ACCURACY: judgement.accuracy, "critic_held_out_loss": judgement.loss}
