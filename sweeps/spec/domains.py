"""This module checks every domain of a search space against what it feeds: at both ends, and at every choice.

A value that a student's configuration would round, or take for another one, would make two points of one student.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from gan import DistillationConfig
from gan.config import Config
from gan.networks.blocks import BLOCKS
from gan.networks.dcgan import GREATEST_DEPTH
from sweeps.spec.architecture import Shape, greatest_rank
from sweeps.spec.schemes import rule_of
from sweeps.spec.search import RANK, Space
from sweeps.spec.space import AnyDomain, FloatDomain, Value, extremes, is_number


def require_domains(
    space: Space, shape: Shape, *, widest: Sequence[int], recipe: Callable[[Mapping[str, Value]], object]
) -> None:
    """Raises ValueError, which begins with the key, where a domain has a value that no student can be made with.

    `widest` are the greatest widths of each stage that is searched, or of the last; `recipe` gives the student's recipe
    at a point, or raises ValidationError.
    """
    _require_widths(space, widest)
    low, high = _ends("depth", space.depth, whole=True)
    if low < 1 or high > GREATEST_DEPTH:
        raise ValueError(
            f"search.space.depth is at least 1 and at most {GREATEST_DEPTH}, got {low} to {high}; narrow the domain"
        )
    low, high = _ends("gan_weight", space.gan_weight)
    if low < 0 or high >= 1:
        raise ValueError(f"search.space.gan_weight lies in [0, 1), got {low} to {high}; 0 is the MSE scheme alone")
    unknown = [value for value in (extremes(space.block) if space.block else ()) if value not in BLOCKS]
    if unknown:
        raise ValueError(
            f"search.space.block is of {', '.join(BLOCKS)}, got {', '.join(map(repr, unknown))}; choose of them"
        )
    if space.first_layer_rank:
        _require_ranks(space.first_layer_rank, greatest=greatest_rank(space, shape))
    for name, domain in space.student.items():
        _require_recipe(name, domain, recipe=recipe)


def _require_widths(space: Space, widest: Sequence[int]) -> None:
    if space.stage_widths is not None and len(space.stage_widths) != len(widest):
        raise ValueError(
            f"search.space.stage_widths has a domain for each of {len(widest)} stages, got {len(space.stage_widths)}; "
            "give those of each stage, from the first map upwards"
        )
    for (name, domain), most in zip(space.widths().items(), widest, strict=True):
        low, high = _ends(name, domain, whole=True)
        if low < 1 or high > most:
            raise ValueError(
                f"search.space.{name} lies between 1 and the teacher's width {most}, "
                f"got {low} to {high}; narrow the domain or widen the teacher"
            )


def _require_ranks(domain: AnyDomain, *, greatest: int) -> None:
    low, high = _ends(RANK, domain, whole=True)
    if low < 0 or high > greatest:
        raise ValueError(
            f"search.space.{RANK} lies between 0, the whole layer, and {greatest}, beyond which two factors have no "
            f"fewer parameters at any width, got {low} to {high}; narrow the domain"
        )


def _ends(name: str, domain: AnyDomain, *, whole: bool = False) -> tuple[float, float]:
    """Returns the least and the greatest value of a domain of numbers, all of them whole where `whole`."""
    values = extremes(domain)
    others = [value for value in values if not is_number(value)]
    if others:
        raise ValueError(f"search.space.{name} takes numbers, got {', '.join(map(repr, others))}; write numbers")
    numbers = [value for value in values if is_number(value)]
    if whole and isinstance(domain, FloatDomain):
        raise ValueError(f"search.space.{name} takes whole numbers, got a domain of type float; write type: int")
    broken = [value for value in numbers if whole and not isinstance(value, int)]
    if broken:
        raise ValueError(f"search.space.{name} takes whole numbers, got {', '.join(map(str, broken))}; write such")
    return min(numbers), max(numbers)


def _require_recipe(name: str, domain: AnyDomain, *, recipe: Callable[[Mapping[str, Value]], object]) -> None:
    key, known = f"search.space.student.{name}", sorted(dotted_names(DistillationConfig))
    if name == "gan_weight":
        raise ValueError(f"{key} has a domain of its own; write search.space.gan_weight")
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise ValueError(f"{key} is of the student's recipe; {f'did you mean {close[0]}' if close else _one_of(known)}")
    for value in extremes(domain):
        try:
            recipe({name: value})
        except ValidationError as error:
            kind, rule = error.errors()[0]["type"], rule_of(error)
            if kind != "value_error":  # which says by itself what it got
                rule = f"{rule[0].lower()}{rule[1:]}, got {value!r}; narrow the domain"
            raise ValueError(f"{key} feeds the student's recipe: {rule}") from None


def dotted_names(model: type[Config], above: str = "") -> Iterator[str]:
    """Yields the dotted names of everything in a configuration that has one value."""
    for name, field in model.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_config(kind)]
        if inner:
            yield from dotted_names(inner[0], f"{above}{name}.")
        else:
            yield above + name


def _is_config(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Config)


def _one_of(known: list[str]) -> str:
    return f"known there: {', '.join(known)}"
