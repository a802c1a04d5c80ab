"""Generators of other people's making, as their code bases have them, stored by the means that PyTorch has."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan import ImportedConfig

FACTORY = '''
import torch
from torch import nn

class Theirs(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, channels * 16 * 16), nn.Sigmoid())
        self.channels = channels

    def forward(self, z):
        return self.body(z).unflatten(1, (self.channels, 16, 16))

class Noisy(nn.Module):
    """As StyleGAN has it: noise is drawn unless it is asked to be constant."""

    def __init__(self):
        super().__init__()
        self.body = nn.ConvTranspose2d(6, 3, 16)
        self.strength = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("constant", torch.randn(16, 16))

    def forward(self, z, noise_mode="random"):
        x = self.body(z[:, :, None, None])
        noise = self.constant if noise_mode == "const" else torch.randn(len(x), 1, 16, 16, device=x.device)
        return torch.sigmoid(x + self.strength * noise)

def build(**arguments):
    torch.manual_seed(0)
    return Theirs(**arguments).eval()

def noisy():
    torch.manual_seed(0)
    network = Noisy().eval()
    nn.init.normal_(network.body.weight)
    return network

def nothing():
    return 7

def fails():
    raise ValueError("512 is not supported")
'''


class Plain(nn.Module):
    """Latents BL or BL11 to images in [0, 1]."""

    def __init__(
        self, channels: int = 3, noise: float = 0.0, scale: float = 1.0, size: tuple[int, int] = (16, 16)
    ) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(6, channels, size)
        nn.init.normal_(self.convolution.weight)
        self.noise, self.scale = noise, scale

    def forward(self, latents: Tensor) -> Tensor:
        images = torch.sigmoid(self.convolution(latents.flatten(1)[:, :, None, None]))
        return self.scale * images + self.noise * torch.rand_like(images)


class Bytes(Plain):
    """Latents BL to images in bytes."""

    def forward(self, latents: Tensor) -> Tensor:
        images = torch.sigmoid(self.convolution(latents.flatten(1)[:, :, None, None]))
        return (255 * images).round().to(torch.uint8)


class OnlyMaps(nn.Module):
    """Latents BL11 alone, as DCGAN's own code takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(6, 3, 16)
        nn.init.normal_(self.convolution.weight)

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.convolution(latents))


class Embedding(nn.Module):
    """A label's embedding beside the latent, as conditional DCGANs have it: no weight has the latent's size alone."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 5)
        self.convolution = nn.ConvTranspose2d(6 + 5, 1, 28)
        nn.init.normal_(self.convolution.weight)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        both = torch.cat([latents, self.embedding(labels)], dim=1)
        return torch.sigmoid(self.convolution(both[:, :, None, None]))


class ByIndex(nn.Module):
    """Class indices choose an embedding that the latent is multiplied by; images are one of a tuple."""

    def __init__(self, classes: int = 10, size: int = 16) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, 6)
        self.convolution = nn.ConvTranspose2d(6, 1, size)
        nn.init.normal_(self.convolution.weight)

    def forward(self, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        styles = latents * self.embedding(labels)
        return styles, torch.tanh(self.convolution(styles[:, :, None, None]))


class ByOneHot(nn.Module):
    """Classes one-hot are put behind the latent; images are an entry of a dict, in bytes."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(6 + classes, 3, 16)
        nn.init.normal_(self.convolution.weight)

    def forward(self, latents: Tensor, labels: Tensor) -> dict[str, Tensor]:
        together = torch.cat([latents, labels], dim=1)
        images = torch.sigmoid(self.convolution(together[:, :, None, None]))
        return {"images": (255 * images).round().to(torch.uint8), "latents": latents}


def scripted(path: Path, network: nn.Module) -> Path:
    torch.jit.script(network.eval()).save(str(path))  # type: ignore[no-untyped-call]
    return path


def traced(path: Path, network: nn.Module, *examples: Tensor) -> Path:
    torch.jit.trace(network.eval(), examples, strict=False).save(str(path))  # type: ignore[no-untyped-call]
    return path


def exported(path: Path, network: nn.Module, *examples: Tensor, fixed: bool = False) -> Path:
    examples = examples or (torch.randn(4, 6),)
    dynamic = None if fixed else tuple({0: torch.export.Dim("batch", min=1)} for _ in examples)
    program = torch.export.export(network.eval(), examples, dynamic_shapes=dynamic)
    torch.export.save(program, path)
    return path


def config(**values: Any) -> ImportedConfig:
    return ImportedConfig.model_validate({"latent_size": 6, "output_range": (0.0, 1.0), **values})
