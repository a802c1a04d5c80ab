"""This module finds the experiments that sweeps and models are in, whatever a person did to them on MLflow's page."""

from contextlib import suppress

from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException

from sweeps.errors import SweepError
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import EXPERIMENT


def found_experiment(client: MlflowClient, store: TrackingStore, *, name: str) -> str:
    """Returns the id of the experiment that was made as `name`, made if there is none.

    Raises SweepError where it is deleted, and where its artifacts lie behind a server that this store is opened
    without.
    """
    root = store.artifact_root
    place = f"{root}/{name}" if root else None
    found = client.get_experiment_by_name(name) or _renamed(client, name, place=place)
    if found is None:
        return str(client.create_experiment(name, place, tags={EXPERIMENT: name}))
    if found.lifecycle_stage != "active":
        raise SweepError(
            f"MLflow's experiment {name} is there",
            "a deleted one",
            f"Restore it: mlflow experiments restore --experiment-id {found.experiment_id}, with MLFLOW_TRACKING_URI "
            f"set to {store.shown_uri}.",
        )
    store.require_reachable(str(found.artifact_location))
    if EXPERIMENT not in found.tags:
        with suppress(MlflowException):  # of one who may only read
            client.set_experiment_tag(found.experiment_id, EXPERIMENT, name)
    return str(found.experiment_id)


def _renamed(client: MlflowClient, name: str, *, place: str | None) -> Experiment | None:
    """Returns the experiment that was made as `name`, by its tag, or by where a local store has its artifacts."""
    tagged = client.search_experiments(ViewType.ALL, filter_string=f"tags.`{EXPERIMENT}` = '{name}'")
    if tagged or place is None:
        return tagged[0] if tagged else None
    everything = client.search_experiments(ViewType.ALL)
    return next((each for each in everything if each.artifact_location == place), None)
