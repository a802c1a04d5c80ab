"""What a generator costs: parameters and multiply-accumulates."""

from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from gan.models import Generator, GeneratorConfig


@lru_cache(maxsize=4096)  # a search asks again and again about a few sizes
def count_parameters(config: GeneratorConfig) -> int:
    """Trainable parameters of a generator, without allocating it."""
    return sum(parameter.numel() for parameter in _on_meta(config).parameters())


@lru_cache(maxsize=4096)
def mac_g(config: GeneratorConfig) -> float:
    """Multiply-accumulates per generated image, in units of 10^9 (convolutions only)."""
    generator = _on_meta(config).eval()
    with FlopCounterMode(display=False) as counter:
        generator(torch.empty(1, config.latent_size, device="meta"))
    return float(counter.get_total_flops()) / 2 / 1e9


def _on_meta(config: GeneratorConfig) -> Generator:
    with torch.device("meta"):
        return Generator(config)
