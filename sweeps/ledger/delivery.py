"""This module brings journals to the tracking store: each event once, in order, without waiting.

A store that is away is tried again later.
"""

import time

from mlflow.exceptions import MlflowException

from cluster import ClusterError
from sweeps.errors import SweepError
from sweeps.ledger.answers import is_away
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import TrialFolder
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.telling import FilesRefusedError, Telling
from sweeps.ledger.tracking import Tracking

PAUSE_S = 5.0  # between two tries to reach a store that is away


class Delivery:
    """A Delivery brings the journals of one sweep's trials to the store.

    Where the sweep `is_new`, the store has runs of those trials alone that were begun since by who has this object.
    """

    def __init__(self, store: TrackingStore, parent_run_id: str, *, is_new: bool = False) -> None:
        self._store, self.parent_run_id, self._is_new = store, parent_run_id, is_new
        self._connection: Tracking | None = None
        self._next_try = 0.0
        self._tried: set[str] = set()  # trials of which something may be in the store by this object
        self._places: dict[str, str] = {}  # where the artifacts of runs are that this object has begun

    def deliver(self, folder: TrialFolder) -> bool:
        """Deliver what the store does not have yet. Returns False where the store is away: a later call continues."""
        if time.monotonic() < self._next_try:
            return False
        try:
            try:
                self._deliver(folder)
            except MlflowException as error:
                if is_away(error) or self.has_run(folder):
                    raise
                self._deliver_again(folder)  # somebody deleted its run
        except (SweepError, ClusterError, FilesRefusedError):
            pass
        except MlflowException as error:
            if not is_away(error):
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
            return is_away(error)

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
        telling = Telling(self._tracking(), folder, parent_run_id=self.parent_run_id, places=self._places)
        if not telling.is_done:
            is_new = self._is_new and telling.is_alone and folder.key not in self._tried
            self._tried.add(folder.key)
            telling.tell(is_new=is_new)

    def _tracking(self) -> Tracking:
        if self._connection is None:
            self._connection = Tracking(self._store)
        return self._connection


def undelivered(trials: TrialStorage) -> list[TrialFolder]:
    """Returns the trials of which the tracking store does not have everything yet."""
    return [folder for folder in trials.folders() if not folder.is_delivered]
