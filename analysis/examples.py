"""This module makes up trials, for examples and for tests: every column has a plausible value unless replaced."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

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
