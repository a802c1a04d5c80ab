"""Students beside their baselines: the same architecture and seed, trained from scratch."""

import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from analysis.schema import Mode, TrialState, require_one_protocol

_BASELINE_COLUMNS = {
    "baseline_fid": pa.float64(),
    "baseline_inception_score": pa.float64(),
    "baseline_sharpness": pa.float64(),
    "baseline_kimg": pa.float64(),
    "baseline_state": pa.string(),
}
_Twin = tuple[str, int, int, str, int]


def with_baselines(students: pa.Table, table: pa.Table) -> pa.Table:
    """`students` with columns baseline_fid, _inception_score, _sharpness, _kimg and _state beside them.

    The baseline is the row of `table` from scratch with the same data set, architecture and seed; of
    several the one with the largest budget. Where no baseline has the seed it is, of those with the
    architecture and an FID, the one of the median FID. Without one, or where it did not finish, the metrics are
    null, and baseline_state says how it ended.
    """
    require_one_protocol(table)
    twins = _baselines(table)
    rows = []
    for student in students.to_pylist():
        twin = twins.get(_twin(student)) or _of_median_fid(student, twins)
        usable = twin if twin and _finished(twin) else {}
        rows.append(
            {
                "baseline_fid": usable.get("fid"),
                "baseline_inception_score": usable.get("inception_score"),
                "baseline_sharpness": usable.get("sharpness"),
                "baseline_kimg": usable.get("kimg"),
                "baseline_state": twin["state"] if twin else None,
            }
        )
    columns = pa.Table.from_pylist(rows, pa.schema(_BASELINE_COLUMNS))
    for name in _BASELINE_COLUMNS:
        students = students.append_column(name, columns[name])
    return students


def baseline_text(row: dict[str, Any]) -> str:
    """The baseline's FID of a row of `with_baselines`; how it ended where it has none; else nothing."""
    if row["baseline_fid"] is not None:
        return f"{row['baseline_fid']:.1f}"
    return (row["baseline_state"] or "").lower()


def budget_note(frontier: pa.Table) -> str:
    """What the comparison with scratch rests on: the budgets of all sides. Empty without baselines."""
    rows = frontier.to_pylist()
    budgets = sorted({row["baseline_kimg"] for row in rows if row["baseline_kimg"] is not None})
    if not budgets:
        return ""
    return (
        "From scratch: same architecture and seed (the median of several), an ordinary GAN of "
        f"{_listed(budgets)} kimg (students {_listed({row['kimg'] for row in rows})}, "
        f"teacher {rows[0]['teacher_kimg']:g})."
    )


def _listed(budgets: Iterable[float]) -> str:
    return ", ".join(f"{kimg:g}" for kimg in sorted(budgets))


def _baselines(table: pa.Table) -> dict[_Twin, dict[str, Any]]:
    scratch = [row for row in table.to_pylist() if row["mode"] == Mode.SCRATCH]
    return {_twin(row): row for row in sorted(scratch, key=lambda row: (_finished(row), row["kimg"]))}


def _of_median_fid(student: dict[str, Any], twins: dict[_Twin, dict[str, Any]]) -> dict[str, Any] | None:
    same = [row for twin, row in twins.items() if twin[:-1] == _twin(student)[:-1] and _has_fid(row)]
    return sorted(same, key=lambda row: row["fid"])[(len(same) - 1) // 2] if same else None


def _has_fid(row: dict[str, Any]) -> bool:
    return _finished(row) and row["fid"] is not None and math.isfinite(row["fid"])


def _finished(row: dict[str, Any]) -> bool:
    return bool(row["final"]) and row["state"] == TrialState.COMPLETED


def _twin(row: dict[str, Any]) -> _Twin:
    return row["dataset"], row["width"], row["depth"], row["block"], row["seed"]
