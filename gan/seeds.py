"""This module is one tree of seeds: everything random flows from one integer and a path of names.

Two consumers with different paths get independent streams, and adding a consumer never shifts the
stream of another, which is what makes a trial's result depend on its identity alone.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


def seed_at(seed: int, *path: str | int) -> int:
    """Returns the seed (0 <= s < 2**63) of the node at `path` in the tree that grows from `seed`."""
    text = "/".join([str(seed), *map(str, path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_at(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Returns a torch random generator for the node at `path`."""
    return torch.Generator(device=device).manual_seed(seed_at(seed, *path))


def build_seeded(seed: int, factory: Callable[[], T]) -> T:
    """Runs `factory` with torch's global generator set to `seed`, and puts the generator back.

    Modules draw their first weights from the global generator; this is the one place that touches it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory()
