"""This module states what is searched, and how: the part of a sweep's specification that the search reads."""

import operator
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gan.config import Config
from gan.networks.blocks import DEFAULT_BLOCK, BlockName
from gan.networks.cost import count_parameters, mac_g
from gan.networks.dcgan import GeneratorConfig
from sweeps.spec.space import AnyDomain, Domain, FixedDomain, FloatDomain, GivenValue, IntDomain, Value, every_point

MOST_TRIALS_OF_GP = 500  # python -m tests.benchmarks.engine --asks --samplers gp
MOST_STUDENTS = 2000  # that `limit` compares: python -m tests.benchmarks.engine --asks
REPLICATES = 1000  # seeds of one student that `limit` may ask for

RANK = "first_layer_rank"
STAGE = "stage_widths."  # and the number of the stage, from 0 for the first map
UNSEARCHED: dict[str, Value] = {"block": DEFAULT_BLOCK, RANK: 0}  # what a student has of it then

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Confidence = Annotated[float, Field(ge=0.5, le=1)]
Precision = Annotated[float, Field(gt=1, le=100)]  # a factor between the ends of an interval

LATENCY = "latency_ms"  # of the deployed student, on the driver's machine
TIMED_FORM: Literal["onnx"] = "onnx"  # in which it is deployed where its latency leads
DEPLOYED_MS = "deployed_ms"  # the same as a trial's run has it, beside the latency in PyTorch where it trained
Cost = Literal["parameters", "weight_bytes", "mac_g", "latency_ms"]  # known before any training
WHOLE_COSTS = ("parameters", "weight_bytes")  # which have a limit of their own
Quality = Literal["fid", "inception_score"]  # measured at every rung
OBJECTIVES: dict[str, Literal["minimize", "maximize"]] = {
    "parameters": "minimize",
    "weight_bytes": "minimize",
    "mac_g": "minimize",
    LATENCY: "minimize",
    "fid": "minimize",
    "inception_score": "maximize",
}


def _is_none(value: object) -> bool:
    return value is None


class Space(Config):
    """A space has a domain, or one fixed value, for each dimension that is searched.

    `stage_widths` has a domain for each stage's channels, from the first map upwards, in place of `width`. A
    `first_layer_rank` of 0 is a first layer in one piece. `student` holds anything else of the student's recipe by its
    dotted name, such as `optimiser.learning_rate`.
    """

    width: Domain | None = Field(default=None, exclude_if=_is_none)
    stage_widths: tuple[Domain, ...] | None = Field(default=None, exclude_if=_is_none)
    depth: Domain = FixedDomain(type="fixed", value=1)
    gan_weight: Domain = FixedDomain(type="fixed", value=0.0)
    block: Domain | None = None  # dcgan where it is not searched
    first_layer_rank: Domain | None = Field(default=None, exclude_if=_is_none)
    student: dict[str, Domain] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_widths(self) -> "Space":
        if (self.width is None) == (self.stage_widths is None):
            found = "none" if self.width is None else "both"
            raise ValueError(f"a space has a width, or stage_widths in its place, got {found}; give one of them")
        return self

    def widths(self) -> dict[str, AnyDomain]:
        """Returns the domain of the width, or those of the stages' widths, by the names of their dimensions."""
        if self.width is not None:
            return {"width": self.width}
        return {f"{STAGE}{number}": domain for number, domain in enumerate(self.stage_widths or ())}

    def domains(self) -> dict[str, AnyDomain]:
        """Returns the domains by the names of their dimensions."""
        domains: dict[str, AnyDomain] = {**self.widths(), "depth": self.depth, "gan_weight": self.gan_weight}
        others = {"block": self.block, RANK: self.first_layer_rank}
        return domains | {name: domain for name, domain in others.items() if domain} | self.student


class Point(Config):
    """A point is one student of the space; `student` holds its values for what the space names under `student`."""

    width: int | None = Field(default=None, exclude_if=_is_none)
    stage_widths: tuple[int, ...] | None = Field(default=None, exclude_if=_is_none)
    depth: int = 1
    gan_weight: float = 0.0
    block: BlockName = DEFAULT_BLOCK
    first_layer_rank: int = Field(default=0, exclude_if=operator.not_)
    student: dict[str, GivenValue] = Field(default_factory=dict)

    @property
    def values(self) -> dict[str, Value]:
        """Returns the values by the names of their dimensions."""
        own: dict[str, Value] = {} if self.width is None else {"width": self.width}
        own |= {f"{STAGE}{number}": width for number, width in enumerate(self.stage_widths or ())}
        own |= {name: getattr(self, name) for name in ("depth", "gan_weight", *UNSEARCHED)}
        return own | self.student


class Constraints(Config):
    """These limit what a student may cost. A student beyond them is known before training, and never trained."""

    max_parameters: Annotated[int, Field(ge=1)] | None = None
    max_mac_g: Annotated[float, Field(gt=0)] | None = None

    def excess(self, student: GeneratorConfig) -> dict[str, float]:
        """Returns by which share of it a student exceeds each limit that is set; at most 0 where the limit is kept."""
        costs = {
            "max_parameters": (self.max_parameters, count_parameters(student)),
            "max_mac_g": (self.max_mac_g, mac_g(student)),
        }
        return {name: cost / limit - 1 for name, (limit, cost) in costs.items() if limit is not None}

    def allow(self, student: GeneratorConfig) -> bool:
        """Returns whether the student keeps every limit."""
        return all(excess <= 0 for excess in self.excess(student).values())


class PruningSpec(Config):
    """Pruning stops trials early: at each rung about one in `eta` continues, and any trial that no other dominates.

    A rung judges once it has `min_trials` results. No rung below the share `grace` of the budget judges, because young
    learning curves cross.
    """

    eta: Annotated[float, Field(gt=1, le=16)] = 3.0
    min_trials: Annotated[int, Field(ge=1, le=1000)] = 4
    grace: Annotated[float, Field(ge=0, lt=1)] = 0.25


def _pruning(value: Any) -> Any:
    """Returns the default rule for `pruning: true`, and no rule for `pruning: false`."""
    return {} if value is True else None if value is False else value


class SearchSpec(Config):
    """This is which students are tried. `points` are tried first; several `seeds` are a dimension of their own.

    An adaptive search with 0 `trials` has the rows that other sweeps finished, and none of its own.

    Adaptive samplers depend on the order in which trials end. With `reproducible` they are asked and told in batches of
    `batch_size`, so that spec and seed alone decide what is asked.

    The sampler `limit` goes straight for the compression limit of the whole space, with the seeds that it needs of each
    student. It ends when the limit lies within one step of the space with the probability `confidence` and the ends of
    its 95% interval are at most a factor of `precision` apart; with a confidence of 1 it never ends before its trials.
    With `extend` it goes on among smaller widths where its smallest size holds, and among larger ones where none does.
    """

    trials: Annotated[int, Field(ge=0, le=100_000)]
    objectives: tuple[Cost, Quality] = ("parameters", "fid")
    # The default was chosen by tests/benchmarks/samplers.py.
    sampler: Literal["tpe", "nsgaii", "gp", "random", "grid", "limit"] = "nsgaii"
    space: Space
    points: tuple[Point, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None
    constraints: Constraints = Constraints()
    pruning: Annotated[PruningSpec | None, BeforeValidator(_pruning)] = None
    reproducible: bool = False
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 8
    population_size: Annotated[int, Field(ge=2, le=1000)] = 20  # for nsgaii alone
    confidence: Confidence = Field(default=0.9, exclude_if=partial(operator.eq, 0.9))  # for limit alone, as is the next
    precision: Precision = Field(default=1.5, exclude_if=partial(operator.eq, 1.5))
    extend: bool = Field(default=False, exclude_if=operator.not_)

    @property
    def is_adaptive(self) -> bool:
        """Returns whether what is asked depends on all results so far, those of other sweeps among them."""
        return self.sampler != "grid" and not self.reproducible

    @property
    def is_timed(self) -> bool:
        """Returns whether the search is led by how long its students take, once deployed."""
        return self.objectives[0] == LATENCY

    @model_validator(mode="after")
    def _is_complete(self) -> "SearchSpec":
        domains = self.space.domains()
        for number, point in enumerate(self.points, start=1):
            _require_inside(domains, point, number=number)
        twice = [seed for place, seed in enumerate(self.seeds or ()) if seed in (self.seeds or ())[:place]]
        if twice:
            raise ValueError(f"seeds has each seed once, got {twice[0]} again; remove one")
        if self.sampler == "grid" and any(isinstance(domain, FloatDomain) for domain in domains.values()):
            raise ValueError("a grid needs int or choice domains; use choice, or a sampler other than grid")
        if self.trials == 0 and not self.is_adaptive:
            raise ValueError("0 trials leave a grid or a reproducible search nothing; give 1 or more")
        if self.sampler == "gp" and self.trials > MOST_TRIALS_OF_GP:
            raise ValueError(f"gp takes seconds a suggestion beyond {MOST_TRIALS_OF_GP} trials; use tpe or nsgaii")
        if self.reproducible and self.is_timed:
            raise ValueError("latency_ms is another each time, and a reproducible search is not; leave one of them out")
        if self.reproducible and self.pruning:
            raise ValueError("pruning depends on timing, which a reproducible search must not; leave one of them out")
        if self.sampler == "limit":
            self._require_limit()
        elif given := sorted({"confidence", "precision", "extend"} & self.model_fields_set):
            names = " and ".join(f"search.{name}" for name in given)
            raise ValueError(
                f"the sampler limit alone has {names}, got the sampler {self.sampler}; leave out what it has"
            )
        return self

    def _require_limit(self) -> None:
        """Raises ValueError for what does not go with the sampler `limit`."""
        domains = self.space.domains()
        if every_point(domains, MOST_STUDENTS) is None:
            floats = [name for name, domain in domains.items() if isinstance(domain, FloatDomain)]
            got = f"type: float for {', '.join(floats)}" if floats else "more"
            raise ValueError(
                f"the sampler limit compares at most {MOST_STUDENTS} students, of int and choice domains, got {got}; "
                "narrow them, or take another sampler"
            )
        if self.seeds is not None:
            raise ValueError(
                "the sampler limit takes as many seeds of a student as it needs, got search.seeds "
                f"{', '.join(map(str, self.seeds))}; leave search.seeds out"
            )
        if self.pruning:
            raise ValueError(
                f"the sampler limit stops no trial at a rung, got search.pruning with eta {self.pruning.eta:g}; "
                "leave search.pruning out"
            )
        if self.extend and self.reproducible:
            raise ValueError(
                "search.extend leads to a space that a reproducible search does not know beforehand, got both true; "
                "leave one of them out"
            )
        if self.extend and not any(isinstance(domain, IntDomain) for domain in self.space.widths().values()):
            kinds = ", ".join(sorted({domain.type for domain in self.space.widths().values()}))
            raise ValueError(
                f"search.extend widens a range of widths, got widths of type {kinds}; write type: int, or leave "
                "search.extend out"
            )
        if self.objectives[0] not in WHOLE_COSTS:
            raise ValueError(
                f"the sampler limit seeks the fewest parameters or bytes, got the cost {self.objectives[0]}; write "
                f"{' or '.join(WHOLE_COSTS)}"
            )


def _require_inside(domains: Mapping[str, AnyDomain], point: Point, *, number: int) -> None:
    values = point.values
    outside = [name for name, domain in domains.items() if name not in values or not domain.holds(values[name])]
    given = {name for name, default in UNSEARCHED.items() if name not in domains and values[name] != default}
    outside += [f"{name}, which is not searched," for name in sorted(given)]
    outside += sorted(values.keys() - domains.keys() - UNSEARCHED.keys())
    if outside:
        raise ValueError(f"a point lies in the space; mend {', '.join(outside)} of point {number}")
