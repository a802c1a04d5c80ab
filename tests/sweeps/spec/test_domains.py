"""Every domain is checked against what it feeds, so that two points are two students, and none fails when it begins."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sweeps
from sweeps.planning.points import architecture_at
from sweeps.spec.space import extremes

ADVICE = [
    ("width", {"type": "choice", "values": [1.5, 2]}, "search.space.width takes whole numbers, got 1.5; write such."),
    ("width", {"type": "choice", "values": [2.0, 3]}, "search.space.width takes whole numbers, got 2.0; write such."),
    ("width", 1.5, "search.space.width takes whole numbers, got 1.5; write such."),
    (
        "width",
        {"type": "float", "low": 1, "high": 4},
        "search.space.width takes whole numbers, got a domain of type float; write type: int.",
    ),
    (
        "depth",
        {"type": "float", "low": 1, "high": 2},
        "search.space.depth takes whole numbers, got a domain of type float; write type: int.",
    ),
    (
        "depth",
        {"type": "int", "low": 1, "high": 9},
        "search.space.depth is at least 1 and at most 8, got 1 to 9; narrow the domain.",
    ),
    ("gan_weight", {"type": "choice", "values": [0, 0.0]}, "a choice has each value once, got 0.0 again; remove one."),
    ("gan_weight", "none", "search.space.gan_weight takes numbers, got 'none'; write numbers."),
    ("block", 2, "search.space.block is of dcgan, separable, resize, got 2; choose of them."),
    ("block", True, "search.space.block is of dcgan, separable, resize, got True; choose of them."),
    ("depth", True, "search.space.depth takes numbers, got True; write numbers."),
    ("gan_weight", {"type": "choice", "values": [False, 0.1]}, "takes numbers, got False; write numbers."),
    (
        "first_layer_rank",
        [4, 8],
        "search.space.first_layer_rank: a searched value is a number, a word, true or false, got [4, 8]; "
        "write one of these.",
    ),
]
STUDENT = [
    (
        "batch_size",
        {"type": "float", "low": 32, "high": 64},
        "feeds the student's recipe: input should be a valid integer, got 32.0; narrow the domain.",
    ),
    (
        "optimiser.beta1",
        {"type": "choice", "values": [0.5, 1.5]},
        "feeds the student's recipe: input should be less than 1, got 1.5; narrow the domain.",
    ),
    (
        "adversarial.critic.minibatch_deviation",
        {"type": "choice", "values": [True, 2]},
        "feeds the student's recipe: input should be a valid boolean, got 2; narrow the domain.",
    ),
    (
        "gan_every",
        True,
        "feeds the student's recipe: input should be a valid integer, got True; narrow the domain.",
    ),
    ("batch_sise", 32, "is of the student's recipe; did you mean batch_size."),
    ("kimg.fast", 2, "is of the student's recipe; "),
    ("gan_weight", 0.1, "has a domain of its own; write search.space.gan_weight."),
]


def mistakes(tiny: dict[str, Any], spec_file: Any) -> tuple[list[str], list[str]]:
    """Returns the lines of the file, and those of the error."""
    path = spec_file(tiny)
    with pytest.raises(sweeps.SpecError) as caught:
        sweeps.load_spec(path)
    return path.read_text().splitlines(), str(caught.value).splitlines()


@pytest.mark.parametrize(("key", "domain", "advice"), ADVICE)
def test_a_domain_that_does_not_fit_is_one_line_in_our_words(
    key: str, domain: Any, advice: str, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["search"]["points"], tiny["search"]["space"][key] = [], domain
    file, (_, found) = mistakes(tiny, spec_file)
    number = int(re.findall(r"line (\d+): ", found)[0])
    assert any(line.strip().startswith(f"{key}:") for line in file[number - 2 : number]), "its line or its first key's"
    assert found.endswith(advice)


@pytest.mark.parametrize(("key", "domain", "advice"), STUDENT)
def test_so_is_one_of_the_recipe(key: str, domain: Any, advice: str, tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["search"]["points"], tiny["search"]["space"]["student"] = [], {key: domain}
    file, (_, found) = mistakes(tiny, spec_file)
    assert f"search.space.student.{key} {advice}" in found + "." * advice.endswith(" ")
    number = int(re.findall(r"line (\d+): ", found)[0])
    assert any(line.strip().startswith(f"{key}:") for line in file[number - 2 : number]), "its line or its first key's"


def test_a_seed_twice_would_be_two_points_of_one_student(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["search"]["seeds"] = [0, 1, 0]
    _, (_, found) = mistakes(tiny, spec_file)
    assert found.endswith("search: seeds has each seed once, got 0 again; remove one.")


def spec_or_mistake(path: Path) -> sweeps.SweepSpec | str:
    try:
        return sweeps.load_spec(path)
    except sweeps.SpecError as error:
        return str(error)


VALUES = st.one_of(
    st.integers(-2, 12), st.floats(-1, 10, allow_nan=False).map(lambda x: round(x, 1)), st.sampled_from(["dcgan", "x"])
)
RANGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["int", "float"]), "low": VALUES, "high": VALUES}, optional={"log": st.booleans()}
)
CHOICES = st.fixed_dictionaries({"type": st.just("choice"), "values": st.lists(VALUES, max_size=3)})
KEYS = ("width", "depth", "gan_weight", "block", "batch_size", "optimiser.beta1", "feature_weight", "kimg.fast")


@given(key=st.sampled_from(KEYS), domain=st.one_of(RANGES, CHOICES, VALUES))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_domain_is_refused_in_our_words_or_every_value_of_it_is_a_student_of_its_own(
    key: str, domain: Any, tiny: dict[str, Any], spec_file: Any
) -> None:
    data = json.loads(json.dumps(tiny))
    data["search"] |= {"points": [], "space": {"width": 2, "gan_weight": 0.05}}
    is_own = key in {"width", "depth", "gan_weight", "block"}
    data["search"]["space"] |= {key: domain} if is_own else {"student": {key: domain}}
    spec = spec_or_mistake(spec_file(yaml.safe_dump(data)))
    if isinstance(spec, str):
        assert re.search(r"line \d+: search\.space", spec)
        assert "pydantic" not in spec
        return
    students = []
    for value in extremes(spec.domains()[key]):
        point: dict[str, Any] = {"width": 2, "depth": 1, "gan_weight": 0.05, key: value}
        architecture, recipe = architecture_at(spec, point), spec.recipe(point)
        students.append((architecture, recipe))
        place: Any = architecture if key in {"width", "depth", "block"} else recipe
        for name in key.split("."):
            place = getattr(place, name)
        assert place == value
    distinct = set(extremes(spec.domains()[key]))
    assert len({(str(architecture), str(recipe)) for architecture, recipe in students}) == len(distinct)
