"""This module finds what a sweep's deployed students cost, which is kept with the sweep's parent run.

A deployment measured some of its students. Where latency led the search, each architecture was timed untrained as well.
"""

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import analysis
from analysis.schema import ARCHITECTURE
from gan.config import Config
from gan.digests import value_digest
from gan.networks.dcgan import GeneratorConfig
from sweeps.ledger.tracking import Tracking
from sweeps.spec.architecture import architecture_of, architecture_of_row
from sweeps.spec.search import DEPLOYED_MS
from sweeps.spec.sweep import SweepSpec

FILE, LATENCIES = PurePosixPath("deployment/measurements.parquet"), PurePosixPath("deployment/latencies.parquet")
ELSEWHERE = "What a deployment measured is of another machine than the latencies that led the search, and left out."


class DeployedLatency(Config):
    """A DeployedLatency is what one image of a student takes as a float ONNX file, and 5% and 95% of its calls, in ms.

    It is of the machine that `measurement_digest` stands for, and so of no trial's identity.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    measurement_digest: str

    @property
    def metrics(self) -> dict[str, float]:
        """Returns it by the names under which a trial's run has it."""
        return {DEPLOYED_MS: self.median_ms, f"{DEPLOYED_MS}_p5": self.low_ms, f"{DEPLOYED_MS}_p95": self.high_ms}


def untrained_digest(architecture: GeneratorConfig) -> str:
    """Returns what stands for the weights of a network that was timed before any training."""
    return value_digest(["untrained", architecture.model_dump(mode="json")])


def kept_measurements(
    tracking: Tracking, parent_run_id: str, *, table: pa.Table, spec: SweepSpec
) -> tuple[pa.Table | None, str]:
    """Returns the latencies that led a sweep's search, and the measurements of its latest deployment that was measured.

    They are None where there are none, and where none is of a trial of `table`: a run may have been deleted. Beside
    them stands why something is left out: rows of two machines share no table. Raises AnalysisError where they are
    damaged.
    """
    found = stored_measurements(tracking, parent_run_id)
    if found is not None and not set(found["trial_key"].to_pylist()) & set(table["trial_key"].to_pylist()):
        found = None
    led = stored_latencies(tracking, parent_run_id) if spec.search.is_timed else None
    if led is None:
        return found, ""
    led = _of_trials(led, table, spec=spec)
    if found is None:
        return led, ""
    if found["measurement_digest"][0] != led["measurement_digest"][0]:
        return led, ELSEWHERE
    others = pc.invert(pc.is_in(found["form"], value_set=led["form"].unique()))  # one way of measuring for one form
    return analysis.join_measurements([led, found.filter(others)]), ""


def _of_trials(latencies: pa.Table, table: pa.Table, *, spec: SweepSpec) -> pa.Table:
    """Returns the latencies of untrained networks as those of the first trial of each architecture."""
    first: dict[str, dict[str, Any]] = {}
    for row in table.select(["trial", "trial_key", *ARCHITECTURE]).to_pylist():
        first.setdefault(untrained_digest(architecture_of(architecture_of_row(row), spec.shape)), row)
    rows = latencies.to_pylist()
    for row in rows:
        trial = first.get(row["weights_digest"], {})
        row |= {name: trial.get(name) for name in ("trial", "trial_key")}
    return analysis.measurement_table(rows)


def stored_measurements(tracking: Tracking, parent_run_id: str) -> pa.Table | None:
    """Returns the measurements that a sweep's run has, of whatever trials; None where there are none.

    Raises AnalysisError where they are damaged.
    """
    return _stored(tracking, parent_run_id, file=FILE)


def stored_latencies(tracking: Tracking, parent_run_id: str) -> pa.Table | None:
    """Returns the latencies of untrained networks that a sweep's run has, likewise."""
    return _stored(tracking, parent_run_id, file=LATENCIES)


def _stored(tracking: Tracking, parent_run_id: str, *, file: PurePosixPath) -> pa.Table | None:
    folder = str(file.parent)
    if folder not in {each.path for each in tracking.client.list_artifacts(parent_run_id)}:
        return None
    if str(file) not in {each.path for each in tracking.client.list_artifacts(parent_run_id, folder)}:
        return None
    with tempfile.TemporaryDirectory(prefix="ganlimit-download-") as place:
        path = Path(tracking.client.download_artifacts(parent_run_id, str(file), place))
        return analysis.read_measurements(path)
