"""This module times students that are not trained yet, where latency leads a sweep's search: each architecture once.

What a network takes depends on its architecture and not on what it learnt. The driver's machine times it when its first
trial is asked for, and no worker does.
"""

import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from mlflow.exceptions import MlflowException

from analysis import AnalysisError, measurement_table, read_measurements, size_text, write_measurements
from gan import (
    GeneratorCard,
    GeneratorConfig,
    ImportedCard,
    MeasurementProtocol,
    Origin,
    build_generator,
    deploy_generator,
    latency_alone,
)
from sweeps.deployment.choosing import LOGGED_IN
from sweeps.errors import SweepError
from sweeps.ledger.measurements import LATENCIES, DeployedLatency, stored_latencies, untrained_digest
from sweeps.ledger.tracking import Tracking
from sweeps.spec.architecture import columns_of
from sweeps.spec.search import TIMED_FORM
from sweeps.spec.sweep import SweepSpec

QUOTA = Path("/sys/fs/cgroup/cpu.max")
Row = Mapping[str, Any]


class LatencyBook:
    """A LatencyBook has what one image takes of each architecture of a sweep, as a float ONNX file on this machine.

    It is kept in the sweep's folder and with its run, from where it goes on. Raises SweepError where it was begun on
    another machine, or with other threads or versions.
    """

    def __init__(self, spec: SweepSpec, folder: Path, *, tracking: Tracking, parent_run_id: str) -> None:
        self._spec, self._path = spec, folder / LATENCIES.name
        self._tracking, self._parent_run_id = tracking, parent_run_id
        self._protocol = MeasurementProtocol.here(spec.measure.threads)
        before = [stored_latencies(tracking, parent_run_id), _readable(self._path)]
        rows = [row for table in before if table is not None for row in table.to_pylist()]
        _require_this_machine(spec, rows, here=self._protocol)
        self._rows = {row["weights_digest"]: row for row in rows}
        self._logged = 0 if before[0] is None else len({row["weights_digest"] for row in before[0].to_pylist()})
        self._lock = threading.Lock()  # whoever shows the sweep reads it in a thread of its own

    def of(self, architecture: GeneratorConfig) -> DeployedLatency:
        """Returns what one image of this architecture takes, measured now where it is new."""
        return self._known(untrained_digest(architecture), architecture, name=size_text(columns_of(architecture)))

    def note_teacher(self, teacher: GeneratorCard | ImportedCard) -> None:
        """Measure the teacher's architecture too, so that ratios to it can be told; one's own network has none."""
        if isinstance(teacher, GeneratorCard):
            self._known(teacher.weights_digest, teacher.architecture, name="teacher")

    def log(self) -> bool:
        """Log what the sweep's run lacks; the sweep's folder has it all. Returns False while the store is away."""
        with self._lock:
            known = len(self._rows)
            if self._logged < known:
                self._write()  # of a folder that another one of this machine went on from, it lacks some
        if self._logged < known:
            with suppress(MlflowException, OSError):
                self._tracking.client.log_artifact(self._parent_run_id, str(self._path), LOGGED_IN)
                self._logged = known
        return self._logged == known

    def _known(self, key: str, architecture: GeneratorConfig, *, name: str) -> DeployedLatency:
        with self._lock:
            if key not in self._rows:
                self._rows[key] = self._measured(key, architecture, name=name)
                self._write()
            row = self._rows[key]
        times = {each: row[each] for each in ("median_ms", "low_ms", "high_ms")}
        return DeployedLatency(**times, measurement_digest=row["measurement_digest"])

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_measurements(measurement_table(self._rows.values()), self._path)

    def _measured(self, key: str, architecture: GeneratorConfig, *, name: str) -> dict[str, Any]:
        threads, origin = self._spec.measure.threads, Origin(weights_digest=key, dataset=self._spec.dataset.name)
        with tempfile.TemporaryDirectory(prefix="ganlimit-timed-") as place:
            folder = Path(place) / TIMED_FORM
            card = deploy_generator(
                folder, build_generator(architecture, seed=0).eval(), origin=origin, form=TIMED_FORM
            )
            latency = latency_alone(folder, threads=threads)
        return {
            **{"name": name, "form": TIMED_FORM, "rounds": False, "sweep": self._spec.name, "weights_digest": key},
            **{name: getattr(card, name) for name in ("parameters", "file_bytes", "compressed_bytes")},
            **latency.model_dump(),
            "images_per_s": latency.images_per_s,
            **self._protocol.columns,
        }


def latencies_of(
    spec: SweepSpec, folder: Path, *, tracking: Tracking, parent_run_id: str, teacher: GeneratorCard | ImportedCard
) -> LatencyBook | None:
    """Returns the book of a sweep that is led by latency, with its teacher's; None for any other sweep."""
    if not spec.search.is_timed:
        return None
    book = LatencyBook(spec, folder, tracking=tracking, parent_run_id=parent_run_id)
    book.note_teacher(teacher)
    return book


def bring_latencies(spec: SweepSpec, folder: Path, *, tracking: Tracking, parent_run_id: str) -> bool:
    """Brings the latencies in a sweep's folder that its run lacks. Returns False while the store is away."""
    if not (spec.search.is_timed and (folder / LATENCIES.name).exists()):
        return True
    return LatencyBook(spec, folder, tracking=tracking, parent_run_id=parent_run_id).log()


def refuse_other_machine(spec: SweepSpec, tracking: Tracking, *, parent_run_id: str) -> None:
    """Raises SweepError where a sweep that is led by latency began on another machine than this one."""
    found = stored_latencies(tracking, parent_run_id) if spec.search.is_timed else None
    if found is not None:
        _require_this_machine(spec, found.to_pylist(), here=MeasurementProtocol.here(spec.measure.threads))


def workers_beside(specs: Sequence[SweepSpec]) -> int | None:
    """Returns how many trials leave cores for the timing of students; None where none are timed."""
    threads = max((spec.measure.threads for spec in specs if spec.search.is_timed), default=0)
    if not threads:
        return None
    return max(1, (allowed_cores() - threads) // specs[0].resources.cpus_per_trial)


def allowed_cores() -> int:
    """Returns how many cores this process may use: of a container those of its quota, as Ray counts them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no control groups of version 2, or no quota
        quota, period = map(int, QUOTA.read_text().split())
        cores = min(cores, max(1, quota // period))
    return cores


def _require_this_machine(spec: SweepSpec, rows: Sequence[Row], *, here: MeasurementProtocol) -> None:
    other = next((row for row in rows if row["measurement_digest"] != here.digest), None)
    if other is not None:
        raise SweepError(
            "Latencies that lead a search are of one machine, its threads and its versions",
            f"{here} here; those of {spec.name} are of {other['cpu']}, {other['threads']} of {other['cores']} cores, "
            f"{other['versions']}",
            "Go on there; or give the sweep another name with --name: finished trials are taken over, and timed anew.",
        )


def _readable(path: Path) -> pa.Table | None:
    try:
        return read_measurements(path) if path.exists() else None
    except AnalysisError:
        return None
