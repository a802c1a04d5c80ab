"""This module brings journals to the tracking store: each event once, in order, without waiting.

A store that is away is tried again later.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    DEADLINE_EXCEEDED,
    INTERNAL_ERROR,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)

from analysis import TrialState
from cluster import ClusterError
from sweeps.errors import SweepError
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Event, TrialFolder
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import ABSENT, ERROR, PHASE, POINT, REUSED, RUN_NAME, SETTLED, STATE, TRIAL
from sweeps.ledger.tracking import Tracking

PAUSE_S = 5.0  # between two tries to reach a store that is away
_AWAY_CODES = (
    *(INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, DEADLINE_EXCEEDED),
    *(RESOURCE_EXHAUSTED, REQUEST_LIMIT_EXCEEDED),
)
_AWAY = {ErrorCode.Name(code) for code in _AWAY_CODES}


class _StoreIsAwayError(Exception):
    """Artifacts cannot be brought to the store now."""


class Delivery:
    """A Delivery brings the journals of one sweep's trials to the store."""

    def __init__(self, store: TrackingStore, parent_run_id: str) -> None:
        self._store, self.parent_run_id = store, parent_run_id
        self._connection: Tracking | None = None
        self._next_try = 0.0
        self._own: set[str] = set()  # trials of which this object has delivered something

    def deliver(self, folder: TrialFolder) -> bool:
        """Deliver what the store does not have yet. Returns False where the store is away: a later call continues."""
        if time.monotonic() < self._next_try:
            return False
        try:
            try:
                self._deliver(folder)
            except MlflowException as error:
                if error.error_code in _AWAY or self.has_run(folder):
                    raise
                self._deliver_again(folder)  # somebody deleted its run
        except (SweepError, ClusterError, _StoreIsAwayError):
            pass
        except MlflowException as error:
            if error.error_code not in _AWAY:
                raise
        else:
            return True
        self._next_try = time.monotonic() + PAUSE_S
        return False

    def has_run(self, folder: TrialFolder) -> bool:
        """Returns whether the store has the trial's run, or will have it; True while the store is away."""
        record = folder.record()
        run_id = record.run_id if record else ""
        try:
            return not run_id or self._tracking().client.get_run(run_id).info.lifecycle_stage == "active"
        except SweepError:
            return True
        except MlflowException as error:
            return error.error_code in _AWAY

    def deliver_all(self, trials: TrialStorage, patience_s: float = 0.0) -> int:
        """Deliver all journals in `trials`. Returns how many remain after `patience_s` seconds of trying."""
        deadline = time.monotonic() + patience_s
        pending = undelivered(trials)
        while pending:
            self._next_try = 0.0
            pending = [folder for folder in pending if not self.deliver(folder)]
            if time.monotonic() >= deadline:
                break
            if pending:
                time.sleep(1.0)
        return len(pending)

    def _deliver_again(self, folder: TrialFolder) -> None:
        events = folder.events()
        if events[0].kind == "reused":
            folder.delete()  # the trial is nobody's now; who asks for it trains it
            return
        folder.set_delivered(0, None)
        self._deliver(folder)

    def _deliver(self, folder: TrialFolder) -> None:
        events = folder.events()
        count, run_id = folder.delivered()
        if count >= len(events):
            return
        tracking = self._tracking()
        # The cursor may be one event behind the store, where another process was killed between the two. This is
        # checked for a measurement alone: the driver only closes, and its loop would wait for the answer.
        is_told = folder.key in self._own or events[count].kind != "reported"
        latest = 0.0 if is_told else self._latest_kimg(tracking, run_id)
        self._own.add(folder.key)
        for number, event in enumerate(events[count:], start=count + 1):
            if event.kind == "opened":
                run_id = self._open(tracking, folder, event=event)
            elif event.kind == "reused":
                tags, run_id = event.tags, event.tags[REUSED]
                place = {"trial": tags[TRIAL], "phase": tags[PHASE]}
                tracking.share(run_id, self.parent_run_id, **place, point=tags.get(POINT))
            assert run_id is not None, "a journal begins with its opening"
            if event.kind == "reported":
                if not (number == count + 1 and event.kimg <= latest):
                    tracking.log(run_id, event.metrics, kimg=event.kimg, time_ms=event.time_ms)
                self._bring_images(tracking, run_id, folder=folder, kimg=event.kimg)
            elif event.kind == "kept" and (student := folder.student()):
                self._bring(tracking, run_id, folder=student)
            elif event.kind == "closed":
                tracking.close(
                    run_id,
                    TrialState(event.tags[STATE]),
                    error=event.tags.get(ERROR),
                    metrics=event.metrics,
                    kimg=event.kimg,
                    tags={ABSENT: event.tags[ABSENT]} if ABSENT in event.tags else None,
                    time_ms=event.time_ms,
                )
            folder.set_delivered(number, run_id)
        if events[-1].kind == "closed":
            folder.delete_student()
            shutil.rmtree(folder.images, ignore_errors=True)
            if events[-1].tags[STATE] in SETTLED:  # any other continues from its checkpoint
                folder.delete_checkpoint()

    def _bring_images(self, tracking: Tracking, run_id: str, *, folder: TrialFolder, kimg: float) -> None:
        """Bring what a student made at `kimg`. It is for people alone: no number waits for it."""
        with suppress(MlflowException, OSError):
            for path in folder.images_at(kimg):
                tracking.client.log_artifact(run_id, str(path), path.parent.name)

    def _bring(self, tracking: Tracking, run_id: str, *, folder: Path) -> None:
        """Bring a folder, where there is one, to the run's artifacts of that name."""
        try:
            if folder.is_dir():
                tracking.client.log_artifacts(run_id, str(folder), folder.name)
        except OSError as error:  # also of the network: what requests raises is one
            raise _StoreIsAwayError from error

    def _open(self, tracking: Tracking, folder: TrialFolder, *, event: Event) -> str:
        run = tracking.open_trial(self.parent_run_id, folder.key, name=event.tags[RUN_NAME], tags=event.tags)
        run_id: str = run.info.run_id
        tracking.log(run_id, event.metrics, params=event.params, time_ms=event.time_ms)
        return run_id

    def _latest_kimg(self, tracking: Tracking, run_id: str | None) -> float:
        if run_id is None:
            return 0.0
        return float(tracking.client.get_run(run_id).data.metrics.get("kimg", 0.0))

    def _tracking(self) -> Tracking:
        if self._connection is None:
            self._connection = Tracking(self._store)
        return self._connection


def undelivered(trials: TrialStorage) -> list[TrialFolder]:
    """Returns the trials of which the tracking store does not have everything yet."""
    return [folder for folder in trials.folders() if not folder.is_delivered]
