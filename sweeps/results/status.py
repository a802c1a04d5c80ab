"""This module says where a sweep stands, from the tracking store and the journals, for anyone who asks from outside."""

from dataclasses import dataclass
from typing import Any

import analysis
from analysis import Phase, SpaceLimit
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.journal import Record
from sweeps.ledger.lease import driver_elsewhere
from sweeps.ledger.lock import Driver, current_driver
from sweeps.ledger.records import journaled_records
from sweeps.ledger.states import RunStatus
from sweeps.ledger.sweeps import find_sweep, is_known, spec_of_sweep
from sweeps.ledger.tags import PHASE, REUSED, TRIAL
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.planning.points import planned_trials
from sweeps.results.reading import read_trials, with_newer_rows
from sweeps.results.space_limit import space_limit
from sweeps.results.table import shared_columns, table_of
from sweeps.spec.sweep import SweepSpec

WORDS = {RunStatus.KILLED: "STOPPED"}  # MLflow's word for what a person stopped sounds like an accident


@dataclass(frozen=True, kw_only=True)
class Running:
    """This is a trial that runs now; `fid` is that of its last rung, or of the last one that the server was told of."""

    trial: int
    phase: str
    width: int
    depth: int
    first_layer_rank: int | None
    stage_widths: str | None  # as the trial table has them
    parameters: int
    kimg: float
    budget_kimg: float
    fid: float | None


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """A SweepStatus says where a sweep stands."""

    name: str
    status: str
    driver: Driver | None
    spec: SweepSpec
    counts: dict[str, dict[str, int]]  # phase -> state -> trials
    running: list[Running]
    front: list[tuple[float, float]]  # (parameters or bytes, as the limit is of, fid)
    teacher_parameters: int
    trial_hours: float
    planned_trials: int
    space: SpaceLimit | None = None  # where the sampler seeks the limit

    @property
    def is_running(self) -> bool:
        return self.driver is not None

    @property
    def best_fid(self) -> float | None:
        return min((fid for _, fid in self.front), default=None)

    def line(self) -> str:
        """Returns the whole in one line."""
        phases = [f"{phase} {self.count(phase)}" for phase in self.spec.trial_phases]
        best = [f"lowest FID {self.best_fid:.1f}"] if self.best_fid is not None else []
        best += [self.standing] if self.standing else []
        return f"{self.name} ({self.state}): " + ", ".join([*phases, *best])

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script."""
        return {
            "sweep": self.name,
            "status": self.status,
            "driver": str(self.driver) if self.driver else None,
            "planned_trials": self.planned_trials,
            "trials": self.counts,
            "running": [vars(running) for running in self.running],
            "best_fid": self.best_fid,
            "frontier": [{self.spec.limit_cost: int(cost), "fid": fid} for cost, fid in self.front],
            "space_limit": self.space and {**self.space.as_dict(), "expected_trainings": self._further(self.space)},
            "core_hours": self.core_hours,
        }

    def _further(self, space: SpaceLimit) -> int | None:
        search = self.spec.search
        return space.expected_trainings(confidence=search.confidence, precision=search.precision)

    @property
    def standing(self) -> str | None:
        """Returns what the search knows of its limit, in words; None where it seeks none."""
        if self.space is None:
            return None
        search = self.spec.search
        return self.space.standing(self.teacher_parameters, confidence=search.confidence, precision=search.precision)

    @property
    def state(self) -> str:
        """Returns in words who drives it, or how it ended."""
        return f"running, {self.driver}" if self.driver else self.status.lower()

    @property
    def core_hours(self) -> float:
        return self.trial_hours * self.spec.resources.cpus_per_trial

    def count(self, phase: str) -> str:
        """Returns in words how many trials a phase has."""
        of = f" of {self.planned_trials}" if phase == Phase.SEARCH else ""
        return f"{sum(self.counts.get(phase, {}).values())}{of} trials"


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """A Preparation is a sweep whose driver makes its models: no trial has begun, and the store has nothing of it."""

    name: str
    driver: Driver

    is_running = True

    @property
    def state(self) -> str:
        return f"running, {self.driver}"

    @property
    def standing(self) -> str:
        return "its models are being made, no trial has begun"

    def line(self) -> str:
        """Returns the whole in one line."""
        return f"{self.name} ({self.state}): {self.standing}"

    def as_dict(self) -> dict[str, Any]:
        """Returns what a SweepStatus has for a script, as far as it is known."""
        unknown = dict.fromkeys(("planned_trials", "best_fid", "space_limit"))
        nothing: dict[str, Any] = {"trials": {}, "running": [], "frontier": [], "core_hours": 0.0}
        return {"sweep": self.name, "status": str(RunStatus.RUNNING), "driver": str(self.driver), **unknown, **nothing}


def preparations(tracking: Tracking, workspace: Workspace, *, name: str | None = None) -> list[Preparation]:
    """Returns the sweep called `name`, those of the file of that name, or all, while their driver makes their models.

    Raises SweepError for one whose run a person deleted.
    """
    found = []
    for each, driver in workspace.driven(name).items():
        if driver.store == workspace.store_digest and not is_known(tracking, each):
            tracking.require_one_run(each)
            found.append(Preparation(name=each, driver=driver))
    return found


def sweep_status(tracking: Tracking, workspace: Workspace, *, name: str) -> SweepStatus:
    """Returns where the sweep called `name` stands. Raises SweepError when there is none."""
    parent = find_sweep(tracking, name)
    folder = workspace.sweep(name)
    driver = current_driver(folder) or driver_elsewhere(parent)
    # The journals first: what is delivered in between is then read twice rather than not at all.
    pending = journaled_records(MountedTrials(folder / "trials"), undelivered=True)
    stored = read_trials(tracking, workspace, name=name)
    table = with_newer_rows(stored.table, table_of(name, parent.data.tags, records=pending.items()))
    running = {**stored.running, **pending}
    counts: dict[str, dict[str, int]] = {}
    for row in table.select(["phase", "state"]).to_pylist():
        states = counts.setdefault(row["phase"], {})
        states[row["state"]] = states.get(row["state"], 0) + 1
    spec = spec_of_sweep(tracking, name)
    frontier = analysis.student_frontier(table, "fid", cost=spec.limit_cost).to_pylist()
    reused = stored.taken | {key for key, record in pending.items() if REUSED in record.tags}
    taken = sum(row["phase"] == Phase.SEARCH and row["trial_key"] in reused for row in table.to_pylist())
    return SweepStatus(
        name=name,
        status=_status(RunStatus(parent.info.status), is_driven=driver is not None),
        driver=driver,
        spec=spec,
        counts=counts,
        running=[_running(record) for record in running.values() if record.state == analysis.TrialState.RUNNING],
        front=[(float(row[spec.limit_cost]), row["fid"]) for row in frontier],
        teacher_parameters=shared_columns(name, parent.data.tags)["teacher_parameters"],
        trial_hours=sum(table["wall_s"].to_pylist()) / 3600,
        planned_trials=planned_trials(spec) + (taken if spec.search.is_adaptive else 0),
        space=space_limit(spec, table) if spec.search.sampler == "limit" else None,
    )


def _status(status: RunStatus, *, is_driven: bool) -> str:
    return "CUT OFF" if status == RunStatus.RUNNING and not is_driven else WORDS.get(status, str(status))


def _running(record: Record) -> Running:
    tags, params, metrics = record.tags, record.params, record.metrics
    return Running(
        trial=int(tags[TRIAL]),
        phase=tags[PHASE],
        width=int(params["width"]),
        depth=int(params["depth"]),
        first_layer_rank=int(params.get("first_layer_rank", 0)) or None,
        stage_widths=params.get("stage_widths"),
        parameters=int(metrics["parameters"]),
        kimg=metrics.get("kimg", 0.0),
        budget_kimg=float(params["budget_kimg"]),
        fid=metrics.get("fid"),
    )
