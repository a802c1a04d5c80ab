"""This module says in MLflow what a sweep learns from: its data set and its teacher. Its trials' runs say the same."""

import json
from contextlib import suppress

from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, Run
from mlflow.exceptions import MlflowException

from gan import DatasetConfig
from sweeps.ledger.tracking import Tracking
from sweeps.models.foundation import Foundation
from sweeps.models.logged_models import known_model, logged_model
from sweeps.spec.sweep import SweepSpec

DIGEST = 12  # letters; MLflow takes 36, and a person reads them beside the name
_CONTEXT = "mlflow.data.context"


def state_inputs(tracking: Tracking, parent: Run, *, spec: SweepSpec, foundation: Foundation) -> None:
    """Log on a sweep's run which data set and which teacher it is about, unless it has that already."""
    if parent.inputs and parent.inputs.dataset_inputs:
        return
    teacher = None
    with suppress(
        MlflowException
    ):  # of one who may not change the teacher's version, or of a server of before MLflow 3
        teacher = _teacher(tracking, foundation, experiment=parent.info.experiment_id)
    tracking.client.log_inputs(
        parent.info.run_id,
        datasets=[dataset_input(spec.dataset, foundation.protocol.dataset_digest, shape=foundation.train_shape)],
        models=[LoggedModelInput(teacher)] if teacher else None,
    )


def dataset_input(config: DatasetConfig, digest: str, *, shape: tuple[int, ...]) -> DatasetInput:
    """Returns a data set as a run's input: name, digest, images NCHW, and where they come from."""
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, *shape[1:]]}}
    dataset = Dataset(
        name=config.name,
        digest=digest[:DIGEST],
        source_type="local" if config.path else "code",
        source=json.dumps({"uri": config.path} if config.path else config.model_dump(exclude_none=True)),
        schema=json.dumps({"mlflow_tensorspec": {"features": json.dumps([tensor])}}),
        profile=json.dumps({"num_rows": shape[0], "images": list(shape)}),
    )
    return DatasetInput(dataset, [InputTag(_CONTEXT, "training")])


def _teacher(tracking: Tracking, foundation: Foundation, *, experiment: str) -> str | None:
    """Returns the id of the model of `experiment` that is a sweep's teacher; None where its version is gone."""
    name, _, number = foundation.teacher_version.partition("/")
    version = tracking.registry.version(name, number)
    if version is None:
        return None
    if known := known_model(tracking, version, experiment=experiment):
        return known
    card = foundation.teacher
    fid = {"fid": foundation.teacher_metrics.fid}
    return logged_model(
        tracking,
        version,
        experiment=experiment,
        params={"dataset": card.dataset, "parameters": str(card.parameters)},
        metrics={**fid, "parameters": float(card.parameters)},
        step=round(card.kimg),
    )
