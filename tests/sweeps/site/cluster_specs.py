"""Sweeps for a laboratory: models of any quality, and trials of seconds with four rungs."""

from pathlib import Path
from typing import Any

import yaml

RUNGS = [2.048, 4.032, 6.016, 8.0]  # whole batches of 64
TRIALS = 6
SIZES = {"width": {"type": "choice", "values": [4, 8]}, "depth": {"type": "choice", "values": [1, 2]}}


def spec_of(tiny: dict[str, Any], name: str, storage: object, folder: Path, trials: int = TRIALS) -> Path:
    """The file of a sweep whose trials keep their files in `storage`."""
    tiny |= {"name": name, "phases": ["search"], "cluster": {"storage": str(storage)}}
    tiny["extractor"]["epochs"], tiny["teacher"]["training"]["kimg"] = 1, 1  # models of any quality
    tiny["student"] = {"kimg": RUNGS[-1]}
    tiny["evaluation"]["rungs_kimg"] = [2, 4, 6]
    tiny["search"] |= {"sampler": "grid", "trials": trials, "points": []}
    # A trial of another sweep is not done again: each has its own.
    weights = [0.01 * number + sum(name.encode()) / 10**5 for number in range(2 * trials // TRIALS)]
    tiny["search"]["space"] = SIZES | {"gan_weight": {"type": "choice", "values": weights}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tiny))
    return path
