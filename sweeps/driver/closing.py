"""This module is the end of a driver's work: the runs of its sweeps are closed, whatever ended it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mlflow.exceptions import MlflowException

from analysis import TrialState
from sweeps.driver.open_sweep import OpenSweep
from sweeps.ledger.lease import Leases
from sweeps.ledger.states import SweepState
from sweeps.ledger.tracking import Tracking

DELIVERY_PATIENCE_S = 20.0  # for a tracking store that is away when the sweep ends


class ClosingRuns:
    """ClosingRuns closes the runs of the sweeps that `hold` was given, at the end of a `with` block.

    Leave the block only when the workers are gone, so that nothing can write to a trial any more, except a driver that
    took over. Afterwards `missing` is the number of trials of which the tracking store lacks something.
    """

    def __init__(self, tracking: Tracking, leases: Leases) -> None:
        self._tracking, self._leases, self._sweeps = tracking, leases, list[OpenSweep]()
        self.missing = 0

    @property
    def sweeps(self) -> list[OpenSweep]:
        """Returns the sweeps that will be closed."""
        return list(self._sweeps)

    def hold(self, sweep: OpenSweep) -> None:
        """Take one more sweep, which this driver alone drives."""
        ended_file(sweep.folder).unlink(missing_ok=True)
        self._sweeps.append(sweep)

    def __enter__(self) -> "ClosingRuns":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        ended = SweepState.INTERRUPTED if interrupted else SweepState.FAILED
        state = SweepState.COMPLETED if kind is None else ended
        for sweep in self._sweeps if self._leases.taken_by is None else ():
            ended_file(sweep.folder).write_text(state)
            patience_s = DELIVERY_PATIENCE_S if kind is None else 0.0
            self.missing += sweep.close(TrialState.INTERRUPTED if interrupted else TrialState.LOST, patience_s)
            with contextlib.suppress(MlflowException):
                # Of trials of which this machine has no journal.
                self._tracking.close_open_trials(sweep.parent_run_id, TrialState.LOST)
                self._tracking.close(sweep.parent_run_id, state)


@contextlib.contextmanager
def closed_on_error(tracking: Tracking, parent_run_id: str) -> Iterator[None]:
    """Closes the run of a sweep, which nobody holds yet, where an error leaves the `with` block."""
    try:
        yield
    except BaseException as error:
        state = SweepState.INTERRUPTED if isinstance(error, KeyboardInterrupt) else SweepState.FAILED
        with contextlib.suppress(MlflowException):
            tracking.close(parent_run_id, state)
        raise


def ended_file(folder: Path) -> Path:
    """Returns where a driver leaves the state that its run came to, for a store that is away to be told later."""
    return folder / "ended"
