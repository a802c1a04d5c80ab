"""This module checks that students can be distilled by every scheme of a search, as far as a file alone can tell."""

import itertools
from collections.abc import Callable, Iterator, Mapping

from pydantic import ValidationError

from gan import AdversarialConfig, DistillationConfig
from gan.images import doublings
from sweeps.spec.models import AnyTeacherSpec, TeacherSpec
from sweeps.spec.search import Space
from sweeps.spec.space import AnyDomain, IntDomain, Value, extremes

RecipeAt = Callable[[Mapping[str, Value]], DistillationConfig]

_TEACHING = ("pixel_weight", "critic_features", "feature_weight")  # a student without all of them learns nothing
_NEEDING = ("gan_weight", "opponent", "critic_features")
_OF_OPPONENT = (
    "gan_weight",
    "opponent",
    "batch_size",
    "adversarial.loss",
    "adversarial.critic_steps",
    "adversarial.critic_every",
    "adversarial.critic.gain",
    "adversarial.critic.minibatch_deviation",
)


def recipes_at_ends(space: Space, names: tuple[str, ...], *, recipe: RecipeAt) -> Iterator[DistillationConfig]:
    """Yields the recipes at all combinations of the ends of the named dimensions, as far as they are searched.

    Raises ValidationError at one that has none.
    """
    domains = {name: domain for name, domain in space.domains().items() if name in names}
    for row in itertools.product(*(_tried(domain) for domain in domains.values())):
        yield recipe(dict(zip(domains, row, strict=True)))


def _tried(domain: AnyDomain) -> tuple[Value, ...]:
    """Returns the ends, and of whole numbers the second: where it and the first are multiples, all between are."""
    ends = extremes(domain)
    if isinstance(domain, IntDomain) and domain.low + domain.step < domain.high:
        return (*ends, domain.low + domain.step)
    return ends


def require_schemes(space: Space, *, recipe: RecipeAt, image_size: int, teacher: AnyTeacherSpec) -> None:
    """Raises ValueError, which begins with the key, where a student has nothing to learn from, or no critic to use."""
    try:
        list(recipes_at_ends(space, _TEACHING, recipe=recipe))
    except ValidationError as error:
        raise ValueError(f"search.space.student leaves a student nothing to learn from: {rule_of(error)}") from None
    layers, weights = doublings(image_size), recipe({}).critic_features
    if isinstance(weights, tuple) and len(weights) != layers:
        raise ValueError(
            f"student.critic_features has one weight, or one for each of the {layers} layers of a critic of "
            f"{image_size}x{image_size} pixels, got {len(weights)}; write as many, or one for all"
        )
    try:
        recipes = list(recipes_at_ends(space, _OF_OPPONENT, recipe=recipe))
    except ValidationError as error:
        key = "search.space.student" if space.student else "student.adversarial"
        raise ValueError(f"{key} makes a student whose critic cannot learn: {rule_of(error)}") from None
    taught = _critics_training(teacher, recipe({}))
    for own in recipes:
        if taught and own.gan_weight and own.opponent == "teacher":
            _require_opponent(taught, own)
    if not isinstance(teacher, TeacherSpec) and not teacher.critic:
        _require_trainable_critic(space, recipe=recipe)


def _require_trainable_critic(space: Space, *, recipe: RecipeAt) -> None:
    """Raises ValueError where a critic is to be trained as the students' own is, and cannot be."""
    if not any(own.needs_critic for own in recipes_at_ends(space, _NEEDING, recipe=recipe)):
        return
    student = recipe({})
    try:
        student.adversarial.require_whole_groups(student.batch_size)
    except ValueError as error:
        raise ValueError(f"student.adversarial is how the teacher's critic is trained: {error}") from None


def _critics_training(teacher: AnyTeacherSpec, student: DistillationConfig) -> AdversarialConfig | None:
    """Returns how the teacher's critic learns, as the students' where it is yet to be made; None for a named one."""
    if isinstance(teacher, TeacherSpec):
        return teacher.training.adversarial
    return None if teacher.critic else student.adversarial


def rule_of(error: ValidationError) -> str:
    """Returns the rule of the first mistake in a recipe."""
    return error.errors()[0]["msg"].removeprefix("Value error, ")


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
