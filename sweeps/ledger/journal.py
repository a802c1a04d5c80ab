"""This module is a trial's own record: every event is on disk before anything else learns of it.

Training never waits for the tracking store. A trial appends what happened to its journal, and the journal is delivered
from there, each event once and in order; while the store is away it simply grows.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from analysis import TrialState
from cluster import Mirror
from gan import ArtifactError, Checkpoint, load_checkpoint, save_checkpoint
from gan.training.checkpoint import unfinished_checkpoint
from sweeps.ledger.tags import ERROR, REUSED, STATE

JOURNAL, CURSOR = "journal.jsonl", "delivered.json"

_Value = TypeVar("_Value")
EventKind = Literal["opened", "reported", "kept", "closed", "reused"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """An Event is one thing that happened to a trial.

    opened: it began, or began again.
    reported: it was measured at `kimg`.
    kept: its student lies in the folder `model`.
    closed: it ended, with its state in the tags.
    reused: it stands for the whole of a trial that another sweep has finished.
    """

    kind: EventKind
    kimg: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    time_ms: int = field(default_factory=lambda: int(time.time() * 1000))


@dataclass(frozen=True, kw_only=True)
class Record:
    """A Record is a trial as all its events leave it: what a tracking store would show of its run."""

    run_id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]

    @property
    def state(self) -> TrialState:
        return TrialState(self.tags[STATE])


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A Journal is what was read of a trial's: its events, how many of them the store has, and the run they went to."""

    key: str
    events: tuple[Event, ...]
    delivered: int = 0
    run_id: str | None = None

    @property
    def is_delivered(self) -> bool:
        """Returns whether the tracking store has everything."""
        return self.delivered >= len(self.events)

    @property
    def reported(self) -> list[Event]:
        """Returns the measurements so far, by kimg."""
        return [event for event in self.events if event.kind == "reported"]

    def record(self) -> Record | None:
        """Returns what the events amount to; None where there are none."""
        tags: dict[str, str] = {}
        params: dict[str, str] = {}
        metrics: dict[str, float] = {}
        for event in self.events:
            if event.kind == "opened":
                tags.pop(ERROR, None)
            tags |= event.tags
            params |= event.params
            metrics |= event.metrics
        run_id = self.run_id or tags.get(REUSED, "")
        return (
            Record(run_id=run_id, tags=_named_once(tags), params=_named_once(params), metrics=_named_once(metrics))
            if STATE in tags
            else None
        )


class TrialFolder:
    """A TrialFolder has a trial's journal, its delivery's cursor, its checkpoint and, until delivered, what it keeps.

    That is its student in `model`, and in `images` what it makes at its rungs, for people alone.

    With a `mirror` it lives in an object store, and what is on disk here is a copy: journal and cursor as they were
    when the folder was fetched, the rest when it is asked for.
    """

    def __init__(self, path: Path, mirror: Mirror | None = None) -> None:
        self.path, self._mirror = path, mirror
        self.key = path.name
        self.model, self.images = path / "model", path / "images"
        self._journal, self._cursor = path / JOURNAL, path / CURSOR
        self.checkpoint_path = path / "checkpoint.safetensors"

    # --- events -------------------------------------------------------------------------------

    def append(self, event: Event) -> None:
        """Write `event` at the end. It is on disk, or not at all, when this returns or raises."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._journal.open("ab") as file:
            end = file.tell()
            try:
                # A process that was killed may have left half a line.
                start = b"" if self._ends_with_a_line() else b"\n"
                file.write(start + json.dumps(asdict(event)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
                self._push(self._journal)
            except (OSError, ValueError):
                os.truncate(file.fileno(), end)
                raise

    def read(self) -> Journal:
        """Returns the journal as it is now. A half-written line, left by a process that was killed, is no event."""
        delivered, run_id = self.delivered()  # first: an event that is delivered in between is in the journal by then
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        return Journal(
            key=self.key,
            events=tuple(event for line in lines if (event := _parse(line))),
            delivered=delivered,
            run_id=run_id,
        )

    def events(self) -> list[Event]:
        """Returns all events."""
        return list(self.read().events)

    def reported(self) -> list[Event]:
        """Returns the measurements so far, by kimg."""
        return self.read().reported

    def record(self) -> Record | None:
        """Returns what the events amount to; None where there are none."""
        return self.read().record()

    def delete(self) -> None:
        """Delete all that is kept of the trial."""
        self._remove("")
        shutil.rmtree(self.path)

    # --- delivery -----------------------------------------------------------------------------

    def delivered(self) -> tuple[int, str | None]:
        """Returns how many events the tracking store has, and the run they went to."""
        try:
            cursor = json.loads(self._cursor.read_text())
            return int(cursor["events"]), cursor["run_id"]
        except (FileNotFoundError, ValueError, KeyError):
            return 0, None

    @property
    def is_delivered(self) -> bool:
        """Returns whether the tracking store has everything."""
        return self.read().is_delivered

    def set_delivered(self, events: int, run_id: str | None) -> None:
        """Remember that the store has the first `events` events."""
        unfinished = self._cursor.with_suffix(".new")
        unfinished.write_text(json.dumps({"events": events, "run_id": run_id}))
        unfinished.replace(self._cursor)
        self._push(self._cursor)

    # --- checkpoint ---------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint | None:
        """Returns the trial's last checkpoint. A damaged one is deleted, and the trial begins anew."""
        if self._mirror and not self.checkpoint_path.exists():
            self._mirror.pull(self.checkpoint_path.name)
        try:
            return load_checkpoint(self.checkpoint_path, self.key)
        except ArtifactError:
            self.delete_checkpoint()
            return None

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep where the training stands. Until that is done the checkpoint before it stays."""
        save_checkpoint(self.checkpoint_path, checkpoint, identity=self.key)
        self._push(self.checkpoint_path)

    def delete_checkpoint(self) -> None:
        """Delete what was kept of where the training stood."""
        self.checkpoint_path.unlink(missing_ok=True)
        unfinished_checkpoint(self.checkpoint_path).unlink(missing_ok=True)
        self._remove(self.checkpoint_path.name)

    # --- student ------------------------------------------------------------------------------

    def keep(self) -> None:
        """Keep the student that lies in `model`, to be delivered with the next event."""
        self._push(self.model)
        self.append(Event(kind="kept"))

    def student(self) -> Path | None:
        """Returns the folder of the student that waits for its delivery; None where there is none."""
        if self._mirror and not self.model.is_dir():
            self._mirror.pull(self.model.name)
        return self.model if self.model.is_dir() else None

    def delete_student(self) -> None:
        """Delete the student, which is delivered."""
        shutil.rmtree(self.model, ignore_errors=True)
        self._remove(self.model.name)

    # --- images -------------------------------------------------------------------------------

    def images_at(self, kimg: float) -> list[Path]:
        """Returns the files of what the student made at `kimg`, which have MLflow's step in their names, and made last.

        The latter are at step 0.
        """
        return sorted({path for step in (0, round(kimg)) for path in self.images.glob(f"*+step+{step}+*")})

    # --- inside -------------------------------------------------------------------------------

    def _push(self, path: Path) -> None:
        if self._mirror:
            self._mirror.push(path)

    def _remove(self, name: str) -> None:
        if self._mirror:
            self._mirror.remove(name)

    def _ends_with_a_line(self) -> bool:
        with self._journal.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def _named_once(values: Mapping[str, _Value]) -> dict[str, _Value]:
    # Thousands of records have the same names: each of them is in memory once.
    return {sys.intern(name): value for name, value in values.items()}


def _parse(line: str) -> Event | None:
    try:
        return Event(**json.loads(line))
    except (ValueError, TypeError):
        return None
