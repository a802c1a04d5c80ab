"""This module finds what a share of the seeds reaches, by moocore's empirical attainment function.

A seed attains a point when one of its students is at least as good as the point in every objective. The surface of a
level is the frontier of the points that at least this share of the seeds attains (Grunert da Fonseca, Fonseca and
Hall, 2001).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import moocore
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.columns import COLUMNS
from analysis.errors import AnalysisError
from analysis.frontier.pareto import OBJECTIVES, objective_points
from analysis.nouns import counted
from analysis.schema import Phase
from analysis.tables import require_one_protocol
from analysis.trials import Floats, Ints, Trials, first_of_each

LEVELS = (0.05, 0.5, 0.95)

Point = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SeedSets:
    """SeedSets has for each seed its finished students, of those that every seed has a result of (`Trials.is_result`).

    Seeds that fewer than half as many students had as the most frequent one are left out.

    `sets` has by seed float64 NK in the objectives' own units. A student that failed with a seed is absent from its
    set, which may be empty.
    """

    objectives: tuple[str, ...]
    phase: str
    students: int
    sets: dict[int, npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Attainment:
    """An Attainment has the surfaces over `seeds` seeds of `students` students, each tried with every seed.

    `surfaces` has for each level the points in ascending order of the first objective, in the objectives' own units;
    between two of them nothing is known to be attained beyond the cheaper one, so they are drawn as steps. A surface
    is empty where students fail with too many seeds. `attained_by` says of how many seeds each level's surface is:
    with few of them several levels are the same surface.

    >>> from analysis import attainment, example_trials
    >>> found = attainment(example_trials({"seed": 0}, {"seed": 1}))
    >>> found.note()
    'Attained by, over 2 seeds of 1 student (search): 5%: the best seed; 50%: the best seed; 95%: all seeds.'
    """

    objectives: tuple[str, ...]
    levels: tuple[float, ...]
    phase: str
    seeds: int
    students: int
    surfaces: dict[float, tuple[Point, ...]]
    attained_by: dict[float, int]

    def note(self) -> str:
        """Returns what the levels stand for with this number of seeds."""
        shown = "; ".join(f"{level:.0%}: {_of_seeds(self.attained_by[level], self.seeds)}" for level in self.levels)
        students = counted(self.students, "student")
        return f"Attained by, over {self.seeds} seeds of {students} ({self.phase}): {shown}."

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        surfaces = [
            {"level": level, "attained_by": self.attained_by[level], "points": [list(p) for p in self.surfaces[level]]}
            for level in self.levels
        ]
        rest = {name: value for name, value in asdict(self).items() if name not in ("levels", "attained_by")}
        return {**rest, "objectives": list(self.objectives), "surfaces": surfaces, "note": self.note()}


def attainment(
    table: pa.Table, objectives: Sequence[str] = OBJECTIVES, *, levels: Sequence[float] = LEVELS
) -> Attainment | None:
    """Returns the surface that each share of `levels` of the seeds attains; None where seeds share no student.

    The students are the confirmed ones where these have several seeds, else those of the search. A student counts as
    tried with a seed where it finished or failed; a trial that runs, or was lost, pruned or interrupted, says nothing
    of it. A level L of n seeds is the surface of ceil(L * n) of them, and of at least one: the best seed below 1/n, all
    seeds above (n - 1)/n, and at 0.5 the median of an odd number of seeds and the better of the two middle ones of an
    even number. Raises AnalysisError for rows of several protocols, other objectives, and levels outside (0, 1].

    >>> from analysis import attainment, example_trials
    >>> table = example_trials({"seed": 0, "fid": 8.0}, {"seed": 1, "fid": 9.0}, {"seed": 2, "fid": 12.0})
    >>> attainment(table, levels=(0.05, 0.5, 1.0)).surfaces
    {0.05: ((10000.0, 8.0),), 0.5: ((10000.0, 9.0),), 1.0: ((10000.0, 12.0),)}
    """
    return attainment_of(Trials(table), objectives, levels=levels)


def attainment_of(
    trials: Trials, objectives: Sequence[str] = OBJECTIVES, *, levels: Sequence[float] = LEVELS
) -> Attainment | None:
    """Returns what `attainment` does, for rows as arrays."""
    if not levels or not all(0 < level <= 1 for level in levels):
        raise AnalysisError("A level is a share of the seeds above 0 and up to 1", list(levels), "Choose others.")
    found = seed_sets(trials, objectives)
    if found is None:
        return None
    seeds = len(found.sets)
    attained_by = {level: max(1, math.ceil(level * seeds - 1e-9)) for level in levels}
    surfaces = {level: _surface(found, attained_by[level]) for level in levels}
    return Attainment(
        objectives=tuple(objectives),
        levels=tuple(levels),
        phase=found.phase,
        seeds=seeds,
        students=found.students,
        surfaces=surfaces,
        attained_by=attained_by,
    )


def seed_sets(
    trials: Trials, objectives: Sequence[str] = OBJECTIVES, *, phases: Sequence[Phase] = (Phase.CONFIRM, Phase.SEARCH)
) -> SeedSets | None:
    """Returns the sets of the first of `phases` in which several seeds share a student; None where there is none."""
    objective_points(trials.table.slice(0, 0), objectives)  # refuses other objectives of an empty table too
    require_one_protocol(trials.table, np.flatnonzero(trials.is_distilled))
    for phase in phases:
        found = _sets_of(trials, objectives, phase=phase)
        if found is not None:
            return found
    return None


def _sets_of(trials: Trials, objectives: Sequence[str], *, phase: Phase) -> SeedSets | None:
    rows = _of_shared_seeds(trials, np.flatnonzero(trials.is_result & trials.where("phase", phase)))
    number = len(first_of_each(trials.seed[rows]))
    if number < 2:
        return None
    tried = first_of_each(trials.student_seed[rows])
    seeds_of_student = np.bincount(trials.student[rows[tried]])
    shared = seeds_of_student == number
    if not shared.any():
        return None
    seed_N = trials.integers("seed")
    seeds = np.unique(seed_N[rows])
    final = rows[shared[trials.student[rows]] & trials.is_finished[rows]]
    points_NK = objective_points(trials.table, objectives)[final]
    final, points_NK = _where_finite(final, points_NK)
    order = np.argsort(seed_N[final], kind="stable")
    ends = np.searchsorted(seed_N[final[order]], seeds[1:])
    sets = dict(zip(seeds.tolist(), np.split(points_NK[order], ends), strict=True))
    return SeedSets(objectives=tuple(objectives), phase=str(phase), students=int(shared.sum()), sets=sets)


def _of_shared_seeds(trials: Trials, rows: Ints) -> Ints:
    """Returns the rows without the seeds that fewer than half as many students had as the most frequent one.

    A search for the limit, and a confirmation with a precision, give further seeds to few students.
    """
    if not len(rows):
        return rows
    tried = rows[first_of_each(trials.student_seed[rows])]
    students_of_seed = np.bincount(trials.seed[tried])
    return np.asarray(rows[students_of_seed[trials.seed[rows]] * 2 >= students_of_seed.max()])


def _where_finite(rows: Ints, points_NK: Floats) -> tuple[Ints, Floats]:
    finite = np.isfinite(points_NK).all(axis=1)
    return rows[finite], points_NK[finite]


def _surface(found: SeedSets, attained_by: int) -> tuple[Point, ...]:
    signs_K = np.array([-1.0 if COLUMNS[name].higher_is_better else 1.0 for name in found.objectives])
    sets = [points_NK * signs_K for points_NK in found.sets.values() if len(points_NK)]
    if attained_by > len(sets):  # a seed without a student attains nothing, and moocore does not know of it
        return ()
    numbers = np.repeat(np.arange(len(sets)), [len(points_NK) for points_NK in sets])
    # A percentile P of m sets is the surface of ceil(m * P / 100) of them: the middle of that range, to be safe.
    percentile = 100 * (attained_by - 0.5) / len(sets)
    surface_NK = moocore.eaf(np.concatenate(sets), numbers, percentiles=[percentile])[:, :-1] * signs_K
    return tuple(sorted(tuple(float(value) for value in point) for point in surface_NK))


def _of_seeds(attained_by: int, seeds: int) -> str:
    if attained_by == seeds:
        return "all seeds"
    return "the best seed" if attained_by == 1 else f"{attained_by} of {seeds} seeds"
