"""This module widens the range of widths of a search for the limit, where the spec allows it with `search.extend`.

A space is widened where the limit lies beyond its sizes. Which space a sweep has follows from its spec and its rows, so
that a sweep that goes on, and its report, have the space that the search had.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from sweeps.spec.architecture import dimensions_of_row
from sweeps.spec.space import AnyDomain, IntDomain
from sweeps.spec.sweep import SweepSpec

Row = Mapping[str, Any]


def widened(spec: SweepSpec, *, smaller: bool) -> SweepSpec | None:
    """Returns the sweep whose least widths are half as large, or whose greatest are twice as large.

    None where there is nothing smaller than width 1 or larger than the teacher, or the space would have more students
    than a search for the limit compares.
    """
    space = spec.search.space
    ranges = zip(space.widths().values(), spec.widest_widths, strict=True)
    domains = [_extended(domain, most=most, smaller=smaller) for domain, most in ranges]
    if domains == list(space.widths().values()):
        return None
    plain = [domain.model_dump(mode="json") for domain in domains]
    data = spec.model_dump(mode="json")
    data["search"]["space"] |= {"width": plain[0]} if space.width is not None else {"stage_widths": plain}
    try:
        return SweepSpec.model_validate_json(json.dumps(data))
    except ValidationError:
        return None


def with_room_for(spec: SweepSpec, rows: Iterable[Row]) -> SweepSpec:
    """Returns the sweep with a space that holds the widths of all `rows` of its search, which it trained or took over.

    It is the same sweep where the spec does not allow another space.
    """
    if not spec.search.extend:
        return spec
    points = [dimensions_of_row(row, spec.shape) for row in rows]
    for smaller in (True, False):
        while _is_beyond(spec, points, smaller=smaller) and (wider := widened(spec, smaller=smaller)):
            spec = wider
    return spec


def widest(spec: SweepSpec) -> SweepSpec:
    """Returns the sweep with the largest students that its search may come to."""
    while spec.search.extend and (wider := widened(spec, smaller=False)):
        spec = wider
    return spec


def _is_beyond(spec: SweepSpec, points: Iterable[Row], *, smaller: bool) -> bool:
    widths = spec.search.space.widths().items()
    pairs = [(point[name], each) for point in points for name, each in widths if isinstance(each, IntDomain)]
    return any(width < domain.low if smaller else width > domain.high for width, domain in pairs)


def _extended(domain: AnyDomain, *, most: int, smaller: bool) -> AnyDomain:
    """Returns a range down to half its least value, or up to twice its greatest and at most `most`, in whole steps."""
    if not isinstance(domain, IntDomain):
        return domain
    if smaller:
        steps = (domain.low - max(1, domain.low // 2)) // domain.step
        return domain.model_copy(update={"low": domain.low - steps * domain.step})
    greatest = domain.low + (domain.high - domain.low) // domain.step * domain.step  # that it has
    steps = max(0, min(2 * greatest, most) - greatest) // domain.step
    return domain.model_copy(update={"high": greatest + steps * domain.step}) if steps else domain
