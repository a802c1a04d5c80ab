"""This module finds the weights of published extractors, which are no part of any package.

They are downloaded once, or given as a file on closed networks.
"""

import os
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal
from urllib.error import URLError

import torch

from gan.digests import file_digest
from gan.errors import GanError

# torch-fidelity's names, of which `inception` is its inception-v3-compat.
DinoName = Literal["dinov2-vit-s-14", "dinov2-vit-b-14", "dinov2-vit-l-14", "dinov2-vit-g-14"]
ClipName = Literal[
    "clip-rn50",
    "clip-rn101",
    "clip-rn50x4",
    "clip-rn50x16",
    "clip-rn50x64",
    "clip-vit-b-32",
    "clip-vit-b-16",
    "clip-vit-l-14",
    "clip-vit-l-14-336px",
]
PretrainedName = Literal["inception", "vgg16"] | DinoName | ClipName

# By name, the features that FID is computed in.
PRETRAINED: dict[str, int] = {
    "inception": 2048,
    "vgg16": 4096,
    "dinov2-vit-s-14": 384,
    "dinov2-vit-b-14": 768,
    "dinov2-vit-l-14": 1024,
    "dinov2-vit-g-14": 1536,
    "clip-rn50": 1024,
    "clip-rn101": 512,
    "clip-rn50x4": 640,
    "clip-rn50x16": 768,
    "clip-rn50x64": 1024,
    "clip-vit-b-32": 512,
    "clip-vit-b-16": 512,
    "clip-vit-l-14": 768,
    "clip-vit-l-14-336px": 768,
}

_INCEPTION_VARIABLE, _VARIABLE = "GANLIMIT_INCEPTION_WEIGHTS", "GANLIMIT_EXTRACTOR_WEIGHTS"
_DINO_DIGESTS = {
    "dinov2-vit-s-14": "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
    "dinov2-vit-b-14": "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    "dinov2-vit-l-14": "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    "dinov2-vit-g-14": "baf8467e50af277596bbbafa06887c177ee899ab46033649c383577d7e9309d3",
}


@dataclass(frozen=True)
class _Source:
    """This is where published weights come from: the address, and what their SHA-256 digest begins with."""

    address: str
    digest_start: str
    _: KW_ONLY
    file: str  # its name in torch's hub folder, where other programs look for it too


@dataclass(frozen=True)
class ExtractorWeights:
    """ExtractorWeights name a file that is there, and the network that it is of.

    `customary` are those that published numbers are computed with.

    >>> ExtractorWeights("inception", folder / "weights.pth", digest="6726825d").customary
    True
    """

    kind: str
    path: Path
    _: KW_ONLY
    digest: str

    @property
    def customary(self) -> bool:
        return self.digest.startswith(_source(self.kind).digest_start)


def find_weights(kind: str, path: Path | None = None, *, download: bool = True) -> ExtractorWeights:
    """Returns the weights at `path`, or where the environment says, or in torch's hub folder.

    Either names the file, or a folder that holds it, and others, under its customary name.
    The environment's variable is GANLIMIT_INCEPTION_WEIGHTS for Inception, GANLIMIT_EXTRACTOR_WEIGHTS for the others.
    `kind` is one of PRETRAINED. Where there are none they are downloaded, if `download`. Raises GanError, which names
    the file, where it comes from and the beginning of its digest, where it is missing.

    >>> try:
    ...     find_weights("vgg16", folder / "nothing.pth")
    ... except GanError as error:
    ...     print(error.remedy)
    Copy it from a machine with a network, and give --extractor-weights PATH or GANLIMIT_EXTRACTOR_WEIGHTS.
    """
    source, variable = _source(kind), _variable(kind)
    named = path or (Path(os.environ[variable]) if os.environ.get(variable) else None)
    if named is not None:
        named = named / source.file if named.is_dir() else named
        if not named.is_file():
            raise _missing(kind, named, reason="no file")
        return ExtractorWeights(kind, named.resolve(), digest=file_digest(named))
    customary = Path(torch.hub.get_dir()) / "checkpoints" / source.file
    if not customary.is_file():
        if not download:
            raise _missing(kind, customary, reason="no file, and no downloads")
        customary.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(source.address, str(customary), source.digest_start, progress=False)
        except (URLError, OSError, RuntimeError) as error:
            raise _missing(kind, customary, reason=str(error)) from error
    return ExtractorWeights(kind, customary, digest=file_digest(customary))


def _variable(kind: str) -> str:
    return _INCEPTION_VARIABLE if kind == "inception" else _VARIABLE


def _missing(kind: str, path: Path, *, reason: str) -> GanError:
    source = _source(kind)
    option = "--inception-weights" if kind == "inception" else "--extractor-weights"
    return GanError(
        f"The weights of {kind} are the file {source.file} from {source.address}, whose SHA-256 digest begins with "
        f"{source.digest_start[:8]}",
        f"{path} ({reason})",
        f"Copy it from a machine with a network, and give {option} PATH or {_variable(kind)}.",
    )


def _source(kind: str) -> _Source:
    family = next((found for prefix, found in _FAMILIES.items() if kind.startswith(prefix)))
    return family(kind)


# torch-fidelity and torchvision are slow to import, and know their addresses themselves.


def _inception(kind: str) -> _Source:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    file = URL_INCEPTION_V3.rpartition("/")[2]
    return _Source(URL_INCEPTION_V3, file.rpartition("-")[2].removesuffix(".pth"), file=file)


def _vgg16(kind: str) -> _Source:
    from torchvision.models import VGG16_Weights

    address = VGG16_Weights.IMAGENET1K_V1.url
    file = address.rpartition("/")[2]
    return _Source(address, file.rpartition("-")[2].removesuffix(".pth"), file=file)


def _dinov2(kind: str) -> _Source:
    name = f"dinov2_vit{kind.split('-')[2]}14"
    file = f"{name}_pretrain.pth"
    return _Source(f"https://dl.fbaipublicfiles.com/dinov2/{name}/{file}", _DINO_DIGESTS[kind], file=file)


def _clip(kind: str) -> _Source:
    from torch_fidelity.feature_extractor_clip import MODEL_METADATA, MODEL_URLS

    digest = MODEL_METADATA[kind]["hash"]
    return _Source(MODEL_URLS[kind], digest, file=f"{kind}-{digest}.pt")


_FAMILIES: dict[str, Callable[[str], _Source]] = {
    "inception": _inception,
    "vgg16": _vgg16,
    "dinov2": _dinov2,
    "clip": _clip,
}
