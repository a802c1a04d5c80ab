"""This module tells whether students of a search begin as part of their teacher, and whether all of them can."""

from gan import GanError, GeneratorConfig
from gan.networks.blocks import DEFAULT_BLOCK
from gan.networks.pruning import require_prunable
from sweeps.spec.architecture import Shape, architecture_of
from sweeps.spec.schemes import RecipeAt, recipes_at_ends
from sweeps.spec.search import Space
from sweeps.spec.space import Value, extremes


def starts_pruned(space: Space, *, recipe: RecipeAt) -> bool:
    """Returns whether a student of the space begins as part of its teacher."""
    return any(own.start == "pruned" for own in recipes_at_ends(space, ("start",), recipe=recipe))


def require_starts(space: Space, *, recipe: RecipeAt, teacher: GeneratorConfig | None, shape: Shape) -> None:
    """Raises ValueError where a student that begins as part of its teacher, None where it is one's own, cannot."""
    if not starts_pruned(space, recipe=recipe):
        return
    if teacher is None:
        raise ValueError(
            "student.start pruned takes the weights of a teacher that is trained here, got one of your own; "
            "set start: random"
        )
    # Where the widest and shallowest student is part of the teacher, all are.
    widest: dict[str, Value] = {name: max(extremes(domain)) for name, domain in space.widths().items()}
    for block in extremes(space.block) if space.block else (DEFAULT_BLOCK,):
        point = {**widest, "depth": min(extremes(space.depth)), "block": block}
        try:
            require_prunable(teacher, architecture_of(point, shape))
        except GanError as error:
            raise ValueError(f"student.start: {error.rule}, got {error.value}; {_lowered(error.remedy)}") from None


def _lowered(remedy: str) -> str:
    return (remedy[0].lower() + remedy[1:]).rstrip(".")
