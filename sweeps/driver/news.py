"""This module keeps the runs of sweeps in MLflow up to date while their trials run, at a bounded rate.

It has a thread of its own, so that a tracking store that is slow or away keeps no trial waiting. It draws in a thread
that all news of a process share.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from queue import SimpleQueue

from sweeps.driver.open_sweep import OpenSweep

PAUSE_S = 20.0  # at least, between two times
SHARE = 50  # a time takes at most one part in so many
PATIENCE_S = 5.0  # for one that is under way when an error, or a person, ended the trials

_log = logging.getLogger(__name__)


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

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._over.set()
        # The report comes next and writes the same: what is earlier must not come later. Requests have their timeouts.
        self._thread.join(None if kind is None else PATIENCE_S)

    def _work(self) -> None:
        shown, pause_s = self._ended(), PAUSE_S
        while not self._over.wait(pause_s):
            ended = self._ended()
            if ended == shown:
                continue
            shown, began = ended, time.monotonic()
            for sweep in self._sweeps:
                self._show(sweep)
            pause_s = max(PAUSE_S, SHARE * (time.monotonic() - began))

    def _show(self, sweep: OpenSweep) -> None:
        if self._over.is_set():
            return
        done = threading.Event()

        def show() -> None:
            try:
                sweep.show_news(self._over.is_set)
            except Exception:  # whatever it is, trials go on and the next time is soon enough
                _log.info("%s: its run in MLflow is not up to date", sweep.spec.name, exc_info=True)
            finally:
                done.set()

        _artist().put(show)
        done.wait()


@cache
def _artist() -> "SimpleQueue[Callable[[], None]]":
    """Returns the calls of the one thread that draws: Matplotlib keeps fonts open for every thread that drew."""
    calls: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def work() -> None:
        while True:
            calls.get()()

    threading.Thread(target=work, name="news", daemon=True).start()
    return calls
