"""This module records what happens to a trial, in order: first in its journal, and from there in the store.

It knows nothing of training: whoever trains tells it what was measured and how it ended.
"""

import json
import math
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from ray.util import get_node_ip_address

from analysis import TrialState
from gan import Compute, GeneratorConfig, Protocol, count_parameters, mac_g, weight_bytes
from gan.networks.bits import FLOAT_BITS, Bits
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Event, Record
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import (
    ABSENT,
    DATASET,
    ERROR,
    HAS_IMAGES,
    MEASUREMENT,
    MODE,
    NODE,
    PHASE,
    POINT,
    PROTOCOL,
    RUN_NAME,
    SETTLED,
    STATE,
    SWEEP,
    TAG_LENGTH,
    TEACHER_DIGEST,
    TEACHER_VERSION,
    TRIAL,
    WORKER,
)
from sweeps.models.materials import MaterialSource
from sweeps.spec.architecture import columns_of, dimensions_of_row, width_text
from sweeps.trial.load import MachineLoad
from sweeps.trial.request import Job

SOON_S = 10.0  # what is measured sooner after the last telling waits for the next, where no image comes with it
LATER_S = 600.0  # what is expected sooner after it waits as well, where the trial has told a measurement already


@dataclass(frozen=True, kw_only=True)
class TrialContext:
    """A TrialContext is what all trials of a sweep share. It is small and hashable: it travels to every worker."""

    sweep: str
    parent_run_id: str
    store: TrackingStore
    dataset: str
    compute: Compute
    protocol: Protocol
    materials: MaterialSource
    teacher_version: str
    teacher_parameters: int
    rungs_kimg: tuple[float, ...]
    trials: TrialStorage  # where each trial has its folder
    searched: tuple[str, ...] = ()  # the dimensions of the space
    is_new: bool = False  # whether the store had no run of any of its trials when the driver began
    samples: str = "none"  # at which budgets images are kept: rungs, end or none
    system_metrics: bool = False  # whether measurements have what the worker's machine does beside them


@lru_cache(maxsize=8)
def delivery_of(context: TrialContext) -> Delivery:
    """Returns the delivery of a sweep's journals, one for all trials of a worker."""
    return Delivery(context.store, context.parent_run_id, is_new=context.is_new)


class TrialLog:
    """A TrialLog is the record of one job under way.

    It continues the record of an earlier try that was cut off, and records nothing twice.
    """

    def __init__(self, job: Job, context: TrialContext, *, delivery: Delivery, fused: int = 1) -> None:
        self._fused, self._spent_s = fused, 0.0  # how many trials share the time, and this one's share so far
        self._job, self._context, self._delivery = job, context, delivery
        self.folder = context.trials.folder(job.request.key)
        # A trial that was cut off between two rungs does the later one again.
        self._reported_kimg, self._best_fid = 0.0, math.inf
        self._began = self._delivered = time.monotonic()
        self._has_told_measurement = False
        self._load = MachineLoad(context.compute) if context.system_metrics else None

    def finished(self) -> Record | None:
        """Returns the record of an earlier try that finished; None where there is something to do."""
        record = self.folder.record()
        if record is None or record.state not in SETTLED:
            return None
        if self._delivery.has_run(self.folder):
            return record
        self.folder.delete()  # somebody deleted its run from the store, to have it done again
        return None

    def open(self) -> None:
        """Record that the trial begins, or begins again."""
        for event in self.folder.reported():
            self._reported_kimg = event.kimg
            self._best_fid = min(self._best_fid, event.metrics["fid"])
            self._began, self._spent_s = time.monotonic(), event.metrics["wall_s"]
        self.folder.append(opening(self._job, self._context))
        self._deliver()

    @property
    def elapsed_s(self) -> float:
        """Returns the trial's share of the seconds of training and measuring, with what earlier tries reported."""
        return self._spent_s + (time.monotonic() - self._began) / self._fused

    def share_time(self, fused: int) -> None:
        """Divide the time among `fused` trials from now on."""
        self._spent_s, self._began, self._fused = self.elapsed_s, time.monotonic(), fused

    def report(self, kimg: float, metrics: Mapping[str, float]) -> None:
        """Record what was measured at `kimg`. It is delivered with what comes next, where that is soon enough."""
        self._best_fid = min(self._best_fid, metrics["fid"])
        if kimg > self._reported_kimg:
            place = {"best_fid": self._best_fid, "kimg": kimg, "wall_s": self.elapsed_s}
            place |= self._load.taken() if self._load else {}
            event = Event(kind="reported", kimg=kimg, metrics={**metrics, **place})
            self._has_told_measurement |= self._tell(event, waits=self._may_wait(kimg))

    def keep(self) -> None:
        """Record that the trial's student lies in its folder. It is delivered with the next event."""
        self.folder.keep()

    def close(
        self,
        state: TrialState,
        error: str | None,
        *,
        kimg: float,
        metrics: Mapping[str, float] | None = None,
        absent: Mapping[str, str] | None = None,
    ) -> None:
        """Record that the trial ended, and why scores of its last measurement cannot be had."""
        event = closing(state, error, kimg=kimg, metrics={**(metrics or {}), "wall_s": self.elapsed_s})
        why = {ABSENT: json.dumps(absent, sort_keys=True)[:TAG_LENGTH]} if absent else {}
        self._tell(replace(event, tags={**event.tags, **why}))

    def _tell(self, event: Event, *, waits: bool = False) -> bool:
        """Record an event. Returns whether the store has it: not where it `waits`, or the store is away."""
        self._require_own()
        self.folder.append(event)
        return not waits and self._deliver()

    def _deliver(self) -> bool:
        has_all = self._delivery.deliver(self.folder)
        if has_all:
            self._delivered = time.monotonic()
        return has_all

    def _may_wait(self, kimg: float) -> bool:
        """Returns whether what was measured at `kimg` is told with the next event: the trial's end, or a later rung.

        It is where that comes within `SOON_S` of the last telling, or within `LATER_S` once a measurement was told.
        Images of a rung do not wait: the driver, which stops trials there, would be held up by them.
        """
        budget_kimg = self._job.request.kimg
        if kimg >= budget_kimg:
            return True
        if self.folder.images_at(kimg):
            return False
        following_kimg = min(each for each in (*self._context.rungs_kimg, budget_kimg) if each > kimg)
        next_s = self.elapsed_s * self._fused * (following_kimg - kimg) / kimg
        waited_s = time.monotonic() - self._delivered
        return waited_s + next_s < (LATER_S if self._has_told_measurement else SOON_S)

    def _require_own(self) -> None:
        # A node that is cut off works on for a while, although its trials already run elsewhere.
        record = self._context.trials.folder(self.folder.key).record()
        if record and record.tags.get(WORKER) != _worker():
            raise TakenOverError(f"the trial goes on at {record.tags.get(WORKER)}")


class TakenOverError(RuntimeError):
    """Another worker continues the trial: this one was thought to be lost, and must record nothing more."""


def opening(job: Job, context: TrialContext) -> Event:
    """Returns the event that begins a trial: what is known of it before any training."""
    architecture, request = job.request.architecture, job.request
    costs = costs_of(architecture, request.bits)
    costs["compression_ratio"] = context.teacher_parameters / costs["parameters"]
    costs |= job.latency.metrics if job.latency else {}
    params: dict[str, object] = {
        **{name: value for name, value in columns_of(architecture).items() if value is not None},
        "seed": request.seed,
        "mode": request.mode,
        "budget_kimg": request.kimg,
    }
    if request.gan_weight is not None:
        params["gan_weight"] = request.gan_weight
    if request.scheme is not None:
        params["scheme"] = request.scheme
    if request.bits != FLOAT_BITS:
        params["bits"] = request.bits
    dimensions = dimensions_of_row(columns_of(architecture), architecture.model_dump())
    searched = {name: dimensions[name] for name in context.searched if name in dimensions}  # alike in all phases
    params = {**searched, **job.point, **params}
    return Event(
        kind="opened",
        kimg=0.0,
        metrics=costs,
        params={name: str(value) for name, value in params.items()},
        tags=_tags(job, context),
    )


def costs_of(architecture: GeneratorConfig, bits: Bits = FLOAT_BITS) -> dict[str, float]:
    """Returns what a student costs, which is known before any training."""
    return {
        "parameters": float(count_parameters(architecture)),
        "weight_bytes": float(weight_bytes(architecture, bits)),
        "mac_g": mac_g(architecture),
    }


def _tags(job: Job, context: TrialContext) -> dict[str, str]:
    # People filter runs by these tags.
    request = job.request
    name = f"{job.trial:03d} {request.mode} w{width_text(request.architecture)} d{request.architecture.depth}"
    return {
        RUN_NAME: name,
        SWEEP: context.sweep,
        TRIAL: str(job.trial),
        PHASE: str(request.phase),
        MODE: request.mode,
        DATASET: context.dataset,
        TEACHER_VERSION: context.teacher_version,
        TEACHER_DIGEST: request.teacher_digest,
        PROTOCOL: request.protocol_digest,
        POINT: job.point_json,
        WORKER: _worker(),
        NODE: _node(),
        STATE: str(TrialState.RUNNING),
        **({} if context.samples == "none" else {HAS_IMAGES: "True"}),
        **({MEASUREMENT: job.latency.measurement_digest} if job.latency else {}),
    }


def _node() -> str:
    return str(get_node_ip_address())


def _worker() -> str:
    # Hosts in containers may have one name, so the address is part of it.
    return f"{socket.gethostname()}/{_node()}:{os.getpid()}"


def close_running(trials: TrialStorage, state: TrialState) -> None:
    """End what still counts as running. Call it only when no worker is left that writes to a journal."""
    for folder in trials.folders():
        record = folder.record()
        if record and record.state == TrialState.RUNNING:
            event = closing(state, None, kimg=record.metrics.get("kimg", 0.0))
            # A worker that is still alive finds by this tag that another speaks for the trial.
            folder.append(replace(event, tags={**event.tags, WORKER: _worker()}))


def closing(
    state: TrialState, error: str | None, *, kimg: float = 0.0, metrics: Mapping[str, float] | None = None
) -> Event:
    """Returns the event that ends a trial."""
    return Event(
        kind="closed",
        kimg=kimg,
        metrics=metrics or {},
        tags={STATE: str(state), **({ERROR: error[:500]} if error else {})},
    )
