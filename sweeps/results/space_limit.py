"""This module reads where the limit of a sweep's whole space lies, whichever sampler searched it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis import COSTS, AnalysisError, Mode, Phase, TrialState
from analysis.seeking.limit_search import FEWEST_TRAININGS, LimitSearch, SpaceLimit
from analysis.seeking.space import Candidate, space_of
from analysis.seeking.values import Measured
from gan.seeds import seed_at
from sweeps.planning.students import space_students, student_of_row
from sweeps.spec.extension import widened, with_room_for
from sweeps.spec.search import MOST_STUDENTS
from sweeps.spec.space import Value, point_of
from sweeps.spec.sweep import SweepSpec

MOST_READINGS = 12
EVIDENCE = (TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED)
COLUMNS = ("width", "depth", "block", "first_layer_rank", "stage_widths", "gan_weight", "settings", "kimg", "state")


def space_limit(spec: SweepSpec, table: pa.Table) -> SpaceLimit | None:
    """Returns where the limit of the whole space lies, by all students that were trained of it.

    None where there is nothing to say: fewer than FEWEST_TRAININGS, a space that cannot be listed, trainings of more
    than MOST_STUDENTS students, one size alone, or a metric that has no logarithm.
    """
    known = _model_of(searched_spec(spec, table), table)
    return known and known[0].read(known[1])


def searched_spec(spec: SweepSpec, table: pa.Table) -> SweepSpec:
    """Returns the sweep with the space that its search has come to, by its rows: wider only with `search.extend`."""
    if not spec.search.extend:
        return spec
    return with_room_for(spec, _evidence(table, spec.limit.metric, phases=(Phase.SEARCH,)).to_pylist())


def wider_spec(spec: SweepSpec, table: pa.Table) -> SweepSpec | None:
    """Returns the sweep with a wider space, where the limit probably lies at its smallest size or beyond all sizes.

    None where it does not, or no wider one can be searched.
    """
    found = space_limit(spec, table)
    smallest = found is not None and found.size == int(found.where.sizes_K[0])
    if found is None or not (smallest or found.size is None):
        return None
    return widened(spec, smaller=smallest)


def space_course(spec: SweepSpec, table: pa.Table) -> tuple[tuple[float, SpaceLimit], ...]:
    """Returns what a search for the limit knew after ever more kimg, at MOST_READINGS moments at most, in its order.

    Nothing for the other samplers, which do not seek it.
    """
    if spec.search.sampler != "limit":
        return ()
    rows = table.filter(pc.equal(table["phase"], str(Phase.SEARCH))).sort_by("trial")
    known = _model_of(searched_spec(spec, rows), rows)
    if known is None:
        return ()
    search, measured = known
    spent = np.cumsum([each.candidate.kimg for each in measured])
    ends = np.unique(np.linspace(FEWEST_TRAININGS, len(measured), MOST_READINGS).round().astype(int))
    return tuple((float(spent[end - 1]), search.read(measured[:end])) for end in ends)


def deciding_points(
    spec: SweepSpec, table: pa.Table, *, most: int, phases: Sequence[Phase] = (Phase.SEARCH,)
) -> list[tuple[int, dict[str, Value]]]:
    """Returns size and point of at most so many students that tell where the limit lies, smallest first.

    They follow from the rows of `phases`. With those of the search alone the answer does not change while fresh seeds
    come in. Nothing where the rows do not say enough.
    """
    spec = searched_spec(spec, table)
    known = _model_of(spec, table.filter(pc.is_in(table["phase"], pa.array([str(phase) for phase in phases]))))
    if known is None:
        return []
    points = {student: dict(params) for params, student in space_students(spec).items()}
    domains = spec.search.space.domains()
    chosen = known[0].deciding(known[1], most=most)
    return [(student.size, point_of(points[student], domains)) for student in chosen]


def _model_of(spec: SweepSpec, table: pa.Table) -> tuple[LimitSearch, list[Measured]] | None:
    if not spec.limit.column.log:
        return None
    rows, students = _evidence(table, spec.limit.metric), list(space_students(spec).values())
    if len(rows) < FEWEST_TRAININGS or not students:
        return None
    measured = _measured(spec, rows)
    if len(measured) < FEWEST_TRAININGS or len({each.candidate for each in measured}) > MOST_STUDENTS:
        return None
    try:
        space, threshold = (
            space_of(students, cost=COSTS[spec.limit_cost]),
            spec.limit.threshold_for(rows.slice(0, 1).to_pylist()[0]),
        )
    except AnalysisError:
        return None
    seed = seed_at(spec.seed, "reading") % 2**32
    return LimitSearch(space, spec.limit, threshold=threshold, seed=seed), measured


def _measured(spec: SweepSpec, rows: pa.Table) -> list[Measured]:
    """Returns the trainings of students of the space. Rows of one student are many, and its configuration is slow."""
    known: dict[tuple[Any, ...], Candidate | None] = {}
    found = []
    for row in rows.to_pylist():
        key = tuple(row[name] for name in COLUMNS)
        if key not in known:
            known[key] = student_of_row(spec, row)
        quality = row[spec.limit.metric]
        if (candidate := known[key]) and (quality is not None or row["state"] == TrialState.DIVERGED):
            found.append(Measured(candidate=candidate, seed=row["seed"], quality=quality))
    return found


def _evidence(table: pa.Table, metric: str, *, phases: Sequence[Phase] = (Phase.SEARCH, Phase.CONFIRM)) -> pa.Table:
    """Returns the rows of distilled students of these phases that tell of their quality."""
    states = [str(state) for state in EVIDENCE]
    keep = pc.and_(pc.equal(table["mode"], str(Mode.DISTILLED)), pc.is_in(table["state"], pa.array(states)))
    shared = [f"teacher_{metric}"] if f"teacher_{metric}" in table.column_names else []
    rows = table.filter(pc.and_(keep, pc.is_in(table["phase"], pa.array([str(phase) for phase in phases]))))
    return rows.select([*COLUMNS, "seed", metric, *shared])
