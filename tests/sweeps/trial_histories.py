"""What can happen to the trials of a stored sweep between two readings."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from mlflow.entities import Run

from analysis import TrialState
from sweeps.ledger.journal import Record, TrialFolder
from sweeps.ledger.tags import TRIAL


def as_text(records: Mapping[str, Record]) -> dict[str, str]:
    """Records to compare: a NaN is itself, and the order of metrics does not matter."""
    return {
        key: repr([r.run_id, *(sorted(d.items()) for d in (r.tags, r.params, r.metrics))]) for key, r in records.items()
    }


def runs(sweep: Any, deleted: bool = False) -> list[Run]:
    return list(sweep.tracking.each_trial(sweep.parent_run_id, deleted=deleted))


def purge(sweep: Any, run_id: str) -> None:
    """What `mlflow gc` does to a deleted run."""
    sweep.tracking.client._tracking_client.store._hard_delete_run(run_id)


class Life:
    """Whatever can happen to the trials of a sweep, in any order."""

    def __init__(self, sweep: Any, other: Any, rng: random.Random) -> None:
        self.sweep, self.other, self.rng, self.client = sweep, other, rng, sweep.tracking.client
        self.happenings: list[Callable[[], None]] = [
            *[self.begin] * 4,
            *[self.report] * 3,
            *[self.end] * 4,
            *[self.begin_again, self.begin_and_end_again, self.deliver, self.delete, self.restore, self.purge],
            *[self.take_over, self.close_from_outside],
        ]

    def happen(self) -> None:
        self.rng.choice(self.happenings)()

    def begin(self) -> None:
        self.sweep.begin(deliver=self.rng.random() < 0.7)

    def report(self) -> None:
        if folder := self._folder("RUNNING"):
            fid = self.rng.choice([self.rng.uniform(1, 100), float("nan")])
            self.sweep.report(folder, float(len(folder.events())), fid, self.rng.random() < 0.7)

    def end(self) -> None:
        if folder := self._folder("RUNNING"):
            self.sweep.end(folder, self.rng.choice(self.sweep.endings), self.rng.random() < 0.7)

    def begin_again(self) -> None:
        if folder := self._folder(*self.sweep.endings):
            self.sweep.open(folder, int(folder.events()[0].tags[TRIAL]))

    def begin_and_end_again(self) -> None:
        if folder := self._folder(*self.sweep.endings):
            self.sweep.open(folder, int(folder.events()[0].tags[TRIAL]))
            self.sweep.report(folder, float(len(folder.events())), self.rng.uniform(1, 100))
            self.sweep.end(folder, self.rng.choice(self.sweep.endings))

    def deliver(self) -> None:
        self.sweep.deliver_all()

    def close_from_outside(self) -> None:
        self.sweep.tracking.close_open_trials(self.sweep.parent_run_id, TrialState.LOST)

    def delete(self) -> None:
        if found := runs(self.sweep):
            self.client.delete_run(self.rng.choice(found).info.run_id)

    def restore(self) -> None:
        if found := runs(self.sweep, deleted=True):
            self.client.restore_run(self.rng.choice(found).info.run_id)

    def purge(self) -> None:
        if found := runs(self.sweep, deleted=True):
            purge(self.sweep, self.rng.choice(found).info.run_id)

    def take_over(self) -> None:
        (run_id,) = self.other.finished(1)
        self.sweep.tracking.share(
            run_id, self.sweep.parent_run_id, trial=str(900 + len(self.other.folders)), phase="search"
        )

    def _folder(self, *states: str) -> TrialFolder | None:
        found = [folder for folder in self.sweep.folders if (r := folder.record()) and r.state in states]
        return self.rng.choice(found) if found else None
