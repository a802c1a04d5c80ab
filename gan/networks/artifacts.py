"""This module keeps models on disk: weights as safetensors beside a JSON card. No pickle is ever written or read.

A safetensors payload with one flipped bit loads without complaint, so the card holds the digest of the
weights file and every load checks it.
"""

import json
import operator
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import torch
from pydantic import Field, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from gan.config import Config
from gan.digests import file_digest
from gan.errors import ArtifactError
from gan.networks.dcgan import Generator, GeneratorConfig
from gan.networks.imported import AnyGenerator, ImageShape, load_imported
from gan.networks.own_config import ImportedConfig
from gan.networks.own_files import is_safetensors
from gan.networks.own_network import open_network
from gan.networks.own_weights import misfit

_REMEDY = "The file is damaged or was changed: restore it from a copy, or train the model again."
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"


class GeneratorCard(Config):
    """A GeneratorCard says what a stored generator is: enough to build it, check it and know how it came about.

    `training` is the configuration it was trained with; `metrics` were measured under `protocol_digest`.

    >>> card = GeneratorCard(
    ...     architecture=teacher.config, parameters=count_parameters(teacher.config),
    ...     dataset="digits", dataset_digest="d",
    ...     training={"kimg": 64.0}, kimg=32.0, seed=0, metrics={}, protocol_digest="p",
    ... )
    >>> card.kimg, card.budget_kimg
    (32.0, 64.0)
    """

    kind: Literal["generator"] = "generator"
    architecture: GeneratorConfig
    parameters: int
    dataset: str
    dataset_digest: str
    training: dict[str, JsonValue]
    kimg: float
    seed: int
    metrics: dict[str, float]
    absent: dict[str, str] = Field(default_factory=dict, exclude_if=operator.not_)  # why there is no such metric
    protocol_digest: str
    weights_digest: str = ""

    @property
    def budget_kimg(self) -> float:
        """Returns the whole training that was asked for; `kimg` is less where an earlier generator was the best."""
        return float(self.training["kimg"])  # type: ignore[arg-type]  # a JSON value, and always a number


class ImportedCard(Config):
    """An ImportedCard says what a stored generator of the user's own is. Paths in `imported` are names in its folder.

    >>> imported = ImportedConfig(file="generator.pt2", latent_size=8, output_range=(-1.0, 1.0), kimg=12.0)
    >>> shape = {"latent_size": 8, "image_channels": 1, "image_size": 16}
    >>> ImportedCard.model_validate({
    ...     "imported": imported, "shape": shape, "parameters": 100, "dataset": "digits", "dataset_digest": "d",
    ...     "metrics": {}, "protocol_digest": "p",
    ... }).budget_kimg
    12.0
    """

    kind: Literal["imported generator"] = "imported generator"
    imported: ImportedConfig
    shape: ImageShape
    parameters: int
    dataset: str
    dataset_digest: str
    metrics: dict[str, float]
    absent: dict[str, str] = Field(default_factory=dict, exclude_if=operator.not_)  # why there is no such metric
    protocol_digest: str
    weights_digest: str = ""

    @property
    def kimg(self) -> float:
        return self.imported.kimg

    @property
    def budget_kimg(self) -> float:
        return self.imported.kimg


CardT = TypeVar("CardT", bound=Config)  # with a weights_digest
ModuleT = TypeVar("ModuleT", bound=nn.Module)


def save_generator(folder: Path, generator: Generator, *, card: GeneratorCard) -> GeneratorCard:
    """Writes weights and card to `folder`. Returns the card with the digest of the weights filled in.

    >>> len(save_generator(folder / "generator", teacher, card=card).weights_digest)
    64
    """
    return save_model(folder, generator, card=card)


def save_imported(folder: Path, imported: ImportedConfig, *, card: ImportedCard) -> ImportedCard:
    """Copies the generator's file to `folder` and writes its card. Returns the card as it is stored.

    Of weights in a pickle the network's own are stored, as safetensors: no pickle is ever read from a store.

    >>> imported = ImportedConfig(file=str(own), latent_size=8, output_range=(-1.0, 1.0))
    >>> save_imported(folder / "imported", imported, card=imported_card).imported.file
    'generator.pt'
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = WEIGHTS_FILE if imported.factory else f"generator{imported.path.suffix}"
    place: dict[str, str | None] = {"weights" if imported.factory else "file": name}
    if imported.factory and not is_safetensors(imported.path):
        state = open_network(imported).network.state_dict()
        save_file({key: value.detach().clone().contiguous() for key, value in state.items()}, folder / name)
        place["entry"] = None
    else:
        shutil.copyfile(imported.path, folder / name)
    card = card.model_copy(
        update={"imported": imported.model_copy(update=place), "weights_digest": file_digest(folder / name)}
    )
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")
    return card


def load_any_generator(folder: Path) -> tuple[AnyGenerator, GeneratorCard | ImportedCard]:
    """Returns a generator of ours or of the user's own, with its card. Raises ArtifactError if damaged.

    >>> save_generator(folder / "any", teacher, card=card).kind
    'generator'
    >>> generator, card = load_any_generator(folder / "any")
    >>> card.dataset
    'digits'
    """
    if stated_kind(folder) != "imported generator":
        return load_generator(folder)
    card = read_card(folder, ImportedCard)
    path = folder / card.imported.path
    _require_digest(path, card.weights_digest)
    place = {"weights" if card.imported.factory else "file": str(path)}
    return load_imported(card.imported.model_copy(update=place)), card


def load_generator(folder: Path) -> tuple[Generator, GeneratorCard]:
    """Returns the generator in `folder`, in eval mode, with its card. Raises ArtifactError if damaged.

    >>> save_generator(folder / "mine", teacher, card=card).parameters == count_parameters(teacher.config)
    True
    >>> generator, found = load_generator(folder / "mine")
    >>> generator.training
    False
    """
    card = read_card(folder, GeneratorCard)
    generator = restore_model(folder, lambda: Generator(card.architecture), weights_digest=card.weights_digest)
    return generator, card


def save_model(folder: Path, module: nn.Module, *, card: CardT) -> CardT:
    """Writes the weights of `module` and its card. Returns the card with the digest of the weights filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    card = card.model_copy(update={"weights_digest": file_digest(folder / WEIGHTS_FILE)})
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")
    return card


def stated_kind(folder: Path) -> str | None:
    """Returns what the card in `folder` says it is of; None where there is no card, or it does not say."""
    try:
        kind = json.loads((folder / CARD_FILE).read_text())["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kind if isinstance(kind, str) else None


def read_card(folder: Path, card_type: type[CardT]) -> CardT:
    """Returns the card in `folder`. Raises ArtifactError where there is none of this type."""
    path = folder / CARD_FILE
    try:
        return card_type.model_validate_json(path.read_text())
    except (OSError, ValueError) as error:
        asked, found = card_type.model_fields["kind"].default, stated_kind(folder)
        if found not in (asked, None):
            export = found == "deployment"
            raise ArtifactError(
                f"A stored {asked} is read here",
                f"{path}, the card of {'an export' if export else f'a stored {found}'}",
                "Name the model that the export was made of." if export else f"Name a stored {asked}.",
            ) from error
        reason = f"{error.error_count()} invalid fields" if isinstance(error, ValidationError) else error
        raise ArtifactError(
            f"A stored model has a {CARD_FILE} that describes it", f"{path} ({reason})", _REMEDY
        ) from error


def restore_model(folder: Path, build: Callable[[], ModuleT], *, weights_digest: str) -> ModuleT:
    """Returns what `build` makes with the weights in `folder`, frozen and in eval mode.

    Raises ArtifactError where they are damaged or of another network. That is found out without memory for
    it: a card may name a network that no machine could hold.
    """
    path = folder / WEIGHTS_FILE
    try:
        _require_digest(path, weights_digest)
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unfitting(path, error) from error
    with torch.device("meta"):
        imagined = build()
    if wrong := misfit(imagined, state):
        raise _unfitting(path, wrong)
    module = build()
    module.load_state_dict(state, strict=False)  # nothing is amiss but a counter that files from before it lack
    return module.eval().requires_grad_(requires_grad=False)


def _unfitting(path: Path, found: object) -> ArtifactError:
    return ArtifactError(f"A stored model has a {WEIGHTS_FILE} that fits its card", f"{path} ({found})", _REMEDY)


def _require_digest(path: Path, digest: str) -> None:
    found = file_digest(path)
    if found != digest:
        raise ArtifactError(f"The weights in {path} have the SHA-256 digest {digest}", found, _REMEDY)
