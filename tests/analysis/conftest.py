"""Rows of trials as a sweep would write them."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pytest

from analysis import (
    Mode,
    Phase,
    RulerCurve,
    TrialState,
    deployed_trials,
    example_measurements,
    student_frontier,
    trial_table,
)
from analysis.examples import example_row

Forms = dict[str, tuple[float, int, float | None]]


class RowMaker(Protocol):
    def __call__(self, **changes: Any) -> dict[str, Any]: ...


class TableMaker(Protocol):
    def __call__(self, *changes: dict[str, Any]) -> pa.Table: ...


def make_row(**changes: Any) -> dict[str, Any]:
    """Returns the row of a completed student; `changes` replaces columns."""
    return example_row(changes)


@pytest.fixture
def row() -> RowMaker:
    return make_row


@pytest.fixture
def table() -> TableMaker:
    """A table of rows, numbered from 1."""

    def make(*changes: dict[str, Any]) -> pa.Table:
        return trial_table([make_row(**{"trial": n, **change}) for n, change in enumerate(changes, start=1)])

    return make


def make_measurements(students: Sequence[dict[str, Any]], *, machine: str, teacher: Forms) -> pa.Table:
    """Returns what `students` cost in their forms, and the teacher in its own: (ms, bytes, own FID or None)."""
    measured: list[dict[str, Any]] = []
    for student in students:
        known = {"name": f"trial {student['trial']}", "trial": student["trial"], "trial_key": student["trial_key"]}
        measured += [_costs(known, form, *costs) for form, costs in student["forms"].items()]
    known = {"name": "teacher", "trial": None, "trial_key": None, "weights_digest": "t" * 64, "parameters": 100_000}
    measured += [_costs(known, form, *costs) for form, costs in teacher.items()]
    return example_measurements(*({**row, "measurement_digest": machine} for row in measured))


def _costs(known: dict[str, Any], form: str, latency_ms: float, file_bytes: int, fid: float | None) -> dict[str, Any]:
    times = {"median_ms": latency_ms, "low_ms": latency_ms / 1.1, "high_ms": latency_ms * 1.1}
    return {**known, "form": form, "file_bytes": file_bytes, "fid": fid, **times, "images_per_s": 1000 / latency_ms}


@pytest.fixture(scope="session")
def measured_rows() -> Any:
    """What the frontier of `sweep_rows` and its teacher cost as floats, and the frontier in 8 bits with a worse FID."""

    def make(rows: list[dict[str, Any]], machine: str = "m" * 64) -> pa.Table:
        table = student_frontier(trial_table(rows))
        students = [
            {**row, "forms": {
                "onnx": (row["parameters"] / 1e5, 4 * row["parameters"] + 3000, None),
                "onnx-int8": (row["parameters"] / 8e4, row["parameters"] + 3000, 1.02 * row["fid"]),
            }}
            for row in table.to_pylist()
        ]  # fmt: skip
        return make_measurements(students, machine=machine, teacher={"onnx": (0.4, 400_000, None)})

    return make


@pytest.fixture(scope="session")
def deployed() -> Any:
    """The table of students joined with what they cost in their `forms`: (ms, bytes, own FID or None) by form."""

    def make(*students: dict[str, Any], machine: str = "m", teacher: Forms | None = None) -> pa.Table:
        numbered = [
            {"trial": n, "trial_key": f"{n:064x}", "width": n, **student} for n, student in enumerate(students, start=1)
        ]
        rows = [make_row(**{name: each[name] for name in each.keys() - {"forms"}}) for each in numbered]
        measured = [student for student in numbered if "forms" in student]
        return deployed_trials(trial_table(rows), make_measurements(measured, machine=machine, teacher=teacher or {}))

    return make


@pytest.fixture(scope="session")
def sweep_rows() -> Any:
    """Rows of a whole sweep: a search with failures, the frontier confirmed with five seeds, and baselines of these."""

    def make(students: int = 60) -> list[dict[str, Any]]:
        random = np.random.default_rng(1)
        rows: list[dict[str, Any]] = []

        def add(**changes: Any) -> None:
            number = len(rows) + 1
            names = {"trial": number, "trial_key": f"{number:064x}", "run_id": f"{number:032x}"}
            rows.append(make_row(**names, **changes))

        def student(width: int, weight: float, seed: int) -> dict[str, Any]:
            parameters = 40 * width**2 + 900 * width
            quality = 5.5 + (12_000 / parameters) ** 1.6 * (1.3 if weight == 0 else 1.0)
            noisy = quality * float(np.exp(random.normal(0, 0.06)))
            return {
                "width": width, "gan_weight": weight, "seed": seed, "parameters": parameters, "fid": noisy,
                "inception_score": 9 - noisy / 20, "sharpness": 4000.0 * (1 + weight * 20) / (1 + noisy / 60),
                "kid": noisy / 1000, "latent_mse": 0.2 / width, "mac_g": parameters / 1e6,
            }  # fmt: skip

        for n in range(students):
            add(**student(2 + n % 20, (0.0, 0.02)[n // 20 % 2], 0))
        add(state=TrialState.PRUNED, final=False, fid=50.0, kimg=16.0)
        add(state=TrialState.FAILED, final=False, fid=None, error="RuntimeError: <b>a & b</b>")
        add(state=TrialState.DIVERGED, final=False, fid=None)
        for width in (2, 4, 5, *range(6, 22, 2)):
            weight = 0.0 if width == 5 else 0.02  # the search's best of that size, just within twice the teacher's FID
            for seed in range(1, 6):
                add(phase=Phase.CONFIRM, **student(width, weight, seed))
                worse = student(width, weight, seed)
                add(phase=Phase.BASELINE, mode=Mode.SCRATCH, **{**worse, "fid": worse["fid"] * 1.8, "gan_weight": None})
        return rows

    return make


DISTURBANCES = ("blur", "noise", "contrast", "swapped patches", "black boxes", "another set", "dropped modes")


@pytest.fixture(scope="session")
def ruler() -> Any:
    """The curves of an extractor that sees all seven disturbances, but those that are named."""

    def make(*failed: str) -> tuple[RulerCurve, ...]:
        return tuple(
            RulerCurve(
                disturbance=name,
                levels=(0.0, 0.25, 0.5, 1.0),
                fids=(4.0, 4.1, 3.9, 4.2) if name in failed else (4.0, 16.0, 36.0, 1_600.0),
                spread=0.5,
                rises=name not in failed,
            )
            for name in DISTURBANCES
        )

    return make
