"""This module puts what was measured into the form in which MLflow takes a batch of it."""

import time
from collections.abc import Mapping, Sequence

from mlflow.entities import Metric


def metrics_at(kimg: float, metrics: Mapping[str, float], *, time_ms: int | None = None) -> list[Metric]:
    """Returns metrics as MLflow has them; its step is the whole kimg."""
    when_ms = time_ms or int(time.time() * 1000)
    return [Metric(name, value, when_ms, round(kimg)) for name, value in metrics.items()]


def curves_of(curves: Mapping[str, Sequence[tuple[float, float]]]) -> list[Metric]:
    """Returns metrics by name, each at ever more kimg: (kimg, value)."""
    return [
        metric for name, curve in curves.items() for kimg, value in curve for metric in metrics_at(kimg, {name: value})
    ]
