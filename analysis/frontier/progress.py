"""How a search came on: what its students dominate, trial by trial and by what was spent."""

from bisect import bisect_left, bisect_right
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from analysis.frontier.pareto import OBJECTIVES, final_students, objective_points, reference_of
from analysis.schema import Phase, require_one_protocol, require_one_teacher

PROGRESS_SCHEMA = pa.schema(
    [
        ("trial", pa.int64()),
        ("trials", pa.int64()),
        ("kimg", pa.float64()),
        ("share", pa.float64()),
    ]
)


def search_progress(table: pa.Table, reference: tuple[float, float] | None = None) -> pa.Table:
    """After each trial of the search, in their order: trials so far, kimg spent, and the dominated share.

    `kimg` counts all trials, those that were stopped or failed among them. `share` is `dominated_share` of the final
    students so far; `reference` takes the place of the teacher's (parameters, FID). No row where there was no search.
    Raises AnalysisError for rows of several protocols, and without `reference` of several teachers.
    """
    searched = table.filter(pc.equal(table["phase"], Phase.SEARCH.value)).sort_by("trial")
    require_one_protocol(searched)
    if not len(searched):
        return PROGRESS_SCHEMA.empty_table()
    if reference is None:
        require_one_teacher(searched)
        reference = searched["teacher_parameters"][0].as_py(), searched["teacher_fid"][0].as_py()
    corner = reference_of(reference)
    staircase, shares = _Staircase(corner), []
    positions = pa.array(range(len(searched)))
    students = final_students(searched.append_column("position", positions))
    points = dict(zip(students["position"].to_pylist(), objective_points(students, OBJECTIVES).tolist(), strict=True))
    for position in range(len(searched)):
        if position in points:
            staircase.add(*points[position])
        shares.append(staircase.area / (corner[0] * corner[1]))
    spent = list(accumulate(searched["kimg"].to_pylist()))
    columns = [searched["trial"].to_pylist(), list(range(1, len(searched) + 1)), spent, shares]
    return pa.table(dict(zip(PROGRESS_SCHEMA.names, columns, strict=True)), schema=PROGRESS_SCHEMA)


class _Staircase:
    """A frontier of two objectives, the less the better, and its area up to a corner; a point at a time.

    A library would compute the whole area anew for each of the points.
    """

    def __init__(self, corner: tuple[float, float]) -> None:
        self._right, self._top = corner
        self._xs: list[float] = []  # ascending
        self._ys: list[float] = []  # descending
        self.area = 0.0

    def add(self, x: float, y: float) -> None:
        """Add a point. One beyond the corner, on it, or with a NaN changes nothing."""
        if not (x < self._right and y < self._top) or min(x, y) == float("-inf"):
            return
        before = bisect_right(self._xs, x) - 1  # the last one that is as small
        if before >= 0 and self._ys[before] <= y:
            return
        first = bisect_left(self._xs, x)
        last = first
        left, height = x, self._ys[first - 1] if first else self._top
        while last < len(self._xs) and self._ys[last] >= y:  # those that the new one dominates
            self.area += (self._xs[last] - left) * (height - y)
            left, height = self._xs[last], self._ys[last]
            last += 1
        end = self._xs[last] if last < len(self._xs) else self._right
        self.area += (end - left) * (height - y)
        self._xs[first:last], self._ys[first:last] = [x], [y]
