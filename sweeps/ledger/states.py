"""This module says how sweeps and runs end, in our words and in MLflow's; `analysis.TrialState` has a trial's."""

from enum import StrEnum

from analysis import TrialState


class SweepState(StrEnum):
    """A SweepState is how a run of a sweep ended, or the training of a model. Stored: names are only ever added."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"  # a person stopped it, or a scheduler


class RunStatus(StrEnum):
    """A RunStatus is what MLflow knows of a run."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


# By the word, which says the same of a sweep and of a trial.
_STATUS: dict[str, RunStatus] = {
    TrialState.COMPLETED: RunStatus.FINISHED,
    TrialState.PRUNED: RunStatus.FINISHED,
    TrialState.INTERRUPTED: RunStatus.KILLED,
}


def run_status(state: TrialState | SweepState) -> RunStatus:
    """Returns the status with which MLflow shows a run that ended in `state`."""
    return _STATUS.get(state, RunStatus.FAILED)
