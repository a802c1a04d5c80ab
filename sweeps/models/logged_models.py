"""This module makes registered versions models that runs in MLflow have as input or output.

Their files are those of the version. MLflow 3.17's page of a run looks for them in the run's experiment alone: there a
version is a model of its own in each experiment that has runs with it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from sweeps.ledger.tags import LOGGED_MODEL, VERSIONS_OF_MODEL
from sweeps.ledger.tracking import Tracking


def log_student(tracking: Tracking, version: ModelVersion, *, row: Mapping[str, Any]) -> None:
    """Make a registered student the output of its trial's run. Where MLflow refuses it, the version stands alone."""
    metrics = {name: row[name] for name in ("fid", "parameters", "compression_ratio") if row[name] is not None}
    step = round(row["kimg"])
    with suppress(MlflowException):
        run = tracking.client.get_run(row["run_id"])
        place = run.info.experiment_id
        model = logged_model(tracking, version, experiment=place, params=run.data.params, metrics=metrics, step=step)
        tracking.client.log_outputs(row["run_id"], [LoggedModelOutput(model, step)])


def is_logged(version: ModelVersion) -> bool:
    """Returns whether a version was made a model in any experiment."""
    return any(tag.startswith(LOGGED_MODEL) for tag in version.tags)


def known_model(tracking: Tracking, version: ModelVersion, *, experiment: str) -> str | None:
    """Returns the id of the model that a version is in an experiment; None where there is none."""
    model = version.tags.get(_tag_of(experiment))
    try:
        return model and str(tracking.client.get_logged_model(model).model_id)
    except MlflowException:  # a person deleted it
        return None


def logged_model(
    tracking: Tracking,
    version: ModelVersion,
    *,
    experiment: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    step: int,
) -> str:
    """Returns the id of a new model of `experiment` for a registered version, with what was measured of it."""
    client, run_id = tracking.client, version.run_id
    assert run_id, "a registered model is of a run"
    number = str(version.version)
    versions = json.dumps([{"name": version.name, "version": number}])
    made = client.create_logged_model(
        experiment,
        name=version.name,
        source_run_id=run_id,
        tags={VERSIONS_OF_MODEL: versions},
        params=dict(params),
        model_type="generator",
    )
    model = str(made.model_id)
    client.finalize_logged_model(model, LoggedModelStatus.READY)
    now_ms = version.creation_timestamp
    measured = [Metric(name, float(value), now_ms, step, model_id=model) for name, value in metrics.items()]
    client.log_batch(run_id, metrics=measured)
    client.set_model_version_tag(version.name, number, _tag_of(experiment), model)
    return model


def _tag_of(experiment: str) -> str:
    return f"{LOGGED_MODEL}.{experiment}"
