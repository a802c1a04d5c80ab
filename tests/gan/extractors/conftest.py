"""Images for networks that take a second for each, and scores of as few."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.measuring import metrics
from gan.measuring.metrics import FeatureStatistics

FEWEST = 4


class Images(torch.utils.data.Dataset[Tensor]):
    """Random images of 32x32, coarse and in colour."""

    def __init__(self, seed: int, low: int, *, count: int) -> None:
        random = torch.Generator().manual_seed(seed)
        coarse = torch.randint(low, 256, (count, 3, 4, 4), generator=random, dtype=torch.uint8)
        self.images = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


@pytest.fixture
def images() -> Any:
    """Makes a data set as torch-fidelity takes it: images(seed, low, count=N)."""
    return Images


def statistics(features: np.ndarray) -> FeatureStatistics:
    wide = features.astype(np.float64)
    return FeatureStatistics(wide.mean(axis=0), np.cov(wide, rowvar=False), count=len(wide))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Lets scores be had of a few images, and says how torch-fidelity has the same ones.

    Enough images, 4,096 for Inception's FID, would take an hour without an accelerator.
    """
    subsets = metrics.KID_SUBSETS  # which stays the number; only the rule of how few samples it is had of changes
    monkeypatch.setattr(FeatureStatistics, "of", staticmethod(statistics))
    monkeypatch.setattr(metrics, "KID_SUBSETS", FEWEST)
    monkeypatch.setattr(metrics, "SMALLEST_MANIFOLD", metrics.NEIGHBOUR + 1)
    return {
        **{"fid": True, "kid": True, "prc": True},
        "kid_subsets": subsets,
        "samples_shuffle": False,
        "save_cpu_ram": True,  # no processes that load images
        "cuda": False,
        "cache": False,
        "verbose": False,
    }
