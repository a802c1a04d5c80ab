"""This module finds the Pareto frontier and what it encloses. Dominance and hypervolume are moocore's."""

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COLUMNS, column_of
from analysis.errors import AnalysisError
from analysis.measurements import require_one_machine
from analysis.schema import MEASUREMENT, Mode, TrialState
from analysis.tables import require_one_protocol

WORST = 5  # times the FID of the teacher: beyond that a student is no student
OBJECTIVES = ("parameters", "fid")


def final_students(table: pa.Table) -> pa.Table:
    """Returns the rows that may be compared: distilled students that reached the full budget.

    >>> from analysis import TrialState, example_trials, final_students
    >>> final_students(example_trials({}, {"state": TrialState.PRUNED, "final": False}, {}))["trial"].to_pylist()
    [1, 3]
    """
    return table.filter(_is_final_student(table))


def pareto_frontier(table: pa.Table, objectives: Sequence[str] = OBJECTIVES) -> pa.Table:
    """Returns the final students that no other dominates, in ascending order of the first objective.

    `objectives` are two or three of COLUMNS, each with its own direction; `file_bytes` is one of a table that
    measurements were joined to (`deployed_trials`), in which every form of a student is a point of its own. Rows with
    an objective that is missing, NaN or infinite never enter; of rows with equal objectives the first stays. Raises
    AnalysisError for rows of several protocols or measuring machines, and for other objectives.

    >>> from analysis import example_trials, pareto_frontier
    >>> sizes_and_fids = [(1_000, 40.0), (2_000, 20.0), (3_000, 25.0), (4_000, 10.0)]
    >>> table = example_trials(*({"parameters": size, "fid": fid} for size, fid in sizes_and_fids))
    >>> pareto_frontier(table)["parameters"].to_pylist()  # 3,000 parameters are more than 2,000, and worse
    [1000, 2000, 4000]
    """
    return table.take(nondominated_rows(table, np.flatnonzero(_is_final_student(table)), objectives=objectives))


def nondominated_rows(
    table: pa.Table, rows: npt.NDArray[np.int64], *, objectives: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Returns which of `rows` of the table no other of them dominates, in ascending order of the first objective.

    They are the rows of `pareto_frontier`: only these need then be copied of a table of a million.
    """
    require_one_protocol(table, rows)
    if MEASUREMENT in table.column_names:
        require_one_machine(table[MEASUREMENT].take(pa.array(rows)))
    points_NK = objective_points(table, objectives)[rows]
    finite = np.isfinite(points_NK).all(axis=1)
    rows, points_NK = rows[finite], points_NK[finite]
    if len(rows):
        keep = moocore.is_nondominated(points_NK, maximise=_maximise(objectives), keep_weakly=False)
        rows, points_NK = rows[keep], points_NK[keep]
    trials = table["trial"].to_numpy()[rows]
    return np.asarray(rows[np.lexsort((trials, points_NK[:, 0]))], dtype=np.int64)


def hypervolume(frontier: pa.Table, reference: Sequence[float], *, objectives: Sequence[str] = OBJECTIVES) -> float:
    """Returns what the frontier dominates up to the point `reference`, in the product of the objectives' units.

    Rows that are not better than the reference in every objective add nothing. Raises AnalysisError for a reference
    that is not finite or has another number of objectives.

    >>> from analysis import example_trials, hypervolume
    >>> table = example_trials({"parameters": 1, "fid": 3.0}, {"parameters": 2, "fid": 1.0})
    >>> hypervolume(table, (4, 4))  # boxes of 3 x 1 and 2 x 3 that overlap in 2 x 1
    7.0
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
    """Returns the columns `objectives` as float64 NK, in their own units; NaN where a value is missing.

    Raises AnalysisError unless they are two or three different ones of COLUMNS, each a column of the table.
    """
    for name in objectives:
        require_column(table, column_of(name).name)
    if len(objectives) not in (2, 3) or len(set(objectives)) < len(objectives):
        raise AnalysisError(
            "Objectives are two or three different columns", ", ".join(objectives) or "none", "Choose others."
        )
    columns = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in objectives]
    return np.stack(columns, axis=1)


def require_column(table: pa.Table, name: str) -> None:
    """Raises AnalysisError where a table lacks a cost that only measurements tell."""
    if name not in table.column_names:
        remedy = "Join its measurements (analysis.deployed_trials; --measurements FILE)."
        raise AnalysisError("A cost on an axis is a column of the table", f"none called {name}", remedy)


def front_of(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns the points that no other dominates, each once and in order; smaller numbers are better.

    Points that are not finite never enter.

    >>> from analysis import front_of
    >>> front_of([(2.0, 2.0), (1.0, 4.0), (3.0, 3.0), (4.0, 1.0)])
    [(1.0, 4.0), (2.0, 2.0), (4.0, 1.0)]
    """
    points_N2 = _finite(points)
    return [(float(first), float(second)) for first, second in points_N2[nondominated(points_N2)]]


def nondominated(points_N2: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Returns the places of the finite points that no other dominates, in order; the first of equals stays."""
    places = np.flatnonzero(np.isfinite(points_N2).all(axis=1))
    if len(places):
        places = places[moocore.is_nondominated(points_N2[places], keep_weakly=False)]
    return np.asarray(places[np.lexsort(points_N2[places].T[::-1])], dtype=np.int64)


def dominated_share(students: Sequence[tuple[float, float]], teacher: tuple[float, float]) -> float:
    """Returns the hypervolume of (parameters, FID) as a share of a box.

    The box reaches up to the teacher's size and WORST times its FID. Students that are not finite add nothing. Raises
    AnalysisError where the box has no area.

    >>> from analysis import dominated_share
    >>> dominated_share([(50.0, 10.0)], teacher=(100.0, 4.0))  # half of the sizes, half of the FIDs up to 20
    0.25
    """
    students_N2 = _finite(students)
    if not len(students_N2):
        return 0.0
    reference = reference_of(teacher)
    return float(moocore.hypervolume(students_N2, ref=reference)) / (reference[0] * reference[1])


def reference_of(teacher: tuple[float, float]) -> tuple[float, float]:
    """Returns the far corner of the box of `dominated_share`. Raises AnalysisError where the box would have no area."""
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
