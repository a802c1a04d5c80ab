"""This module has the extractors of published numbers: torch-fidelity's, with weights that somebody trained.

Each reads images with torch-fidelity's own code, in its preprocessing and precision, at the layers that its metrics
use, so that numbers equal those of `torch_fidelity.calculate_metrics`.

Shapes: B batch, F features, K classes, C H W image channels, height and width.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan.errors import GanError
from gan.extractors.weights import PRETRAINED, ExtractorWeights

_AT_ONCE = 64  # images of 224x224 to 448x448 held in memory

# Size of images and of patches (of the first kernel in a residual network): which of CLIP's networks a file is of.
_CLIP_SIZES = {
    "clip-rn50": (224, 3),
    "clip-rn101": (224, 3),
    "clip-rn50x4": (288, 3),
    "clip-rn50x16": (384, 3),
    "clip-rn50x64": (448, 3),
    "clip-vit-b-32": (224, 32),
    "clip-vit-b-16": (224, 16),
    "clip-vit-l-14": (224, 14),
    "clip-vit-l-14-336px": (336, 14),
}


class Pretrained:
    """A pretrained network maps images uint8 BCHW of one or three channels to features BF; Inception to logits BK too.

    The other networks tell no classes apart. Raises GanError where the file is not of that network.

    >>> network = Pretrained(find_weights("dinov2-vit-s-14", download=False))  # doctest: +SKIP
    """

    def __init__(self, weights: ExtractorWeights, device: torch.device | str = "cpu") -> None:
        build = next(found for prefix, found in _FAMILIES.items() if weights.kind.startswith(prefix))
        try:
            network = build(weights.kind, weights.path)
        except (RuntimeError, KeyError, ValueError) as error:
            raise _unfit(weights.kind, weights.path, reason=str(error).strip().splitlines()[0]) from error
        self._network = network.to(device)
        self.num_features = PRETRAINED[weights.kind]
        self.device = torch.device(device)

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns features BF and Inception's logits BK; a grey image is read as three equal channels."""
        colour = images_BCHW.expand(-1, 3, -1, -1)
        parts = [self._network(part) for part in torch.split(colour, _AT_ONCE)]
        features, *logits = (torch.cat(column) for column in zip(*parts, strict=True))
        return features, logits[0] if logits else None


# torch-fidelity is slow to import. It unpickles whatever a file holds, so each is looked at before.


def _inception(kind: str, path: Path) -> nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    _tensors(kind, path)
    # FID, KID, precision and recall; IS
    network: nn.Module = FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"], str(path))
    return network


def _vgg16(kind: str, path: Path) -> nn.Module:
    from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16

    _tensors(kind, path)
    network: nn.Module = FeatureExtractorVGG16(kind, ["fc2_relu"], str(path))
    return network


def _dinov2(kind: str, path: Path) -> nn.Module:
    from gan.extractors.dinov2 import DinoV2

    return DinoV2(kind, _tensors(kind, path))


def _clip(kind: str, path: Path) -> nn.Module:
    from torch_fidelity.feature_extractor_clip import FeatureExtractorCLIP

    # A TorchScript archive is code, of which torch-fidelity takes the tensors alone and runs nothing.
    if not _is_torchscript(path):
        raise _unfit(kind, path, reason="no TorchScript archive")
    network: Any = FeatureExtractorCLIP(kind, ["clip"], str(path))
    visual = network.model.visual
    found = (visual.output_dim, visual.input_resolution, visual.conv1.weight.shape[-1])
    if found != (expected := (PRETRAINED[kind], *_CLIP_SIZES[kind])):
        raise _unfit(kind, path, reason=f"features, image size and patches of {found} instead of {expected}")
    checked: nn.Module = network
    return checked


_FAMILIES: dict[str, Callable[[str, Path], nn.Module]] = {
    "inception": _inception,
    "vgg16": _vgg16,
    "dinov2": _dinov2,
    "clip": _clip,
}


def _tensors(kind: str, path: Path) -> dict[str, Tensor]:
    """Returns the tensors in a file by name. Raises GanError where it holds anything else; no code of it runs."""
    if _is_torchscript(path):
        raise _unfit(kind, path, reason="a TorchScript archive")
    try:
        # The format before PyTorch 1.6, in which VGG16's weights are published, is no zip, and cannot be mapped.
        state = torch.load(path, weights_only=True, map_location="cpu", mmap=zipfile.is_zipfile(path))
    except Exception as error:  # an unpickler raises whatever it likes of foreign bytes
        raise _unfit(kind, path, reason=(str(error).strip() or type(error).__name__).splitlines()[0]) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise _unfit(kind, path, reason="something else")
    return state


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _unfit(kind: str, path: Path, *, reason: str) -> GanError:
    network = "inception-v3-compat" if kind == "inception" else kind
    return GanError(
        f"The weights of {kind} are a PyTorch file with tensors of torch-fidelity's {network}",
        f"{path} ({reason})",
        "Copy the file again, or name the extractor that it is of.",
    )
