"""This module counts and lists the points of a search: those it asks first or may ask at all, and the space's ends."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from gan import DistillationConfig, GeneratorConfig, training_bytes
from gan.networks.dcgan import halved_widths
from sweeps.spec.architecture import architecture_of, rank_excess, with_whole_layer
from sweeps.spec.extension import widest
from sweeps.spec.search import RANK, STAGE, UNSEARCHED
from sweeps.spec.space import Value, distributions, every_point, extremes, point_of
from sweeps.spec.sweep import SweepSpec

SAMPLED_POINTS = 300
LISTED_POINTS = 2000  # a space with at most so many points is listed
MOST_PLACES = 100  # of this space that a trial of another may have
ARCHITECTURE = ("width", "depth", "block", RANK)  # and the widths of the stages

Params = dict[str, Any]  # a point as Optuna has it: what is searched, without what is fixed


def corners(spec: SweepSpec) -> list[GeneratorConfig]:
    """Returns the architectures at the ends of the space, where there are such students."""
    domains = {name: domain for name, domain in spec.domains().items() if _is_of_architecture(name)}
    columns = [extremes(domain) for domain in domains.values()]
    points = [dict(zip(domains, row, strict=True)) for row in itertools.product(*columns)]
    return [architecture_at(spec, point) for point in points if rank_excess(point, spec.shape) <= 0]


def _is_of_architecture(name: str) -> bool:
    return name in ARCHITECTURE or name.startswith(STAGE)


def sampled_points(spec: SweepSpec) -> list[dict[str, Value]]:
    """Returns points of the space drawn at random, always the same ones."""
    study, domains = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), spec.domains()
    return [point_of(study.ask(distributions(domains)).params, domains) for _ in range(SAMPLED_POINTS)]


def architecture_at(spec: SweepSpec, point: Mapping[str, Value]) -> GeneratorConfig:
    """Returns the student at a point of the space that has one."""
    return architecture_of(point, spec.shape)


def excess_at(spec: SweepSpec, point: Mapping[str, Value]) -> dict[str, float]:
    """Returns by which share the student at a point exceeds each limit on it; at most 0 where the limit is kept.

    One with a rank that saves no parameters costs no less than with a whole first layer, whose costs are taken.
    """
    found = {RANK: rank_excess(point, spec.shape)} if spec.search.space.first_layer_rank else {}
    beyond = found.get(RANK, 0.0) > 0
    student = architecture_at(spec, with_whole_layer(point) if beyond else point)
    return found | spec.search.constraints.excess(student)


def is_allowed(spec: SweepSpec, point: Mapping[str, Value]) -> bool:
    """Returns whether there is a student at a point, and it keeps every limit."""
    return all(excess <= 0 for excess in excess_at(spec, point).values())


def largest_student(spec: SweepSpec) -> tuple[GeneratorConfig, DistillationConfig]:
    """Returns the student whose training takes most memory among those that the search allows, and its heaviest recipe.

    The recipe has the greatest batch, critic, GAN weight and weights of features of the space. Anything else that is
    searched has its first value.
    """
    spec = widest(spec)
    domains = spec.domains()
    recipes = [name for name in domains if not _is_of_architecture(name) and name != "seed"]
    ends = {name: extremes(domains[name]) for name in recipes}
    greatest = ("gan_weight", "batch_size", "feature_weight", "critic_features", "adversarial.critic.width")
    recipe = spec.recipe({name: max(values) if name in greatest else values[0] for name, values in ends.items()})
    drawn = [point for point in sampled_points(spec) if rank_excess(point, spec.shape) <= 0]
    students = {*corners(spec), *(architecture_at(spec, point) for point in drawn)}
    allowed = [student for student in students if spec.search.constraints.allow(student)] or list(students)
    return max(allowed, key=lambda student: (training_bytes(student, recipe.batch_size), student.width)), recipe


def largest_of(specs: Sequence[SweepSpec]) -> SweepSpec:
    """Returns the sweep whose largest student takes most memory."""

    def size(spec: SweepSpec) -> int:
        student, recipe = largest_student(spec)
        return training_bytes(student, recipe.batch_size)

    return max(specs, key=size)


def places_of(spec: SweepSpec, values: Mapping[str, Value]) -> list[dict[str, Value]]:
    """Returns the points of the space that may be a trial of another sweep, whose own space gave it `values`.

    An architecture has what is usual where the other space did not name it. A recipe may have any value there: the
    trial's identity tells which, if any.
    """
    domains = spec.domains()
    stages = halved_widths(int(values["width"]), spec.shape["image_size"]) if "width" in values else ()
    known = {**UNSEARCHED, **{f"{STAGE}{number}": width for number, width in enumerate(stages)}, **values}
    if not all(domain.holds(known[name]) for name, domain in domains.items() if name in known):
        return []
    unnamed = {name: domain for name, domain in domains.items() if name not in known}
    own = {name: known[name] for name in domains if name in known}
    return [own | rest for rest in every_point(unnamed, MOST_PLACES) or []]


def each_once(points: list[Params]) -> list[Params]:
    return list({frozen(params): params for params in points}.values())


def frozen(params: Params) -> frozenset[tuple[str, Any]]:
    return frozenset(params.items())


def planned_trials(spec: SweepSpec) -> int:
    """Returns how many trials the search has: the spec's number, or all points of a grid that has fewer."""
    return min(len(first_points(spec)), spec.search.trials) if spec.search.sampler == "grid" else spec.search.trials


def listed_points(spec: SweepSpec, at_most: int) -> list[Params] | None:
    """Returns every point that a search may ever ask for; None where they cannot be listed.

    They can be for a grid, and for a space with at most `at_most` points.
    """
    if spec.search.sampler == "grid":
        return first_points(spec)
    names, points = distributions(spec.domains()), every_point(spec.domains(), at_most)
    return None if points is None else [{name: point[name] for name in names} for point in points]


def first_points(spec: SweepSpec) -> list[Params]:
    """Returns the points that a new study has in line, each once: the spec's and, of a grid search, the whole grid."""
    domains = spec.domains()
    names = distributions(domains)
    first_seed = {"seed": spec.student_seeds[0]} if "seed" in domains else {}
    given = [{**point.values, **first_seed} for point in spec.search.points]
    points: list[Params] = [{name: point[name] for name in names} for point in given]
    if spec.search.sampler == "grid":
        columns = [domains[name].values for name in names]
        points += [dict(zip(names, row, strict=True)) for row in itertools.product(*columns)]
    return each_once(points)
