"""This module tells the tracking store what it lacks of one trial's journal: each event, in order, in few requests.

The values of a trial that begins, and measurements, go in one batch with what comes next.
"""

import shutil
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis import TrialState
from sweeps.ledger.batches import metrics_at
from sweeps.ledger.journal import Event, TrialFolder
from sweeps.ledger.tags import ABSENT, ERROR, PHASE, POINT, REUSED, RUN_NAME, SETTLED, STATE, TRIAL
from sweeps.ledger.tracking import Tracking


class FilesRefusedError(Exception):
    """Artifacts cannot be brought to the store now."""


class Telling:
    """A Telling has the journal of one trial, and what the store has of it.

    `places` are where the artifacts of runs lie, as far as that is known.
    """

    def __init__(
        self, tracking: Tracking, folder: TrialFolder, *, parent_run_id: str, places: MutableMapping[str, str]
    ) -> None:
        self._tracking, self._folder, self._parent_run_id, self._places = tracking, folder, parent_run_id, places
        self._events = folder.events()
        self._count, self._run_id = folder.delivered()
        self._held: list[Event] = []  # what goes with a later event in one request

    @property
    def is_done(self) -> bool:
        """Returns whether there is nothing to tell."""
        return self._count >= len(self._events)

    @property
    def is_alone(self) -> bool:
        """Returns whether nothing more is known of the trial than its first event."""
        return len(self._events) == 1

    def tell(self, *, is_new: bool) -> None:
        """Tell all there is. Where the trial `is_new` the store has no run of it.

        Some of it may be told twice, where another process was killed before it could remember: MLflow keeps a
        measurement of one time once.
        """
        for number, event in enumerate(self._events[self._count :], start=self._count + 1):
            if event.kind == "opened":
                self._begin(event, is_new=is_new)
            if _has_more(self._events[number:], after=event):
                self._held.append(event)
            else:
                self._tell(event)
            if not self._held:
                self._folder.set_delivered(number, self._run())
        if self._events[-1].kind == "closed":
            self._clear(self._events[-1])

    def _run(self) -> str:
        assert self._run_id is not None, "a journal begins with its opening"
        return self._run_id

    def _begin(self, event: Event, *, is_new: bool) -> None:
        name, key = event.tags[RUN_NAME], self._folder.key
        run = self._tracking.open_trial(self._parent_run_id, key, name=name, tags=event.tags, is_new=is_new)
        self._run_id = str(run.info.run_id)
        self._places[self._run_id] = run.info.artifact_uri

    def _tell(self, event: Event) -> None:
        if event.kind == "reused":
            self._share(event)
        elif event.kind == "kept":
            if student := self._folder.student():
                self._bring(student)
        else:
            self._log(event)

    def _log(self, event: Event) -> None:
        """Log an event with those that were held for it, and then bring what the student made at them."""
        run_id, told, self._held = self._run(), [*self._held, event], []
        params = {name: value for each in told for name, value in each.params.items()}
        before = [metric for each in told[:-1] for metric in metrics_at(each.kimg, each.metrics, time_ms=each.time_ms)]
        kimg, time_ms = event.kimg, event.time_ms
        if event.kind == "closed":
            self._tracking.close(
                run_id,
                TrialState(event.tags[STATE]),
                error=event.tags.get(ERROR),
                metrics=event.metrics,
                kimg=kimg,
                params=params,
                tags={ABSENT: event.tags[ABSENT]} if ABSENT in event.tags else None,
                time_ms=time_ms,
                before=before,
            )
        else:
            self._tracking.log(run_id, event.metrics, kimg=kimg, params=params, time_ms=time_ms, before=before)
        self._bring_images([each.kimg for each in told if each.kind == "reported"])

    def _share(self, event: Event) -> None:
        tags, self._run_id = event.tags, event.tags[REUSED]
        place = {"trial": tags[TRIAL], "phase": tags[PHASE]}
        self._tracking.share(self._run(), self._parent_run_id, **place, point=tags.get(POINT))

    def _bring_images(self, kimg: Sequence[float]) -> None:
        """Bring what a student made at these budgets. It is for people alone: no number waits for it."""
        with suppress(MlflowException, OSError):
            # What it made last belongs to each of them, and is brought once.
            for path in sorted({path for each in kimg for path in self._folder.images_at(each)}):
                self._artifacts().log_artifact(str(path), path.parent.name)

    def _bring(self, folder: Path) -> None:
        """Bring a folder, where there is one, to the run's artifacts of that name."""
        try:
            if folder.is_dir():
                self._artifacts().log_artifacts(str(folder), folder.name)
        except OSError as error:  # also of the network: what requests raises is one
            raise FilesRefusedError from error

    def _artifacts(self) -> ArtifactRepository:
        """Returns where the run's artifacts are kept. MLflow's client would ask the store for each run."""
        run_id = self._run()
        if run_id not in self._places:
            self._places[run_id] = self._tracking.client.get_run(run_id).info.artifact_uri
        return get_artifact_repository(self._places[run_id], tracking_uri=self._tracking.store.uri)

    def _clear(self, closed: Event) -> None:
        """Delete what a trial that has ended, and is delivered, needs no more."""
        self._places.pop(self._run(), None)
        self._folder.delete_student()
        shutil.rmtree(self._folder.images, ignore_errors=True)
        if closed.tags[STATE] in SETTLED:  # any other continues from its checkpoint
            self._folder.delete_checkpoint()


def _has_more(rest: Sequence[Event], *, after: Event) -> bool:
    """Returns whether what is told of an event may go with one that comes after it."""
    if after.kind not in ("opened", "reported"):
        return False
    return next((event.kind for event in rest if event.kind != "kept"), None) in ("reported", "closed")
