"""This module tells whether a space has a student that keeps the constraints, before anything is trained for it."""

from sweeps.errors import NothingFeasibleError
from sweeps.planning.points import LISTED_POINTS, corners, is_allowed, listed_points, sampled_points
from sweeps.spec.space import point_of
from sweeps.spec.sweep import SweepSpec


def require_feasible(spec: SweepSpec) -> None:
    """Raises NothingFeasibleError where all points of a search can be looked at, and none has a student."""
    listed = listed_points(spec, LISTED_POINTS) if _is_limited(spec) else None
    if not listed or len(listed) > LISTED_POINTS:
        return
    domains = spec.domains()
    if not any(is_allowed(spec, point_of(params, domains)) for params in listed):
        raise infeasible(spec)


def is_feasible(spec: SweepSpec) -> bool:
    """Returns whether some point of the space is allowed: by its ends, of which the smallest costs least of all."""
    if not _is_limited(spec) or any(map(spec.search.constraints.allow, corners(spec))):
        return True
    return any(is_allowed(spec, point) for point in sampled_points(spec))


def infeasible(spec: SweepSpec) -> NothingFeasibleError:
    """Returns the error of a space without a student."""
    limits = spec.search.constraints.model_dump(exclude_none=True)
    stated = ", ".join(f"{name} {value:g}" for name, value in limits.items()) or "ranks that save no parameters"
    return NothingFeasibleError(
        f"The space of {spec.name} has a student that keeps search.constraints",
        f"none with {stated}",
        "Loosen search.constraints, or widen search.space.",
    )


def _is_limited(spec: SweepSpec) -> bool:
    search = spec.search
    limits = search.constraints.model_dump(exclude_none=True)
    return search.trials > 0 and bool(limits or search.space.first_layer_rank)
