"""This module says how a search came on: what its students dominate, trial by trial and by what was spent."""

from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.frontier.pareto import OBJECTIVES, objective_points, reference_of
from analysis.tables import require_one_protocol, require_one_teacher
from analysis.trials import Floats, Trials

FIRST_STRETCH, LONGEST_STRETCH = 64, 65_536  # points that are tried against one frontier
PROGRESS_SCHEMA = pa.schema(
    [
        ("trial", pa.int64()),
        ("trials", pa.int64()),
        ("kimg", pa.float64()),
        ("share", pa.float64()),
    ]
)


def search_progress(table: pa.Table, reference: tuple[float, float] | None = None) -> pa.Table:
    """Returns a row for each trial of the search, in their order: trials so far, kimg spent, and the dominated share.

    `kimg` counts all trials, those that were stopped or failed among them. `share` is `dominated_share` of the final
    students so far; `reference` takes the place of the teacher's (parameters, FID). No row where there was no search.
    Raises AnalysisError for rows of several protocols, and without `reference` of several teachers.

    >>> from analysis import example_trials, search_progress
    >>> table = example_trials({"parameters": 50_000, "fid": 20.0}, {"parameters": 50_000, "fid": 15.0})
    >>> search_progress(table).select(["trials", "kimg", "share"]).to_pydict()  # of a box up to (100,000, 25)
    {'trials': [1, 2], 'kimg': [64.0, 128.0], 'share': [0.1, 0.2]}
    """
    trials = Trials(table)
    rows = np.flatnonzero(trials.is_search)
    rows = rows[np.argsort(trials.integers("trial")[rows], kind="stable")]
    require_one_protocol(table, rows)
    if not len(rows):
        return PROGRESS_SCHEMA.empty_table()
    if reference is None:
        require_one_teacher(table, rows)
        first = trials.row(int(rows[0]))
        reference = first["teacher_parameters"], first["teacher_fid"]
    points_N2 = objective_points(table, OBJECTIVES)[rows]
    points_N2[~(trials.is_finished & trials.is_distilled)[rows]] = np.nan
    columns = [
        trials.integers("trial")[rows],
        np.arange(1, len(rows) + 1),
        np.cumsum(trials.numbers("kimg")[rows]),
        _shares(points_N2, reference_of(reference)),
    ]
    return pa.table(dict(zip(PROGRESS_SCHEMA.names, columns, strict=True)), schema=PROGRESS_SCHEMA)


def _shares(points_N2: Floats, corner: tuple[float, float]) -> Floats:
    """Returns the share of the box up to `corner` that is dominated after each point; one with a NaN adds nothing."""
    staircase, areas_N, begin, size = _Staircase(corner), np.zeros(len(points_N2)), 0, FIRST_STRETCH
    while begin < len(points_N2):
        # Few points of a long search are beyond the frontier before them: those of a stretch at once.
        stretch_N2 = points_N2[begin : begin + size]
        before = staircase.area
        at = begin
        for place in np.flatnonzero(staircase.would_grow(stretch_N2)):
            areas_N[at : begin + place] = before
            staircase.add(*stretch_N2[place].tolist())
            before, at = staircase.area, begin + int(place)
        areas_N[at : begin + len(stretch_N2)] = before
        begin, size = begin + len(stretch_N2), min(2 * size, LONGEST_STRETCH)
    return areas_N / (corner[0] * corner[1])


class _Staircase:
    """A _Staircase is a frontier of two objectives, the less the better, and its area up to a corner.

    It grows by a point at a time: a library would compute the whole area anew for each of the points.
    """

    def __init__(self, corner: tuple[float, float]) -> None:
        self._right, self._top = corner
        self._xs: list[float] = []  # ascending
        self._ys: list[float] = []  # descending
        self.area = 0.0

    def would_grow(self, points_M2: Floats) -> npt.NDArray[np.bool_]:
        """Returns which of the points `add` would not leave out now."""
        if not self._xs:
            return np.ones(len(points_M2), dtype=np.bool_)
        before = np.searchsorted(self._xs, points_M2[:, 0], side="right") - 1
        return (before < 0) | (np.array(self._ys)[before] > points_M2[:, 1])

    def add(self, x: float, y: float) -> None:
        """Adds a point. One beyond the corner, on it, or with a NaN changes nothing."""
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
