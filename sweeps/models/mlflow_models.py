"""This module stores generators as MLflow models: `mlflow.pytorch.load_model("models:/digits-teacher@champion")`.

The network is stored by torch.export with a batch of any size, beside our weights and card. Nothing is pickled.
"""

import copy
import tempfile
import warnings
from pathlib import Path
from typing import Any

import mlflow.pytorch
import numpy as np
import pyarrow as pa
import torch
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import infer_signature

import analysis
from gan import DeploymentCard, Generator, evaluation_latents, generate, load_generator
from gan.images import save_grid
from sweeps.ledger.sweeps import spec_of_sweep
from sweeps.ledger.tags import IDENTITY
from sweeps.ledger.tracking import Tracking
from sweeps.models.logged_models import is_logged, log_student
from sweeps.spec.sought import sought_of
from sweeps.spec.sweep import BYTES, SweepSpec

SHOWN = 64  # images beside a registered student
EXAMPLE_BATCH = 2  # torch.export takes a batch of 1 for a constant


def save_mlflow_model(generator: Generator, folder: Path) -> None:
    """Write `generator` to `folder`, which is missing or empty, with signature and input example.

    The model maps float32 inputs BI to float32 images BCHW in [-1, 1]. They are latents and, for a conditional
    generator, the class one-hot in the columns behind them.
    """
    generator = copy.deepcopy(generator).cpu()
    random, labels = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    inputs_BI = generator.config.draw(EXAMPLE_BATCH, random, labels=labels)
    with torch.no_grad():
        images_BCHW = generator(inputs_BI)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about torch's and MLflow's own deprecations
        mlflow.pytorch.save_model(
            generator,
            str(folder),
            signature=infer_signature(inputs_BI.numpy(), images_BCHW.numpy()),
            input_example=inputs_BI.numpy(),
            serialization_format="pt2",
            pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}"],  # MLflow would run the model to find it
        )


def save_mlflow_onnx(export: Path, folder: Path, *, card: DeploymentCard) -> None:
    """Write the ONNX file of an export to `folder`, which is missing or empty, as a model that MLflow serves.

    `mlflow.pyfunc.load_model` makes `{"images": images NCHW}` of it, of inputs NI.
    """
    import mlflow.onnx  # with a package of an extra
    import onnx

    inputs_NI = card.architecture.inputs(EXAMPLE_BATCH, "example", seed=0).numpy()
    images_NCHW = np.zeros((EXAMPLE_BATCH, *card.output.shape[1:]), dtype=np.float32)
    mlflow.onnx.save_model(
        onnx.load(export / card.file),
        str(folder),
        signature=infer_signature(inputs_NI, images_NCHW),
        pip_requirements=[f"{name}=={card.producers[name]}" for name in ("onnx", "onnxruntime")],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def register_students(
    name: str, tracking: Tracking, *, table: pa.Table, frontier: pa.Table, limit: analysis.CompressionLimit
) -> None:
    """Register the students of the frontier and at the limit as versions of the model NAME-students, each once.

    `frontier` and `limit` are those of parameters; of a sweep that seeks the limit in bytes, those in bytes take their
    place. The student at the limit is their `champion`, and trial 12's version has the alias `trial-12`. Where the
    search went on, versions that are no longer on the frontier stay.
    """
    model, spec = f"{name}-students", spec_of_sweep(tracking, name)
    chosen, at_limit = {*frontier["trial"].to_pylist(), limit.trial}, limit.trial
    if spec.limit_cost == BYTES:
        sought = sought_of(analysis.findings_of(table, limit.rule, cost=spec.limit_cost), spec)
        chosen, at_limit = sought.trials, sought.trial
    for row in table.to_pylist():
        if row["trial"] not in chosen:
            continue
        version = tracking.registry.find_version(model, row["trial_key"])
        if version is None:
            version = _register_student(spec, tracking, row=row)
            tracking.client.set_registered_model_alias(model, f"trial-{row['trial']}", version.version)
        if not is_logged(version) and version.run_id == row["run_id"]:  # new, or of an earlier release
            log_student(tracking, version, row=row)
        if row["trial"] == at_limit:
            tracking.registry.crown(version)


def _register_student(spec: SweepSpec, tracking: Tracking, *, row: dict[str, Any]) -> ModelVersion:
    stored = tracking.registry.model_folder(row["run_id"])
    assert stored is not None, "a completed trial keeps its student"
    generator, card = load_generator(stored)
    tags = {
        IDENTITY: row["trial_key"],
        "weights_digest": card.weights_digest,
        "fid": repr(row["fid"]),
        "parameters": str(row["parameters"]),
        "compression_ratio": repr(row["compression_ratio"]),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        save_mlflow_model(generator, folder)
        _save_samples(spec, generator, folder=folder)
        return tracking.registry.register(f"{spec.name}-students", row["run_id"], folder=folder, tags=tags)


def _save_samples(spec: SweepSpec, generator: Generator, *, folder: Path) -> None:
    evaluation = spec.evaluation
    inputs_NI = evaluation_latents(evaluation.num_samples, generator.config, seed=evaluation.latent_seed)
    save_grid(generate(generator, inputs_NI[:SHOWN]), folder / "samples.png")
