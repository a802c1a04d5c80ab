"""How long pretrained extractors take for images, with random weights of the true shape: nothing is downloaded."""

import tempfile
import time
from pathlib import Path

import torch
import torchvision
from rich.console import Console

from gan import Pretrained
from gan.extractors.features import extract
from gan.extractors.weights import ExtractorWeights
from tests.gan.extractors.random_weights import Archived, clip_shapes, dino_shapes, random_state, write_inception

TIMED, TIMED_KINDS = 16, ("inception", "vgg16", "dinov2-vit-s-14", "clip-vit-b-32")


def seconds_of_pretrained(console: Console) -> dict[str, dict[str, float]]:
    """CPU seconds of pretrained networks with random weights, from TIMED images of 32x32, for 10,000."""
    images_NCHW = torch.randint(0, 256, (TIMED, 3, 32, 32), dtype=torch.uint8)
    seconds: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in TIMED_KINDS:
            network = Pretrained(ExtractorWeights(kind, random_weights(kind, Path(folder)), digest=""))
            extract(network, images_NCHW[:2])  # what is made once
            began = time.process_time()
            extract(network, images_NCHW)
            spent = (time.process_time() - began) * 10_000 / TIMED
            seconds[kind] = {"10,000 images": round(spent), "images timed": TIMED}
            console.print(f"{kind}: {spent:,.0f} s of CPU for 10,000 images", style="dim")
    return seconds


def random_weights(kind: str, folder: Path) -> Path:
    """A file of the network's true shape, with small random weights."""
    path = folder / f"{kind}.pth"
    if kind == "inception":
        return write_inception(path)
    if kind == "clip-vit-b-32":
        torch.jit.script(Archived(random_state(clip_shapes(768, 12, patch=32, features=512)))).save(path)
        return path
    shapes = dino_shapes(384, 12, heads=6) if kind == "dinov2-vit-s-14" else torchvision.models.vgg16().state_dict()
    torch.save(random_state(shapes), path)
    return path
