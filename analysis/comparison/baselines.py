"""This module sets students beside their baselines: the same architecture and seed, trained from scratch."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.nouns import known_kimg
from analysis.schema import ARCHITECTURE
from analysis.tables import require_one_protocol
from analysis.trials import Floats, Ints, Trials, by_code, codes_of, last_of_each

_BASELINE_COLUMNS = {
    "baseline_fid": pa.float64(),
    "baseline_inception_score": pa.float64(),
    "baseline_sharpness": pa.float64(),
    "baseline_kimg": pa.float64(),
    "baseline_state": pa.string(),
}
_TWIN = ("dataset", *ARCHITECTURE, "seed")


def with_baselines(students: pa.Table, table: pa.Table) -> pa.Table:
    """Returns `students` with columns baseline_fid, _inception_score, _sharpness, _kimg and _state beside them.

    The baseline is the row of `table` from scratch with the same data set, architecture and seed, and the largest
    budget where there are several. Where no baseline has the seed, it is the one of the median FID among those that
    have the architecture and an FID. Without one, or where it did not finish, the metrics are null, and baseline_state
    says how it ended.

    >>> from analysis import Mode, Phase, example_trials, final_students, with_baselines
    >>> table = example_trials({"fid": 9.0}, {"mode": Mode.SCRATCH, "phase": Phase.BASELINE, "fid": 30.0})
    >>> with_baselines(final_students(table), table).select(["fid", "baseline_fid"]).to_pylist()
    [{'fid': 9.0, 'baseline_fid': 30.0}]
    """
    require_one_protocol(table)
    trials = Trials(table)
    twins = np.flatnonzero(trials.is_scratch)
    twins = twins[np.lexsort((trials.numbers("kimg")[twins], trials.is_finished[twins]))]
    both = pa.concat_tables([table.select(_TWIN).take(twins), students.select(_TWIN)])
    architecture = codes_of([both[name] for name in _TWIN[:-1]])
    twin = codes_of([architecture, both["seed"]])
    best = last_of_each(twin[: len(twins)])
    exact = by_code(twin)
    exact[twin[best]] = best
    median = _median_fid(architecture[best], best, fids=_fids(trials, twins[best]))
    place_S = exact[twin[len(twins) :]]
    place_S = np.where(
        place_S >= 0,
        place_S,
        np.array([median.get(code, -1) for code in architecture[len(twins) :].tolist()], dtype=np.int64),
    )
    rows_S = np.append(twins, -1)[place_S]
    usable = np.append(trials.is_finished, False)[rows_S]
    for name in _BASELINE_COLUMNS:
        which = (rows_S >= 0) & (usable | (name == "baseline_state"))
        index = pa.array(rows_S, mask=~which)  # taking a null gives a null
        students = students.append_column(name, table[name.removeprefix("baseline_")].take(index))
    return students


def baseline_text(row: Mapping[str, Any]) -> str:
    """Returns the baseline's FID for a row of `with_baselines`; how it ended where it has none; else nothing.

    >>> from analysis import baseline_text
    >>> baseline_text({"baseline_fid": 30.04, "baseline_state": "COMPLETED"})
    '30.0'
    >>> baseline_text({"baseline_fid": None, "baseline_state": "DIVERGED"})
    'diverged'
    """
    if row["baseline_fid"] is not None:
        return f"{row['baseline_fid']:.1f}"
    return (row["baseline_state"] or "").lower()


def budget_note(frontier: pa.Table) -> str:
    """Returns what the comparison with scratch rests on, the budgets of all sides; nothing without baselines.

    >>> from analysis import Mode, budget_note, example_trials, final_students, with_baselines
    >>> table = example_trials({}, {"mode": Mode.SCRATCH, "kimg": 128.0})
    >>> budget_note(with_baselines(final_students(table), table)).split(": ")[1]
    'same architecture and seed (the median of several), an ordinary GAN of 128 kimg (students 64, teacher 256).'
    """
    rows = frontier.to_pylist()
    budgets = sorted({row["baseline_kimg"] for row in rows if row["baseline_kimg"] is not None})
    if not budgets:
        return ""
    return (
        "From scratch: same architecture and seed (the median of several), an ordinary GAN of "
        f"{_listed(budgets)} kimg (students {_listed({row['kimg'] for row in rows})}, "
        f"teacher {known_kimg(rows[0]['teacher_kimg'])})."
    )


def _listed(budgets: Iterable[float]) -> str:
    return ", ".join(f"{kimg:g}" for kimg in sorted(budgets))


def _median_fid(architecture: Ints, best: Ints, *, fids: Floats) -> dict[int, int]:
    """Returns for each architecture which of its twins has the median FID."""
    found: dict[int, int] = {}
    order = np.argsort(fids, kind="stable")
    order = order[np.isfinite(fids[order])]
    order = order[np.argsort(architecture[order], kind="stable")]
    codes, starts, counts = np.unique(architecture[order], return_index=True, return_counts=True)
    for code, start, count in zip(codes.tolist(), starts.tolist(), counts.tolist(), strict=True):
        found[code] = int(best[order[start + (count - 1) // 2]])
    return found


def _fids(trials: Trials, rows: Ints) -> Floats:
    """Returns the FID of the rows that finished, NaN for others."""
    return np.where(trials.is_finished[rows], trials.numbers("fid")[rows], np.nan)
