"""Rows of trials as a sweep would write them."""

from typing import Any, Protocol

import pyarrow as pa
import pytest

from analysis import trial_table

TEACHER_PARAMETERS = 100_000


class RowMaker(Protocol):
    def __call__(self, **changes: Any) -> dict[str, Any]: ...


class TableMaker(Protocol):
    def __call__(self, *changes: dict[str, Any]) -> pa.Table: ...


def make_row(**changes: Any) -> dict[str, Any]:
    """A completed student; `changes` replaces columns. The compression ratio follows the parameters."""
    row: dict[str, Any] = {
        "sweep": "s",
        "trial": 1,
        "trial_key": "k",
        "run_id": "r",
        "dataset": "digits",
        "phase": "search",
        "mode": "distilled",
        "state": "COMPLETED",
        "final": True,
        "width": 4,
        "depth": 1,
        "block": "dcgan",
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
    row |= changes
    return {"compression_ratio": TEACHER_PARAMETERS / row["parameters"], **row}


@pytest.fixture
def row() -> RowMaker:
    return make_row


@pytest.fixture
def table() -> TableMaker:
    """A table of rows, numbered from 1."""

    def make(*changes: dict[str, Any]) -> pa.Table:
        return trial_table([make_row(**{"trial": n, **change}) for n, change in enumerate(changes, start=1)])

    return make
