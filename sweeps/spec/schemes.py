"""This module checks that students can be distilled by every scheme of a search, as far as a file alone can tell."""

import itertools
from collections.abc import Callable, Iterator, Mapping

from pydantic import ValidationError

from gan import AdversarialConfig, DistillationConfig
from gan.images import doublings
from sweeps.spec.search import Space
from sweeps.spec.space import Value, extremes

RecipeAt = Callable[[Mapping[str, Value]], DistillationConfig]

_TEACHING = ("pixel_weight", "critic_features", "feature_weight")  # a student without all of them learns nothing
_OF_OPPONENT = ("gan_weight", "opponent", "adversarial.loss", "batch_size")


def recipes_at_ends(space: Space, names: tuple[str, ...], *, recipe: RecipeAt) -> Iterator[DistillationConfig]:
    """Yields the recipes at all combinations of the ends of the named dimensions, as far as they are searched."""
    domains = {name: domain for name, domain in space.domains().items() if name in names}
    for row in itertools.product(*(extremes(domain) for domain in domains.values())):
        yield recipe(dict(zip(domains, row, strict=True)))


def require_schemes(space: Space, *, recipe: RecipeAt, image_size: int, taught: AdversarialConfig | None) -> None:
    """Raises ValueError, which begins with the key, where a student has nothing to learn from, or no critic to use.

    `taught` is how the teacher's critic learns, where that is known.
    """
    try:
        list(recipes_at_ends(space, _TEACHING, recipe=recipe))
    except ValidationError as error:
        rule = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"search.space.student leaves a student nothing to learn from: {rule}") from None
    layers, weights = doublings(image_size), recipe({}).critic_features
    if isinstance(weights, tuple) and len(weights) != layers:
        raise ValueError(
            f"student.critic_features has one weight, or one for each of the {layers} layers of a critic of "
            f"{image_size}x{image_size} pixels, got {len(weights)}; write as many, or one for all"
        )
    for own in recipes_at_ends(space, _OF_OPPONENT, recipe=recipe):
        if taught and own.gan_weight and own.opponent == "teacher":
            _require_opponent(taught, own)


def _require_opponent(taught: AdversarialConfig, own: DistillationConfig) -> None:
    if own.adversarial.norm != taught.norm:
        raise ValueError(
            f"student.opponent teacher goes on learning with the norm of its training, which is {taught.norm} with "
            f"{taught.loss}, got adversarial.loss {own.adversarial.loss}, whose norm is {own.adversarial.norm}; choose "
            "the teacher's loss, or the opponent fresh"
        )
    try:
        taught.require_whole_groups(own.batch_size)
    except ValueError as error:
        raise ValueError(f"student.opponent teacher has the critic of teacher.training: {error}") from None
