"""This module turns the domains of a spec into Optuna's suggestions. It knows Optuna, and no network."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeGuard

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from gan.config import Config

optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings do not help whoever runs a sweep

Number = float | int
Value = bool | Number | str


def _plain(value: object) -> object:
    """Returns the value as it is, to be refused here once instead of by each type that it might have."""
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"a searched value is a number, a word, true or false, got {value!r}; write one of these")


GivenValue = Annotated[Value, BeforeValidator(_plain)]


def is_number(value: object) -> TypeGuard[Number]:
    """Returns whether the value is a number: in Python, true and false are whole numbers as well."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_same(value: object, other: Value) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


class IntDomain(Config):
    """The values are whole numbers from `low` to `high`, both included; `log` spreads them by ratio."""

    type: Literal["int"]
    low: int
    high: int
    step: Annotated[int, Field(ge=1)] = 1
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> "IntDomain":
        _require_range(self.low, self.high, log=self.log)
        if self.log and self.step != 1:
            raise ValueError("a log range of whole numbers has step 1; leave step out")
        return self

    @property
    def values(self) -> list[int]:
        """Returns every value, for a grid; for a log range about one per doubling."""
        if not self.log:
            return list(range(self.low, self.high + 1, self.step))
        doublings = [self.low * 2**i for i in range(64) if self.low * 2**i < self.high]
        return [*doublings, self.high]

    @property
    def distribution(self) -> BaseDistribution:
        return IntDistribution(self.low, self.high, self.log, self.step)

    def holds(self, value: object) -> bool:
        if not is_number(value) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0


class FloatDomain(Config):
    """The values are real numbers from `low` to `high`; `log` spreads them by ratio."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> "FloatDomain":
        _require_range(self.low, self.high, log=self.log)
        return self

    @property
    def values(self) -> list[float]:
        """Returns no values: a continuum cannot be listed, and the spec refuses a grid over it."""
        return []

    @property
    def distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, self.log)

    def holds(self, value: object) -> bool:
        return is_number(value) and self.low <= value <= self.high


class ChoiceDomain(Config):
    """The value is one of `values`, which are numbers, names, true or false."""

    type: Literal["choice"]
    values: Annotated[tuple[GivenValue, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_each_once(self) -> "ChoiceDomain":
        twice = [value for place, value in enumerate(self.values) if value in self.values[:place]]
        if twice:
            raise ValueError(f"a choice has each value once, got {twice[0]!r} again; remove one")
        return self

    @property
    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.values)

    def holds(self, value: object) -> bool:
        return any(_is_same(value, own) for own in self.values)


class FixedDomain(Config):
    """The value is always `value`; it is not searched."""

    type: Literal["fixed"]
    value: GivenValue

    @property
    def values(self) -> tuple[Value, ...]:
        return (self.value,)

    def holds(self, value: object) -> bool:
        return _is_same(value, self.value)


AnyDomain = IntDomain | FloatDomain | ChoiceDomain | FixedDomain


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        kind = value.get("type")
        return kind if isinstance(kind, str) else None
    return getattr(value, "type", "scalar")


def _fixed(value: object) -> object:
    return value if isinstance(value, FixedDomain) else {"type": "fixed", "value": value}


# A domain is told by its `type`; a value alone is a fixed one.
Domain = Annotated[
    Annotated[IntDomain, Tag("int")]
    | Annotated[FloatDomain, Tag("float")]
    | Annotated[ChoiceDomain, Tag("choice")]
    | Annotated[FixedDomain, Tag("fixed")]
    | Annotated[FixedDomain, BeforeValidator(_fixed), Tag("scalar")],
    Discriminator(
        _kind,
        custom_error_type="domain",
        custom_error_message="a domain's type is int, float, choice or fixed",
    ),
]


def extremes(domain: AnyDomain) -> tuple[Value, ...]:
    """Returns the two ends of a range, or every value of a choice."""
    return domain.values if isinstance(domain, ChoiceDomain | FixedDomain) else (domain.low, domain.high)


def every_point(domains: Mapping[str, AnyDomain], at_most: int) -> list[dict[str, Value]] | None:
    """Returns all points of a space; None where it is a continuum or has more than `at_most`."""
    columns: list[Sequence[Value]] = []
    for domain in domains.values():
        if isinstance(domain, FloatDomain):
            return None
        if isinstance(domain, IntDomain):
            columns.append(range(domain.low, domain.high + 1, domain.step))
        else:
            columns.append(domain.values)
    if math.prod(map(len, columns)) > at_most:
        return None
    return [dict(zip(domains, row, strict=True)) for row in itertools.product(*columns)]


def distributions(domains: Mapping[str, AnyDomain]) -> dict[str, BaseDistribution]:
    """Returns what Optuna chooses from: the distribution of every dimension that is not fixed."""
    return {name: domain.distribution for name, domain in domains.items() if not isinstance(domain, FixedDomain)}


def point_of(params: Mapping[str, Value], domains: Mapping[str, AnyDomain]) -> dict[str, Value]:
    """Returns a value for each domain: the one in the `params` of an Optuna trial, or the fixed one."""
    return {name: d.value if isinstance(d, FixedDomain) else params[name] for name, d in domains.items()}


def _require_range(low: Number, high: Number, *, log: bool) -> None:
    if low > high:
        raise ValueError(f"low is at most high, got low {low} and high {high}; swap them")
    if log and low <= 0:
        raise ValueError(f"a log range begins above 0, got {low}; raise low or set log: false")
