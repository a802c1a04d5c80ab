"""This module makes a student's architecture of a point of the space, and says which points have none.

A first layer of low rank is made only where it saves parameters, which depends on the first map's width: a rank beyond
is of no student, as one beyond a constraint is. A rank of 0 is the whole layer, as is none.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import analysis
from gan.networks.blocks import DEFAULT_BLOCK
from gan.networks.dcgan import GeneratorConfig, halved_widths
from sweeps.spec.search import RANK, STAGE, Point, Space
from sweeps.spec.space import Value, extremes

Shape = Mapping[str, Any]  # what a generator takes, and the size and channels of its images


def architecture_of(point: Mapping[str, Value], shape: Shape) -> GeneratorConfig:
    """Returns the student at a point, whose rank saves parameters.

    Widths of the stages that are halved from one to the next are those of a width.
    """
    given: dict[str, Any] = {name: point[name] for name in ("depth", "block") if name in point}
    stages = {int(name.removeprefix(STAGE)): int(value) for name, value in point.items() if name.startswith(STAGE)}
    widths = tuple(stages[number] for number in sorted(stages))
    width = widths[-1] if widths else int(point["width"])
    if widths and widths != halved_widths(width, shape["image_size"]):
        given["stage_widths"] = widths
    rank = int(point.get(RANK, 0))
    return GeneratorConfig.model_validate({**shape, **given, "width": width, **({RANK: rank} if rank else {})})


def architecture_of_row(row: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the architecture of a table's row by the names of a space's dimensions."""
    point: dict[str, Value] = {name: row[name] for name in ("width", "depth", "block")}
    if row["stage_widths"] is not None:
        point |= {f"{STAGE}{number}": int(width) for number, width in enumerate(row["stage_widths"].split("-"))}
    return point if row[RANK] is None else point | {RANK: row[RANK]}


def dimensions_of_row(row: Mapping[str, Any], shape: Shape) -> dict[str, Value]:
    """Returns the same with a value for each dimension that a space may have: a rank of 0, and the stages' widths."""
    point = architecture_of_row(row)
    halved = halved_widths(row["width"], shape["image_size"])
    return {RANK: 0, **{f"{STAGE}{number}": width for number, width in enumerate(halved)}, **point}


def columns_of(architecture: GeneratorConfig) -> dict[str, Any]:
    """Returns the columns of a table that tell an architecture."""
    stages = architecture.stage_widths
    return {
        **{name: getattr(architecture, name) for name in ("width", "depth", "block", RANK)},
        "stage_widths": None if stages is None else "-".join(map(str, stages)),
    }


def width_text(architecture: GeneratorConfig) -> str:
    """Returns the width of a generator, or its stages', and the rank of its first layer where it is factored."""
    return analysis.width_text(columns_of(architecture))


def with_whole_layer(point: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the point whose first layer is not factored."""
    return {name: value for name, value in point.items() if name != RANK}


def rank_excess(point: Mapping[str, Value], shape: Shape) -> float:
    """Returns by which share a point's rank exceeds the greatest that saves parameters; at most 0 where it saves."""
    greatest = architecture_of(with_whole_layer(point), shape).greatest_rank
    return (int(point.get(RANK, 0)) - greatest) / max(1, greatest)


def greatest_rank(space: Space, shape: Shape) -> int:
    """Returns the greatest rank of the widest student of a space, whichever block gives the greatest."""
    widest = {name: max(extremes(domain)) for name, domain in space.widths().items()}
    blocks = extremes(space.block) if space.block else (DEFAULT_BLOCK,)
    return max(architecture_of({**widest, "block": block}, shape).greatest_rank for block in blocks)


def require_ranks_of(points: Iterable[Point], shape: Shape) -> None:
    """Raises ValueError for a point whose rank saves no parameters."""
    for number, point in enumerate(points, start=1):
        if rank_excess(point.values, shape) > 0:
            greatest = architecture_of(with_whole_layer(point.values), shape).greatest_rank
            raise ValueError(
                f"search.points have ranks that save parameters, at most {greatest} at the width of point {number}, "
                f"got {point.first_layer_rank}; lower it"
            )
