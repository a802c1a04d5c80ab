"""This module has the Inception network of the customary FID, IS, KID, precision and recall.

It is torch-fidelity's inception-v3-compat, whose weights are no part of any package: they are downloaded once,
or given as a file on closed networks.
"""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from gan.digests import file_digest
from gan.errors import GanError

_VARIABLE = "GANLIMIT_INCEPTION_WEIGHTS"
_DIGEST_START = "6726825d"  # of the SHA-256 of the customary weights; torch-fidelity's file name ends with it
_LAYERS = ["2048", "logits_unbiased"]  # FID, KID, precision and recall; IS
_AT_ONCE = 64  # 299x299 images held in memory

INCEPTION_FEATURES = 2048


@dataclass(frozen=True)
class InceptionWeights:
    """InceptionWeights name a file that is there. `customary` are those that published FIDs are computed with.

    >>> InceptionWeights(folder / "weights.pth", digest="6726825d").customary
    True
    """

    path: Path
    digest: str

    @property
    def customary(self) -> bool:
        return self.digest.startswith(_DIGEST_START)


class Inception:
    """Inception maps images uint8 BCHW of one or three channels to (features B 2048, logits B 1008).

    >>> network = Inception(find_inception_weights(download=False))  # doctest: +SKIP
    """

    def __init__(self, weights: InceptionWeights, device: torch.device | str = "cpu") -> None:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # slow to import

        # torch-fidelity unpickles whatever the file holds, so it is read once before with tensors alone allowed.
        _require_tensors(weights.path)
        try:
            network = FeatureExtractorInceptionV3("inception-v3-compat", _LAYERS, str(weights.path))
        except RuntimeError as error:
            raise _unfit(weights.path, str(error).splitlines()[0]) from error
        self._network = network.to(device)
        self.device = torch.device(device)

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Returns features B 2048 and logits B 1008; a grey image is read as three equal channels."""
        colour = images_BCHW.expand(-1, 3, -1, -1) if images_BCHW.shape[1] == 1 else images_BCHW
        parts = [self._network(part) for part in torch.split(colour, _AT_ONCE)]
        features, logits = (torch.cat(column) for column in zip(*parts, strict=True))
        return features, logits


def find_inception_weights(path: Path | None = None, *, download: bool = True) -> InceptionWeights:
    """Returns the weights at `path`, or where GANLIMIT_INCEPTION_WEIGHTS says, or in torch's hub folder.

    Where there are none they are downloaded there, if `download`. Raises GanError, which names the file and the
    beginning of its digest, where a file is missing.

    >>> try:
    ...     find_inception_weights(folder / "nothing.pth")
    ... except GanError as error:
    ...     print(error.remedy)
    Copy them from a machine with a network, and give --inception-weights PATH or GANLIMIT_INCEPTION_WEIGHTS.
    """
    named = path or (Path(os.environ[_VARIABLE]) if os.environ.get(_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise _missing(named, "no file")
        return InceptionWeights(named.resolve(), file_digest(named))
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    customary = Path(torch.hub.get_dir()) / "checkpoints" / URL_INCEPTION_V3.rpartition("/")[2]
    if not customary.is_file():
        if not download:
            raise _missing(customary, "no file, and no downloads")
        customary.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(customary), _DIGEST_START, progress=False)
        except (URLError, OSError, RuntimeError) as error:
            raise _missing(customary, str(error)) from error
    return InceptionWeights(customary, file_digest(customary))


def _missing(path: Path, reason: str) -> GanError:
    return GanError(
        f"The weights weights-inception-2015-12-05-{_DIGEST_START}.pth of Inception, whose SHA-256 digest begins "
        f"with {_DIGEST_START}, are a file",
        f"{path} ({reason})",
        f"Copy them from a machine with a network, and give --inception-weights PATH or {_VARIABLE}.",
    )


def _require_tensors(path: Path) -> None:
    try:
        state = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise _unfit(path, str(error).strip().splitlines()[0]) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise _unfit(path, "something else")


def _unfit(path: Path, reason: str) -> GanError:
    return GanError(
        "Inception's weights are a PyTorch file with tensors of torch-fidelity's inception-v3-compat",
        f"{path} ({reason})",
        "Copy the file again; its SHA-256 digest begins with " + _DIGEST_START + ".",
    )
