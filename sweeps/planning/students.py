"""This module says which students a search may train, as the model of the limit knows them."""

from collections.abc import Mapping
from typing import Any

from analysis import TrialState, settings_of
from analysis.seeking.space import Candidate
from gan import count_parameters
from sweeps.planning.points import architecture_at, frozen, is_allowed
from sweeps.spec.architecture import dimensions_of_row
from sweeps.spec.search import MOST_STUDENTS
from sweeps.spec.space import Value, distributions, every_point, is_number
from sweeps.spec.sweep import SweepSpec

OF_SIZE = ("width", "depth", "block", "gan_weight", "seed")  # what a candidate has of its own, or acts by its size


def space_students(spec: SweepSpec) -> dict[frozenset[tuple[str, Any]], Candidate]:
    """Returns every student that the search may train, by what Optuna chooses of it beside the seed.

    Nothing for a continuum, and for a space of more than MOST_STUDENTS points.
    """
    domains = spec.search.space.domains()
    searched, points = distributions(domains), every_point(domains, MOST_STUDENTS) or []
    return {
        frozen({name: point[name] for name in searched}): student_at(spec, point)
        for point in points
        if is_allowed(spec, point)
    }


def student_at(spec: SweepSpec, point: Mapping[str, Value]) -> Candidate:
    """Returns the student at a point of the space."""
    return _candidate(spec, point, kimg=spec.recipe(point).kimg)


def student_of_row(spec: SweepSpec, row: Mapping[str, Any]) -> Candidate | None:
    """Returns the student of a row of the sweep's table, at the kimg that its quality is of; None where it is no point.

    A training that failed tells of the whole budget.
    """
    values = {"gan_weight": row["gan_weight"], **settings_of(row), **dimensions_of_row(row, spec.shape)}
    domains = spec.search.space.domains()
    point = {name: values[name] for name, domain in domains.items() if name in values and domain.holds(values[name])}
    if len(point) < len(domains):
        return None
    kimg = float(row["kimg"]) if row["state"] == TrialState.PRUNED else spec.recipe(point).kimg
    return _candidate(spec, point, kimg=kimg)


def _candidate(spec: SweepSpec, point: Mapping[str, Value], *, kimg: float) -> Candidate:
    architecture = architecture_at(spec, point)
    settings = [
        (name, float(value) if is_number(value) else str(value)) for name, value in point.items() if name not in OF_SIZE
    ]
    return Candidate(
        parameters=count_parameters(architecture),
        depth=architecture.depth,
        block=architecture.block,
        gan_weight=float(point["gan_weight"]),
        kimg=kimg,
        settings=tuple(settings),
        cost=spec.size_at(point, architecture),
    )
