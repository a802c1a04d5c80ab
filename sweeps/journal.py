"""A trial's own record: every event on disk before anything else learns of it.

Training never waits for the tracking store. A trial appends what happened to its journal, and the journal
is delivered from there, each event once and in order; while the store is away it simply grows.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from analysis import TrialState
from gan import ArtifactError, Checkpoint, load_checkpoint
from gan.checkpoint import unfinished_checkpoint
from sweeps.tracking import ERROR, REUSED, STATE

EventKind = Literal["opened", "reported", "kept", "closed", "reused"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to a trial.

    opened: it began, or began again. reported: measured at `kimg`. kept: its student lies in the
    folder `model`. closed: it ended, with its state in the tags. reused: the whole of a trial that another
    sweep has finished.
    """

    kind: EventKind
    kimg: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    time_ms: int = field(default_factory=lambda: int(time.time() * 1000))


@dataclass(frozen=True)
class Record:
    """A trial as all its events leave it: what a tracking store would show of its run."""

    run_id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]

    @property
    def state(self) -> TrialState:
        return TrialState(self.tags[STATE])


class TrialFolder:
    """A trial's folder: journal, cursor of its delivery, checkpoint and, until delivered, its student."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = path.name
        self.model = path / "model"
        self._journal, self._cursor = path / "journal.jsonl", path / "delivered.json"
        self._checkpoint = path / "checkpoint.safetensors"

    # --- events -------------------------------------------------------------------------------

    def append(self, event: Event) -> None:
        """Write `event` at the end; it is on disk, or not at all, when this returns or raises."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._journal.open("ab") as file:
            end = file.tell()
            try:
                # A process that was killed may have left half a line.
                start = b"" if self._ends_with_a_line() else b"\n"
                file.write(start + json.dumps(asdict(event)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(file.fileno(), end)
                raise

    def events(self) -> list[Event]:
        """All events; a half-written line, of a process that was killed, is none."""
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [event for line in lines if (event := _parse(line))]

    def reported(self) -> list[Event]:
        """The measurements so far, by kimg."""
        return [event for event in self.events() if event.kind == "reported"]

    def record(self) -> Record | None:
        """What the events amount to; None where there are none."""
        tags: dict[str, str] = {}
        params: dict[str, str] = {}
        metrics: dict[str, float] = {}
        for event in self.events():
            if event.kind == "opened":
                tags.pop(ERROR, None)
            tags |= event.tags
            params |= event.params
            metrics |= event.metrics
        run_id = self.delivered()[1] or tags.get(REUSED, "")
        return Record(run_id, tags, params, metrics) if STATE in tags else None

    def delete(self) -> None:
        """Forget the trial."""
        shutil.rmtree(self.path)

    # --- delivery -----------------------------------------------------------------------------

    def delivered(self) -> tuple[int, str | None]:
        """How many events the tracking store has, and the run they went to."""
        try:
            cursor = json.loads(self._cursor.read_text())
            return int(cursor["events"]), cursor["run_id"]
        except (FileNotFoundError, ValueError, KeyError):
            return 0, None

    @property
    def is_delivered(self) -> bool:
        """Whether the tracking store has everything."""
        return self.delivered()[0] >= len(self.events())

    def set_delivered(self, events: int, run_id: str | None) -> None:
        """Remember that the store has the first `events` events."""
        unfinished = self._cursor.with_suffix(".new")
        unfinished.write_text(json.dumps({"events": events, "run_id": run_id}))
        unfinished.replace(self._cursor)

    # --- checkpoint ---------------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> Path:
        return self._checkpoint

    def checkpoint(self) -> Checkpoint | None:
        """The trial's last checkpoint. A damaged one is deleted: the trial begins anew."""
        try:
            return load_checkpoint(self._checkpoint, self.key)
        except ArtifactError:
            self._checkpoint.unlink()
            return None

    def delete_checkpoint(self) -> None:
        """Forget where the training stood."""
        self._checkpoint.unlink(missing_ok=True)
        unfinished_checkpoint(self._checkpoint).unlink(missing_ok=True)

    def _ends_with_a_line(self) -> bool:
        with self._journal.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def trial_folders(trials: Path) -> list[TrialFolder]:
    """The folders of all trials that have one in `trials`."""
    return [TrialFolder(path) for path in sorted(trials.iterdir())] if trials.is_dir() else []


def _parse(line: str) -> Event | None:
    try:
        return Event(**json.loads(line))
    except (ValueError, TypeError):
        return None
