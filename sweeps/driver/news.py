"""This module keeps the runs of sweeps in MLflow up to date while their trials run, at a bounded rate.

It has a thread of its own: a tracking store that is slow or away keeps no trial waiting.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from mlflow.exceptions import MlflowException

from analysis import AnalysisError
from sweeps.driver.open_sweep import OpenSweep
from sweeps.errors import SweepError

PAUSE_S = 20.0  # at least, between two times
SHARE = 50  # a time takes at most one part in so many
PATIENCE_S = 5.0  # for one that is under way when the trials have ended; a report follows


class News:
    """News show what open sweeps have come to, for the length of a `with` block, whenever further trials have ended.

    `ended` counts these.
    """

    def __init__(self, sweeps: Sequence[OpenSweep], ended: Callable[[], int]) -> None:
        self._sweeps, self._ended = sweeps, ended
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "News":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)

    def _work(self) -> None:
        shown, pause_s = self._ended(), PAUSE_S
        while not self._over.wait(pause_s):
            ended = self._ended()
            if ended == shown:
                continue
            shown, began = ended, time.monotonic()
            for sweep in self._sweeps:
                with suppress(MlflowException, SweepError, AnalysisError, OSError):  # the next time is soon enough
                    sweep.show()
            pause_s = max(PAUSE_S, SHARE * (time.monotonic() - began))
