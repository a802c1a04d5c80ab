"""A data directory with a sweep of many finished trials, made without training them.

The models are hardly trained, the study was asked and told through Optuna's own journal, and each trial has the
journal and the run that a worker leaves. The first trial of each outcome is delivered to an SQLite store by the engine;
the rows of the others are written to MLflow's tables as it has written those.
"""

import json
import random
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState as OptunaState
from rich.console import Console

import sweeps
from analysis import TrialState
from gan import default_data_root
from sweeps.display import LineDisplay
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.requests import Requests
from sweeps.driver.runner import open_sweep
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.journal import Event, Record, TrialFolder
from sweeps.ledger.tags import PARENT, TRIAL_KEY
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.search.study import open_study
from sweeps.site.site import ThisMachine
from sweeps.spec.space import distributions, point_of
from sweeps.trial.log import closing, opening
from sweeps.trial.request import Job

SPEC = Path(__file__).with_name("curves.yaml")
NAME = "resumed"
OUTCOMES = [TrialState.COMPLETED] * 12 + [TrialState.PRUNED] * 7 + [TrialState.DIVERGED]
RUNGS = {TrialState.COMPLETED: (1, 2, 4, 8, 16), TrialState.PRUNED: (1, 2, 4), TrialState.DIVERGED: (1,)}
MEASURED = ("kid", "kid_error", "inception_score", "inception_score_std", "sharpness", "precision", "recall")
LOSSES = ("generator_loss", "critic_loss", "mse")


def spec_of(trials: int) -> sweeps.SweepSpec:
    """The space of the recorded curves, without end, of which `trials` are asked; nothing looks at the models."""
    return sweeps.load_spec(
        SPEC,
        {
            "name": NAME,
            "extractor.epochs": 1,
            "teacher.pool_size": 512,
            "teacher.training.kimg": 1,
            "evaluation.num_samples": 256,
            "search.trials": trials,
            "search.sampler": "random",
            "search.pruning": True,
            "search.seeds": [0],
            "search.space.width": {"type": "int", "low": 1, "high": 64, "log": True},
            "search.space.gan_weight": {"type": "float", "low": 0.0, "high": 0.1},
        },
    )


class _Lines(BaseJournalBackend):
    """Optuna's journal in memory, to be written to a file at once."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += logs


def make_data(folder: Path, trials: int) -> None:
    """A data directory with a sweep of `trials` finished trials, that goes on for as many again."""
    workspace = Workspace.open(folder)
    tracking, spec = Tracking(workspace.store), spec_of(2 * trials)
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    sweep = open_sweep(spec, workspace, tracking=tracking, display=LineDisplay(Console(stderr=True)), site=site)
    writer = _RunWriter(workspace.root / "mlflow.db", Delivery(tracking.store, sweep.parent_run_id))
    lines = _Lines()
    study, spaces = open_study(spec, JournalStorage(lines)), distributions(spec.domains())
    now_ms = int(time.time() * 1000) - 20_000 * trials
    for number in range(1, trials + 1):
        asked = study.ask(spaces)
        job = _job(sweep, point_of(asked.params, spec.domains()), number)
        state = OUTCOMES[number % len(OUTCOMES)]
        events = _events(job, sweep, state, now_ms + 20_000 * number)
        folder_of_trial = sweep.context.trials.folder(job.request.key)
        record = writer.write(folder_of_trial, events, state)
        if state == TrialState.DIVERGED:
            study.tell(asked, state=OptunaState.FAIL)
        else:
            study.tell(asked, (record.metrics["parameters"], record.metrics["fid"]))
    writer.close()
    text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in lines.logs)
    (workspace.sweep(NAME) / "study.journal").write_text(text)


def _job(sweep: OpenSweep, point: Mapping[str, Any], number: int) -> Job:
    return Job(request=Requests(sweep.spec, sweep.basis.foundation).student(point), trial=number, point=dict(point))


def _events(job: Job, sweep: OpenSweep, state: TrialState, began_ms: int) -> list[Event]:
    """What the journal of such a trial says, with measurements by chance."""
    chance = random.Random(job.request.key)
    fid = 5.0 + 400.0 / job.request.architecture.width * chance.uniform(0.8, 1.2)
    events = [opening(job, sweep.context)]
    for kimg in RUNGS[state]:
        metrics = {name: chance.uniform(0.1, 10.0) for name in (*MEASURED, *LOSSES)}
        metrics |= {"fid": fid * (1 + 4 / kimg), "best_fid": fid * (1 + 4 / kimg), "kimg": float(kimg)}
        events.append(Event(kind="reported", kimg=float(kimg), metrics={**metrics, "wall_s": float(kimg)}))
    last = {"fid_infinity": fid, "latency_ms": 1.0} if state == TrialState.COMPLETED else {}
    events.append(closing(state, None, kimg=float(RUNGS[state][-1]), metrics={**last, "wall_s": 20.0}))
    times = [began_ms + 1000 * number for number in range(len(events))]
    return [Event(**{**asdict(event), "time_ms": at}) for event, at in zip(events, times, strict=True)]


class _RunWriter:
    """Journals with the runs they were delivered to: the first of each outcome by the engine, the others by copying."""

    def __init__(self, database: Path, delivery: Delivery) -> None:
        self._database, self._delivery = database, delivery
        self._connection: sqlite3.Connection | None = None
        self._prototypes: dict[TrialState, str] = {}
        self._rows: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def write(self, folder: TrialFolder, events: Sequence[Event], state: TrialState) -> Record:
        """A trial's journal and its run. Returns what they amount to."""
        if state not in self._prototypes:
            self.close()
            for event in events:
                folder.append(event)
            assert self._delivery.deliver(folder)
            self._prototypes[state] = str(folder.delivered()[1])
        else:
            run_id = uuid.uuid4().hex
            folder.path.mkdir(parents=True)
            lines = "".join(json.dumps(asdict(event)) + "\n" for event in events)
            (folder.path / "journal.jsonl").write_text(lines)
            folder.set_delivered(len(events), run_id)
        record = folder.record()
        assert record is not None
        if record.run_id != self._prototypes[state]:
            self._copy(self._prototypes[state], record, folder.key, events[0].time_ms)
        return record

    def close(self) -> None:
        """Write what is not written yet, so that others may."""
        if self._connection:
            self._connection.commit()
            self._connection.close()
            self._connection = None

    def _copy(self, prototype: str, record: Record, key: str, began_ms: int) -> None:
        own = {"run_uuid": record.run_id, "start_time": began_ms, "end_time": began_ms + 20_000}
        own |= {"name": record.tags["mlflow.runName"]}
        values: dict[str, Mapping[str, Any]] = {"tags": {**record.tags, TRIAL_KEY: key}, "params": record.params}
        values |= {"metrics": record.metrics, "latest_metrics": record.metrics}
        for table in ("runs", *values):
            for row in self._rows_of(table, prototype):
                row = {**row, **{name: value for name, value in own.items() if name in row}}
                if table != "runs" and row["key"] != PARENT:
                    row["value"] = values[table].get(row["key"], row["value"])
                places = ", ".join("?" * len(row))
                self._open().execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))

    def _rows_of(self, table: str, run_id: str) -> list[dict[str, Any]]:
        if (table, run_id) not in self._rows:
            self._open().row_factory = sqlite3.Row
            found = self._open().execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run_id,)).fetchall()
            self._rows[table, run_id] = [dict(row) for row in found]
        return self._rows[table, run_id]

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._database)
        return self._connection
