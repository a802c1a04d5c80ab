"""This module allows a sweep one driver at a time, wherever it runs: the driver renews its claim in the parent run.

A data directory's lock holds on one machine alone. The lease holds between machines that share a tracking server.
Clocks are not compared: whoever finds a lease watches whether it is renewed.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from sweeps.display import Display
from sweeps.errors import SweepError
from sweeps.ledger.holder import Holder, holder_of
from sweeps.ledger.lock import Driver
from sweeps.ledger.tags import DRIVER
from sweeps.ledger.tracking import Tracking

BEAT_S = 10.0
LAPSE_S = 35.0  # a driver that has not renewed its lease for so long is gone
CONFIRM_S = 1.5  # by then a driver that began at the same moment is seen


class Lease:
    """A Lease is the claim to drive the sweep of one parent run."""

    def __init__(self, tracking: Tracking, parent_run_id: str, *, name: str) -> None:
        self._tracking, self._run_id, self._name = tracking, parent_run_id, name
        self._me = Holder.me()
        self.taken_by: str | None = None  # another driver, which thought that this one was gone

    def take(self, display: Display) -> None:
        """Take the lease. Raises SweepError where another driver holds it."""
        holder = self._holder()
        if holder and holder.is_known_to_live is not False:
            if holder.is_known_to_live is None:
                display.say(f"{self._name} was driven by {holder}: looking for {LAPSE_S:.0f} s whether it still is")
            if holder.is_known_to_live or self._is_renewed(holder):
                raise self._refusal(holder)
        try:
            self.renew()
        except MlflowException:
            # When two drivers make a tag at the same moment, the database refuses one of them.
            now = self._holder()
            if now is None or now == holder:
                raise
            raise self._refusal(now) from None
        time.sleep(CONFIRM_S)
        holder = self._holder()
        if holder and holder.id != self._me.id:
            raise self._refusal(holder)  # it began at the same moment

    def renew(self) -> None:
        """Record that this driver lives. Raises MlflowException while the store is away."""
        holder = self._holder()
        if self._me.beat and holder and holder.id != self._me.id:
            self.taken_by = str(holder)
            return
        self._me = replace(self._me, beat=self._me.beat + 1, time_s=time.time())
        self._tracking.client.set_tag(self._run_id, DRIVER, self._me.as_text)

    def release(self) -> None:
        """Give the lease up, unless another driver has it."""
        with suppress(MlflowException):
            holder = self._holder()
            if holder and holder.id == self._me.id:
                self._tracking.client.delete_tag(self._run_id, DRIVER)

    def _refusal(self, holder: Holder) -> SweepError:
        return SweepError(
            f"The sweep {self._name} has one driver at a time",
            holder,
            f"Wait for it, or stop it there: ganlimit sweep stop {self._name}.",
        )

    def _holder(self) -> Holder | None:
        return holder_of(self._tracking.client.get_run(self._run_id))

    def _is_renewed(self, before: Holder) -> bool:
        deadline = time.monotonic() + LAPSE_S
        while time.monotonic() < deadline:
            time.sleep(1.0)
            now = self._holder()
            if now is None:
                return False
            if now != before:
                return True
        return False


class Leases:
    """These are the leases of one driver, renewed for the length of a `with` block.

    If another driver takes one of them, the block is interrupted and then raises SweepError: that driver goes on.
    """

    def __init__(self, display: Display) -> None:
        self._display, self._held = display, list[Lease]()
        self._over = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)

    def hold(self, lease: Lease) -> None:
        """Take one more. Raises SweepError where another driver holds it."""
        lease.take(self._display)
        self._held.append(lease)

    @property
    def taken_by(self) -> str | None:
        """Returns the driver that took one of the leases, thinking that this driver was gone; None where none did."""
        return next((lease.taken_by for lease in self._held if lease.taken_by), None)

    def __enter__(self) -> "Leases":
        self._beats.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._over.set()
        self._beats.join()
        for lease in self._held:
            lease.release()
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self.taken_by:
            raise SweepError(
                "A driver goes on while the sweep is its own", self.taken_by, "Let that one go on."
            ) from None

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            for lease in list(self._held):
                with suppress(MlflowException):  # the store is away: trials go on without it, too
                    lease.renew()
            if self.taken_by:
                os.kill(os.getpid(), signal.SIGINT)
                return


def driver_elsewhere(parent: Run) -> Driver | None:
    """Returns the driver of this parent run's sweep; None where it has none.

    This is as far as the driver's last beat and this machine's clock tell.
    """
    holder = holder_of(parent)
    if holder is None or holder.is_known_to_live is False or time.time() - holder.time_s > 2 * LAPSE_S:
        return None
    return Driver(holder.pid, holder.host, began=datetime.fromtimestamp(holder.since_s).isoformat(timespec="seconds"))
