"""The Pareto frontier and what it encloses. Dominance and hypervolume are moocore's."""

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.errors import AnalysisError
from analysis.schema import Mode, TrialState, require_one_protocol

# Whether more is better.
DIRECTIONS: dict[str, bool] = {
    "parameters": False,
    "mac_g": False,
    "fid": False,
    "inception_score": True,
}
WORST = 5  # times the FID of the teacher: beyond that a student is no student
OBJECTIVES = ("parameters", "fid")


def final_students(table: pa.Table) -> pa.Table:
    """The rows that may be compared: distilled students that reached the full budget."""
    completed = pc.equal(table["state"], TrialState.COMPLETED.value)
    distilled = pc.equal(table["mode"], Mode.DISTILLED.value)
    return table.filter(pc.and_(table["final"], pc.and_(completed, distilled)))


def pareto_frontier(table: pa.Table, objectives: Sequence[str] = OBJECTIVES) -> pa.Table:
    """The final students that no other dominates, smallest first.

    Rows with an objective that is missing, NaN or infinite never enter; of rows with equal objectives
    the first stays. Raises AnalysisError for rows of several protocols and for unknown objectives.
    """
    students = final_students(table)
    require_one_protocol(students)
    points_NK = _points(students, objectives)
    finite = np.isfinite(points_NK).all(axis=1)
    students, points_NK = students.filter(pa.array(finite)), points_NK[finite]
    if not len(points_NK):
        return students
    keep = moocore.is_nondominated(points_NK, maximise=_maximise(objectives), keep_weakly=False)
    return students.filter(pa.array(keep)).sort_by([("parameters", "ascending"), ("trial", "ascending")])


def hypervolume(frontier: pa.Table, reference: Sequence[float], objectives: Sequence[str] = OBJECTIVES) -> float:
    """What the frontier dominates up to the point `reference`, in the product of the objectives' units."""
    points_NK = _points(frontier, objectives)
    if not len(points_NK):
        return 0.0
    return float(moocore.hypervolume(points_NK, ref=reference, maximise=_maximise(objectives)))


def front_of(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, both of whose numbers are the better the smaller, that no other dominates; each once, in order."""
    if not points:
        return []
    points_NK = np.array(points, dtype=np.float64)
    keep = moocore.is_nondominated(points_NK, keep_weakly=False)
    return sorted((float(first), float(second)) for first, second in points_NK[keep])


def dominated_share(students: Sequence[tuple[float, float]], teacher: tuple[float, float]) -> float:
    """The hypervolume of (parameters, FID) as a share of the box up to the teacher's size and WORST times its FID."""
    if not students:
        return 0.0
    reference = teacher[0], WORST * teacher[1]
    area = float(moocore.hypervolume(np.array(students, dtype=np.float64), ref=reference))
    return area / (reference[0] * reference[1])


def _points(table: pa.Table, objectives: Sequence[str]) -> npt.NDArray[np.float64]:
    unknown = [name for name in objectives if name not in DIRECTIONS]
    if unknown:
        raise AnalysisError(
            f"An objective is one of {', '.join(DIRECTIONS)}", ", ".join(unknown), "Choose among these."
        )
    columns = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in objectives]
    return np.stack(columns, axis=1)


def _maximise(objectives: Sequence[str]) -> list[bool]:
    return [DIRECTIONS[name] for name in objectives]
