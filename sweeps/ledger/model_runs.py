"""This module has the runs in which models are made: teachers and their critics, extractors, selections."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from sweeps.ledger.holder import Holder, holder_of
from sweeps.ledger.run_query import has_tags, search
from sweeps.ledger.states import RunStatus, SweepState
from sweeps.ledger.tags import DRIVER, STATE
from sweeps.ledger.tracking import Tracking


def completed_model_runs(tracking: Tracking, tags: Mapping[str, str]) -> list[Run]:
    """Returns the completed runs with these tags in which models were made, newest first."""
    where = has_tags({**tags, STATE: SweepState.COMPLETED})
    return list(search(tracking.client, [tracking.experiments.models], where=where))


@contextmanager
def model_run(tracking: Tracking, name: str, *, tags: Mapping[str, str]) -> Iterator[str]:
    """Begin a run for the training of a model; it ends with the state that the work inside the `with` block had.

    Runs with the same tags that still run, though their process was killed on this machine, are ended first.
    """
    _end_abandoned(tracking, tags)
    mine = {**tags, DRIVER: Holder.me().as_text}
    run_id: str = tracking.client.create_run(tracking.experiments.models, run_name=name, tags=mine).info.run_id
    try:
        yield run_id
    except BaseException as error:
        # What was raised first says more than that the store is away; the next process ends the run.
        with suppress(MlflowException):
            if isinstance(error, Exception):
                tracking.close(run_id, SweepState.FAILED, error=str(error))
            else:  # Ctrl-C, or an exit from within
                tracking.close(run_id, SweepState.INTERRUPTED)
            _let_go(tracking, run_id)
        raise
    tracking.close(run_id, SweepState.COMPLETED)
    with suppress(MlflowException):
        _let_go(tracking, run_id)


def _let_go(tracking: Tracking, run_id: str) -> None:
    tracking.client.delete_tag(run_id, DRIVER)


def _end_abandoned(tracking: Tracking, tags: Mapping[str, str]) -> None:
    if not tags:
        return  # nobody's in particular
    where = has_tags(tags)
    running = where and f"{where} and attributes.status = '{RunStatus.RUNNING}'"
    for run in list(search(tracking.client, [tracking.experiments.models], where=running)):
        holder = holder_of(run)
        if holder and holder.is_known_to_live is False:
            tracking.close(run.info.run_id, SweepState.INTERRUPTED)
            _let_go(tracking, run.info.run_id)
