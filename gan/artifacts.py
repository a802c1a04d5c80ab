"""Models on disk: weights as safetensors beside a JSON card. No pickle is ever written or read.

A safetensors payload with one flipped bit loads without complaint, so the card holds the digest of the
weights file and every load checks it.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from gan.config import Config
from gan.digests import file_digest
from gan.errors import ArtifactError
from gan.features import Classifier, ClassifierConfig
from gan.models import Generator, GeneratorConfig

_REMEDY = "The file is damaged or was changed: restore it from a copy, or train the model again."
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"


class GeneratorCard(Config):
    """What a stored generator is: enough to build it, check it and know how it came about.

    `training` is the configuration it was trained with; `metrics` were measured under `protocol_digest`.
    """

    kind: str = "generator"
    architecture: GeneratorConfig
    parameters: int
    dataset: str
    dataset_digest: str
    training: dict[str, JsonValue]
    kimg: float
    seed: int
    metrics: dict[str, float]
    protocol_digest: str
    weights_digest: str = ""


class ClassifierCard(Config):
    """What a stored classifier is. `held_out_accuracy` is a share in [0, 1]."""

    kind: str = "classifier"
    config: ClassifierConfig
    image_channels: int
    num_classes: int
    dataset: str
    dataset_digest: str
    held_out_accuracy: float
    weights_digest: str = ""


CardT = TypeVar("CardT", GeneratorCard, ClassifierCard)
ModuleT = TypeVar("ModuleT", bound=nn.Module)


def save_generator(folder: Path, generator: Generator, card: GeneratorCard) -> GeneratorCard:
    """Write weights and card to `folder`. Returns the card with the digest of the weights filled in."""
    return _save(folder, generator, card)


def load_generator(folder: Path) -> tuple[Generator, GeneratorCard]:
    """The generator in `folder`, in eval mode, with its card. Raises ArtifactError if damaged."""
    card = _read_card(folder, GeneratorCard)
    generator = _restore(folder, Generator(card.architecture), card.weights_digest)
    return generator, card


def save_classifier(folder: Path, classifier: Classifier, card: ClassifierCard) -> ClassifierCard:
    """Write weights and card to `folder`. Returns the card with the digest of the weights filled in."""
    return _save(folder, classifier, card)


def load_classifier(folder: Path) -> tuple[Classifier, ClassifierCard]:
    """The classifier in `folder`, in eval mode, with its card. Raises ArtifactError if damaged."""
    card = _read_card(folder, ClassifierCard)
    classifier = Classifier(card.config, card.image_channels, card.num_classes)
    return _restore(folder, classifier, card.weights_digest), card


def _save(folder: Path, module: nn.Module, card: CardT) -> CardT:
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    card = card.model_copy(update={"weights_digest": file_digest(folder / WEIGHTS_FILE)})
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")
    return card


def _read_card(folder: Path, card_type: type[CardT]) -> CardT:
    path = folder / CARD_FILE
    try:
        return card_type.model_validate_json(path.read_text())
    except (OSError, ValueError) as error:
        reason = f"{error.error_count()} invalid fields" if isinstance(error, ValidationError) else error
        raise ArtifactError(
            f"A stored model has a {CARD_FILE} that describes it", f"{path} ({reason})", _REMEDY
        ) from error


def _restore(folder: Path, module: ModuleT, weights_digest: str) -> ModuleT:
    path = folder / WEIGHTS_FILE
    try:
        found = file_digest(path)
        if found != weights_digest:
            raise ArtifactError(f"The weights in {path} have the SHA-256 digest {weights_digest}", found, _REMEDY)
        module.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ArtifactError(
            f"A stored model has a {WEIGHTS_FILE} that fits its card", f"{path} ({error})", _REMEDY
        ) from error
    return module.eval().requires_grad_(False)
