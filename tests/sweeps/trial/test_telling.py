"""When a trial tells the tracking server what it has measured, by the minutes between its rungs."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

import sweeps.trial.log
from analysis import TrialState
from gan import DistillationConfig
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.journal import TrialFolder
from sweeps.trial.log import TrialLog
from sweeps.trial.request import Job
from tests.sweeps.untrained_search import context_of, request_of


class Clock:
    """The time, in seconds, that the module reads."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Told:
    """A delivery that remembers how many events were told each time, and may be away."""

    def __init__(self) -> None:
        self.is_away, self.told = False, list[int]()

    def deliver(self, folder: TrialFolder) -> bool:
        if not self.is_away:
            self.told.append(len(folder.events()))
        return not self.is_away


class Trial:
    """A trial that is measured at these minutes, with a kimg a minute, and ends with the last."""

    def __init__(self, minutes: Sequence[float], folder: Path, clock: Clock) -> None:
        context = context_of(folder, rungs_kimg=tuple(minutes[:-1]))
        request = request_of(
            {"width": 4, "depth": 1, "gan_weight": 0.0}, distillation=DistillationConfig(kimg=minutes[-1])
        )
        self.delivery, self.minutes, self._clock = Told(), minutes, clock
        job = Job(request=request, trial=1, point={"width": 4, "depth": 1})
        self.log = TrialLog(job, context, delivery=cast(Delivery, self.delivery))
        self.log.open()

    def measure(self, minute: float) -> None:
        self._clock.now = 60.0 * minute
        self.log.report(minute, {"fid": 10.0})

    def told_after(self) -> list[int]:
        """After how many measurements something was told."""
        for minute in self.minutes:
            self.measure(minute)
        self.log.close(TrialState.COMPLETED, None, kimg=self.minutes[-1])
        opened, *told, closed = self.delivery.told
        assert (opened, closed) == (1, len(self.minutes) + 2)
        return [events - 1 for events in told]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sweeps.trial.log, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        ([0.05, 0.1], []),  # the end is soon
        ([1, 2, 3, 4], [1]),  # the others within ten minutes of it
        ([3, 6, 9, 12], [1]),
        ([9, 18, 27, 36], [1, 2, 3]),  # two are more than ten minutes
        ([4, 8, 12, 16, 20, 24], [1, 3, 5]),
        ([5, 14, 240], [1, 2]),  # hours would pass until the next
    ],
)
def test_a_server_hears_the_first_at_once_and_then_every_ten_minutes(
    tmp_path: Path, clock: Clock, minutes: list[float], told: list[int]
) -> None:
    assert Trial(minutes, tmp_path, clock).told_after() == told


def test_what_a_server_that_was_away_has_missed_is_told_with_the_next(tmp_path: Path, clock: Clock) -> None:
    trial = Trial([1, 2, 3, 4], tmp_path, clock)
    trial.delivery.is_away = True
    trial.measure(1)
    trial.delivery.is_away = False
    trial.measure(2)
    trial.measure(3)
    assert trial.delivery.told == [1, 3]
