"""This module makes up trials, for examples and for tests: every column has a plausible value unless replaced."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from analysis.measurements import measurement_table
from analysis.schema import DEFAULT_BLOCK, Mode, Phase, TrialState
from analysis.tables import trial_table

TEACHER_PARAMETERS = 100_000
_ROW: dict[str, Any] = {
    "sweep": "s",
    "trial": 1,
    "trial_key": "k",
    "run_id": "r",
    "dataset": "digits",
    "phase": Phase.SEARCH,
    "mode": Mode.DISTILLED,
    "state": TrialState.COMPLETED,
    "final": True,
    "width": 4,
    "depth": 1,
    "block": DEFAULT_BLOCK,
    "gan_weight": 0.0,
    "seed": 0,
    "parameters": 10_000,
    "mac_g": 0.001,
    "kimg": 64.0,
    "fid": 10.0,
    "inception_score": 8.0,
    "inception_score_std": 0.1,
    "sharpness": 4000.0,
    "teacher_version": "digits-teacher/1",
    "teacher_digest": "t" * 64,
    "teacher_parameters": TEACHER_PARAMETERS,
    "teacher_kimg": 256.0,
    "teacher_fid": 5.0,
    "teacher_inception_score": 9.0,
    "teacher_sharpness": 4100.0,
    "real_fid": 4.0,
    "real_inception_score": 9.5,
    "real_sharpness": 4200.0,
    "protocol_digest": "p" * 64,
    "extractor": "digits-classifier/1",
    "num_samples": 2048,
    "wall_s": 6.0,
    "error": None,
}
_MEASUREMENT: dict[str, Any] = {
    "name": "trial 1",
    "form": "onnx",
    "rounds": False,
    "sweep": "s",
    "trial": 1,
    "trial_key": "k",
    "weights_digest": "w",
    "parameters": 10_000,
    "file_bytes": 42_000,
    "batch": 1,
    "median_ms": 0.05,
    "low_ms": 0.04,
    "high_ms": 0.07,
    "images_per_s": 20_000.0,
    "cpu": "an example's CPU",
    "threads": 1,
    "measurement_digest": "m" * 64,
}


def example_row(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of a finished student with the columns that `changes` names replaced.

    The compression ratio follows the parameters unless it is among them.
    """
    row = _ROW | dict(changes)
    return {"compression_ratio": TEACHER_PARAMETERS / row["parameters"], **row}


def example_trials(*changes: Mapping[str, Any]) -> pa.Table:
    """Returns a trial table with a finished student for each of `changes`, which replace columns of it.

    The trials are numbered from 1. Every student is one of 10,000 parameters with an FID of 10, and its teacher has
    100,000 parameters and an FID of 5. Raises AnalysisError for a column that the schema does not know.

    >>> from analysis import example_trials
    >>> example_trials({}, {"parameters": 2_000, "fid": 20.0}).select(["trial", "parameters", "fid"]).to_pylist()
    [{'trial': 1, 'parameters': 10000, 'fid': 10.0}, {'trial': 2, 'parameters': 2000, 'fid': 20.0}]
    """
    return trial_table(example_row({"trial": number, **own}) for number, own in enumerate(changes, start=1))


def example_measurements(*changes: Mapping[str, Any]) -> pa.Table:
    """Returns a measurement table with a row for each of `changes`, which replace columns of it.

    Each is of the only trial of `example_trials({})` as an ONNX file of 42,000 bytes that takes 0.05 ms for one image.
    A form whose name ends in `int8` rounds. Raises AnalysisError like `measurement_table`.

    >>> from analysis import example_measurements
    >>> example_measurements({"median_ms": 0.2}).select(["form", "median_ms", "file_bytes"]).to_pylist()
    [{'form': 'onnx', 'median_ms': 0.2, 'file_bytes': 42000}]
    """
    return measurement_table(
        _MEASUREMENT | {"rounds": str(own.get("form", "")).endswith("int8")} | dict(own) for own in changes
    )
