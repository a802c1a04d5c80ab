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
def model_run(tracking: Tracking, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """Begin a run for the training of a model; it ends with the state that the work inside the `with` block had.

    Runs with the same tags that still run, though their process was killed on this machine, are ended first.
    """
    _end_abandoned(tracking, tags)
    mine = {**tags, DRIVER: Holder.me().as_text}
    run_id: str = tracking.client.create_run(tracking.experiments.models, run_name=name, tags=mine).info.run_id
    try:
        yield run_id
    except KeyboardInterrupt:
        with suppress(MlflowException):  # what was raised first says more; the next process ends the run
            tracking.close(run_id, SweepState.INTERRUPTED)
        raise
    except Exception as error:
        with suppress(MlflowException):
            tracking.close(run_id, SweepState.FAILED, error=str(error))
        raise
    tracking.close(run_id, SweepState.COMPLETED)
    tracking.client.delete_tag(run_id, DRIVER)


def _end_abandoned(tracking: Tracking, tags: Mapping[str, str]) -> None:
    where = has_tags(tags)
    running = where and f"{where} and attributes.status = '{RunStatus.RUNNING}'"
    for run in list(search(tracking.client, [tracking.experiments.models], where=running)):
        holder = holder_of(run)
        if holder and holder.is_known_to_live is False:
            tracking.close(run.info.run_id, SweepState.INTERRUPTED)
