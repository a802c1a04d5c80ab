"""What is searched, and how: the part of a sweep's specification that the search reads."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gan.config import Config
from gan.networks.cost import count_parameters, mac_g
from gan.networks.dcgan import BlockName, GeneratorConfig
from sweeps.spec.space import AnyDomain, Domain, FixedDomain, FloatDomain, Value

MOST_TRIALS_OF_GP = 500  # python -m tests.benchmarks.engine --asks --samplers gp

Seed = Annotated[int, Field(ge=0, lt=2**31)]

Cost = Literal["parameters", "mac_g"]  # known before any training
Quality = Literal["fid", "inception_score"]  # measured at every rung
OBJECTIVES: dict[str, Literal["minimize", "maximize"]] = {
    "parameters": "minimize",
    "mac_g": "minimize",
    "fid": "minimize",
    "inception_score": "maximize",
}


class Space(Config):
    """What is searched: a domain, or one fixed value, for each dimension.

    `student` holds anything else of the student's recipe by its dotted name, such as
    `optimiser.learning_rate`.
    """

    width: Domain
    depth: Domain = FixedDomain(type="fixed", value=1)
    gan_weight: Domain = FixedDomain(type="fixed", value=0.0)
    block: Domain | None = None  # dcgan where it is not searched
    student: dict[str, Domain] = Field(default_factory=dict)

    def domains(self) -> dict[str, AnyDomain]:
        """The domains by name of their dimension."""
        domains: dict[str, AnyDomain] = {"width": self.width, "depth": self.depth, "gan_weight": self.gan_weight}
        return domains | ({"block": self.block} if self.block else {}) | self.student


class Point(Config):
    """One student of the space; `student` holds its values for what the space names under `student`."""

    width: int
    depth: int = 1
    gan_weight: float = 0.0
    block: BlockName = "dcgan"
    student: dict[str, Value] = Field(default_factory=dict)

    @property
    def values(self) -> dict[str, Value]:
        """The values by name of their dimension."""
        own: dict[str, Value] = self.model_dump(exclude={"student"})
        return own | self.student


class Constraints(Config):
    """What a student may cost at most. Points beyond are known before training, and never trained."""

    max_parameters: Annotated[int, Field(ge=1)] | None = None
    max_mac_g: Annotated[float, Field(gt=0)] | None = None

    def excess(self, student: GeneratorConfig) -> dict[str, float]:
        """By how much each limit that is set is exceeded, as a share of it; at most 0 where it is kept."""
        costs = {
            "max_parameters": (self.max_parameters, count_parameters(student)),
            "max_mac_g": (self.max_mac_g, mac_g(student)),
        }
        return {name: cost / limit - 1 for name, (limit, cost) in costs.items() if limit is not None}

    def allow(self, student: GeneratorConfig) -> bool:
        """Whether every limit is kept."""
        return all(excess <= 0 for excess in self.excess(student).values())


class PruningSpec(Config):
    """Stopping trials early: at each rung about one in `eta` goes on, and whoever none other dominates.

    A rung judges from `min_trials` results on, and none does before the share `grace` of the budget: learning
    curves cross while they are young.
    """

    eta: Annotated[float, Field(gt=1, le=16)] = 3.0
    min_trials: Annotated[int, Field(ge=1, le=1000)] = 4
    grace: Annotated[float, Field(ge=0, lt=1)] = 0.25


def _pruning(value: Any) -> Any:
    """`pruning: true` is the default rule."""
    return {} if value is True else None if value is False else value


class SearchSpec(Config):
    """Which students are tried. `points` are tried first; several `seeds` are a dimension of their own.

    An adaptive search with 0 `trials` has the rows that other sweeps finished, and none of its own.

    Adaptive samplers depend on the order in which trials end; with `reproducible` they are asked and told
    in batches of `batch_size`, so that spec and seed alone decide what is asked.
    """

    trials: Annotated[int, Field(ge=0, le=100_000)]
    objectives: tuple[Cost, Quality] = ("parameters", "fid")
    sampler: Literal["tpe", "nsgaii", "gp", "random", "grid"] = "nsgaii"  # by tests/benchmarks/samplers.py
    space: Space
    points: tuple[Point, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None
    constraints: Constraints = Constraints()
    pruning: Annotated[PruningSpec | None, BeforeValidator(_pruning)] = None
    reproducible: bool = False
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 8
    population_size: Annotated[int, Field(ge=2, le=1000)] = 20  # of nsgaii

    @property
    def is_adaptive(self) -> bool:
        """Whether what is asked depends on all results so far, those of other sweeps among them."""
        return self.sampler != "grid" and not self.reproducible

    @model_validator(mode="after")
    def _is_complete(self) -> "SearchSpec":
        domains = self.space.domains()
        for number, point in enumerate(self.points, start=1):
            _require_inside(domains, point.values, number)
        if self.sampler == "grid" and any(isinstance(domain, FloatDomain) for domain in domains.values()):
            raise ValueError("a grid needs int or choice domains; use choice, or a sampler other than grid")
        if self.trials == 0 and not self.is_adaptive:
            raise ValueError("0 trials leave a grid or a reproducible search nothing; give 1 or more")
        if self.sampler == "gp" and self.trials > MOST_TRIALS_OF_GP:
            raise ValueError(f"gp takes seconds a suggestion beyond {MOST_TRIALS_OF_GP} trials; use tpe or nsgaii")
        if self.reproducible and self.pruning:
            raise ValueError("pruning depends on timing, which a reproducible search must not; leave one of them out")
        return self


def _require_inside(domains: Mapping[str, AnyDomain], values: Mapping[str, Value], number: int) -> None:
    outside = [name for name, domain in domains.items() if name not in values or not domain.holds(values[name])]
    if "block" not in domains and values["block"] != "dcgan":
        outside.append("block, which is not searched,")
    outside += sorted(values.keys() - domains.keys() - {"block"})
    if outside:
        raise ValueError(f"a point lies in the space; mend {', '.join(outside)} of point {number}")
