"""The Pareto frontier and what it encloses. Dominance and hypervolume are moocore's."""

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COLUMNS, column_of
from analysis.errors import AnalysisError
from analysis.schema import Mode, TrialState, require_one_protocol

WORST = 5  # times the FID of the teacher: beyond that a student is no student
OBJECTIVES = ("parameters", "fid")


def final_students(table: pa.Table) -> pa.Table:
    """The rows that may be compared: distilled students that reached the full budget."""
    return table.filter(_is_final_student(table))


def pareto_frontier(table: pa.Table, objectives: Sequence[str] = OBJECTIVES) -> pa.Table:
    """The final students that no other dominates, in ascending order of the first objective.

    `objectives` are two or three of COLUMNS, each with its own direction. Rows with an objective that is missing,
    NaN or infinite never enter; of rows with equal objectives the first stays. Raises AnalysisError for rows of
    several protocols and for other objectives.
    """
    return table.take(nondominated_rows(table, np.flatnonzero(_is_final_student(table)), objectives))


def nondominated_rows(table: pa.Table, rows: npt.NDArray[np.int64], objectives: Sequence[str]) -> npt.NDArray[np.int64]:
    """Which of `rows` of the table no other of them dominates, in ascending order of the first objective.

    As in `pareto_frontier`, of which they are the rows; only these need then be copied of a table of a million.
    """
    require_one_protocol(table, rows)
    points_NK = objective_points(table, objectives)[rows]
    finite = np.isfinite(points_NK).all(axis=1)
    rows, points_NK = rows[finite], points_NK[finite]
    if len(rows):
        keep = moocore.is_nondominated(points_NK, maximise=_maximise(objectives), keep_weakly=False)
        rows, points_NK = rows[keep], points_NK[keep]
    trials = table["trial"].to_numpy()[rows]
    return np.asarray(rows[np.lexsort((trials, points_NK[:, 0]))], dtype=np.int64)


def hypervolume(frontier: pa.Table, reference: Sequence[float], objectives: Sequence[str] = OBJECTIVES) -> float:
    """What the frontier dominates up to the point `reference`, in the product of the objectives' units.

    Rows that are not better than the reference in every objective add nothing. Raises AnalysisError for a reference
    that is not finite or has another number of objectives.
    """
    points_NK = objective_points(frontier, objectives)
    if len(reference) != len(objectives) or not np.isfinite(reference).all():
        raise AnalysisError(
            "A reference has a finite number for each objective", list(reference), f"Give {', '.join(objectives)}."
        )
    points_NK = points_NK[np.isfinite(points_NK).all(axis=1)]
    if not len(points_NK):
        return 0.0
    return float(moocore.hypervolume(points_NK, ref=list(reference), maximise=_maximise(objectives)))


def objective_points(table: pa.Table, objectives: Sequence[str]) -> npt.NDArray[np.float64]:
    """The columns `objectives` as float64 NK, in their own units; NaN where a value is missing.

    Raises AnalysisError unless they are two or three different ones of COLUMNS.
    """
    for name in objectives:
        column_of(name)
    if len(objectives) not in (2, 3) or len(set(objectives)) < len(objectives):
        raise AnalysisError(
            "Objectives are two or three different columns", ", ".join(objectives) or "none", "Choose others."
        )
    columns = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in objectives]
    return np.stack(columns, axis=1)


def front_of(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, both of whose numbers are the better the smaller, that no other dominates; each once, in order.

    Points that are not finite never enter.
    """
    points_N2 = _finite(points)
    return [(float(first), float(second)) for first, second in points_N2[nondominated(points_N2)]]


def nondominated(points_N2: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The places of the finite points, less being better, that no other dominates, in order; of equals the first."""
    places = np.flatnonzero(np.isfinite(points_N2).all(axis=1))
    if len(places):
        places = places[moocore.is_nondominated(points_N2[places], keep_weakly=False)]
    return np.asarray(places[np.lexsort(points_N2[places].T[::-1])], dtype=np.int64)


def dominated_share(students: Sequence[tuple[float, float]], teacher: tuple[float, float]) -> float:
    """The hypervolume of (parameters, FID) as a share of the box up to the teacher's size and WORST times its FID.

    Students that are not finite add nothing. Raises AnalysisError where the box has no area.
    """
    students_N2 = _finite(students)
    if not len(students_N2):
        return 0.0
    reference = reference_of(teacher)
    return float(moocore.hypervolume(students_N2, ref=reference)) / (reference[0] * reference[1])


def reference_of(teacher: tuple[float, float]) -> tuple[float, float]:
    """The far corner of the box of `dominated_share`. Raises AnalysisError where the box would have no area."""
    parameters, fid = teacher
    if not (0 < parameters < np.inf and 0 < fid < np.inf):
        raise AnalysisError("A dominated share needs a teacher of finite size and FID", teacher, "Check its row.")
    return parameters, WORST * fid


def _is_final_student(table: pa.Table) -> pa.ChunkedArray:
    completed = pc.equal(table["state"], TrialState.COMPLETED.value)
    distilled = pc.equal(table["mode"], Mode.DISTILLED.value)
    return pc.and_(table["final"], pc.and_(completed, distilled))


def _finite(points: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    points_N2 = np.array(points, dtype=np.float64).reshape(-1, 2)
    return points_N2[np.isfinite(points_N2).all(axis=1)]


def _maximise(objectives: Sequence[str]) -> list[bool]:
    return [COLUMNS[name].higher_is_better for name in objectives]
