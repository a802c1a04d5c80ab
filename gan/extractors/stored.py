"""This module loads an extractor of any kind from its file or folder, as a worker does."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path

import torch

from gan.extractors.classifier import load_classifier
from gan.extractors.features import FeatureExtractor
from gan.extractors.own import load_own_extractor
from gan.extractors.pretrained import Pretrained
from gan.extractors.weights import find_weights


@dataclass(frozen=True)
class LoadedExtractor:
    """A LoadedExtractor is a network with the digest of all that changes what it reads, and a word about it.

    >>> LoadedExtractor(classifier, digest="d", about="held-out accuracy 90.0%").network.num_features
    64
    """

    network: FeatureExtractor
    digest: str
    _: KW_ONLY
    about: str


def load_extractor(kind: str, path: Path, *, device: torch.device | str = "cpu") -> LoadedExtractor:
    """Returns the extractor of `kind` at `path`: a folder with a card, or the weights of a pretrained one.

    Raises ArtifactError where it is damaged, GanError where a file is not of its kind.

    >>> save_classifier(folder / "of a sweep", classifier, card=classifier_card).num_classes
    10
    >>> load_extractor("classifier", folder / "of a sweep").about
    'held-out accuracy 90.0%'
    """
    load = _LOADERS.get(kind) or partial(_pretrained, kind=kind)
    return load(path, device=torch.device(device))


def _classifier(path: Path, *, device: torch.device) -> LoadedExtractor:
    network, card = load_classifier(path)
    about = f"held-out accuracy {card.held_out_accuracy:.1%}"
    return LoadedExtractor(network.to(device), card.weights_digest, about=about)


def _own(path: Path, *, device: torch.device) -> LoadedExtractor:
    network, card = load_own_extractor(path, device)
    return LoadedExtractor(network, card.digest, about=f"a network of your own with {network.num_features} features")


def _pretrained(path: Path, *, kind: str, device: torch.device) -> LoadedExtractor:
    weights = find_weights(kind, path)
    about = "the customary weights" if weights.customary else "other weights than the customary ones"
    return LoadedExtractor(Pretrained(weights, device), weights.digest, about=about)


_LOADERS: dict[str, Callable[..., LoadedExtractor]] = {"classifier": _classifier, "own": _own}
