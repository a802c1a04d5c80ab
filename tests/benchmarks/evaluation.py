"""Seconds of a FID, against torch-fidelity and, where they are installed, pytorch-fid and clean-fid.

    python -m tests.benchmarks.evaluation [--samples 10000] [--features 64 2048] [--runs 3] [--out evaluation.json]

Features are apart from statistics. The extractor is a classifier of the digits with so many features; both read the
same uint8 images, 512 at a time. From features to FID, real statistics are known beforehand, as they are in a sweep:
that is where ours keeps the root of their covariance. All in turn on the same features, with every core.
"""

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.utils import get_featuresdict_from_dataset

from gan import Classifier, ClassifierConfig
from gan.extractors.features import extract
from gan.images import to_unit_range
from gan.measuring.metrics import FeatureStatistics, fid
from tests.benchmarks.naive_sweep import Images

Floats = npt.NDArray[np.float32]
Fid = Callable[[Floats], float]  # of generated features, real statistics being known
BATCH = 512  # of both
RANK, NOISE = 32, 0.3  # of made-up features: correlated, as an extractor's are


class Extractor(FeatureExtractorBase):
    """The classifier as torch-fidelity wants it."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__("classifier", ["penultimate"])
        self._classifier = classifier

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("penultimate",)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return (self._classifier(to_unit_range(images))[0],)


def made_up(samples: int, features: int, seed: int) -> Floats:
    """Correlated features with a shift, so that FID is neither 0 nor ill-conditioned."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).standard_normal((RANK, features))
    values = random.standard_normal((samples, RANK)) @ mixing + NOISE * random.standard_normal((samples, features))
    return (values + 0.05 * seed).astype(np.float32)


def ways(real: Floats) -> dict[str, Fid]:
    """How each library gets from features to FID."""
    ours, theirs = FeatureStatistics.of(real), fid_features_to_statistics(torch.from_numpy(real))
    _ = ours.covariance_root  # kept with the reference of a protocol

    def torch_fidelity(fake: Floats) -> float:
        found = fid_statistics_to_metric(fid_features_to_statistics(torch.from_numpy(fake)), theirs, verbose=False)
        return float(found["frechet_inception_distance"])

    found: dict[str, Fid] = {
        "ganlimit": lambda fake: fid(ours, FeatureStatistics.of(fake)),
        "torch-fidelity": torch_fidelity,
    }
    for library, module in (("pytorch-fid", "pytorch_fid.fid_score"), ("clean-fid", "cleanfid.fid")):
        if importlib.util.find_spec(module.partition(".")[0]):
            found[library] = _frechet(importlib.import_module(module), theirs)
    return found


def _frechet(library: Any, real: dict[str, Any]) -> Fid:
    distance = getattr(library, "calculate_frechet_distance", None) or library.frechet_distance

    def found(fake: Floats) -> float:
        features = fake.astype(np.float64)
        return float(distance(features.mean(axis=0), np.cov(features, rowvar=False), real["mu"], real["sigma"]))

    return found


def extractions(features: int) -> dict[str, Callable[[Tensor], Floats]]:
    """How each library gets from images to features."""
    classifier = Classifier(ClassifierConfig(features=features), image_channels=1, num_classes=10).eval()
    extractor = Extractor(classifier)

    def theirs(images: Tensor) -> Floats:
        found = get_featuresdict_from_dataset(Images(images), extractor, BATCH, False, True, verbose=False)
        return np.asarray(found["penultimate"])

    return {"ganlimit": lambda images: extract(classifier, images)[0], "torch-fidelity": theirs}


def in_turn(runs: int, actions: Mapping[str, Callable[[], Any]]) -> dict[str, tuple[list[float], Any]]:
    """Seconds of each, `runs` times one after another in turn, and what it found; a first time is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    found = {name: action() for name, action in actions.items()}
    for _ in range(runs):
        for name, action in actions.items():
            began = time.perf_counter()
            found[name] = action()
            times[name].append(time.perf_counter() - began)
    return {name: (times[name], found[name]) for name in actions}


def measure(samples: int, features: int, runs: int) -> dict[str, Any]:
    """Seconds of each way, and how far the numbers lie apart."""
    real, fake = made_up(samples, features, 0), made_up(samples, features, 1)
    images = torch.randint(0, 256, (samples, 1, 16, 16), dtype=torch.uint8)
    found: dict[str, Any] = {"samples": samples, "features": features, "cores": torch.get_num_threads()}
    to_fid = {name: partial(way, fake) for name, way in ways(real).items()}
    for name, (times, value) in in_turn(runs, to_fid).items():
        found[f"{name}: features to FID"] = {"s": times, "value": value}
    to_features = {name: partial(extraction, images) for name, extraction in extractions(features).items()}
    for name, (times, values) in in_turn(runs, to_features).items():
        found[f"{name}: images to features"] = {"s": times, "value": float(np.abs(values).mean())}
    return found


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", title="seconds, and how often as long as ours")
    for heading in ("features", "step", "library", "median s", "x ours", "differs by"):
        table.add_column(heading, justify="left" if heading in {"step", "library"} else "right")
    for row in rows:
        for step in ("features to FID", "images to features"):
            ours = row[f"ganlimit: {step}"]
            for name in (name for name in row if name.endswith(step)):
                seconds = statistics.median(row[name]["s"])
                ratio = seconds / statistics.median(ours["s"])
                apart = abs(row[name]["value"] / ours["value"] - 1)
                library = name.partition(":")[0]
                table.add_row(f"{row['features']:,}", step, library, f"{seconds:.3f}", f"{ratio:.2f}", f"{apart:.0e}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--features", type=int, nargs="+", default=[64, 2048])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    found = [measure(arguments.samples, features, arguments.runs) for features in arguments.features]
    Console().print(table_of(found))
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
