"""From points of a space over ranks, stages and blocks to students, and back from the rows of a table."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import sweeps
from gan import GeneratorConfig, count_parameters, training_bytes
from gan.networks.blocks import BLOCKS
from sweeps.planning.points import architecture_at, corners, excess_at, first_points, is_allowed, largest_student
from sweeps.spec.architecture import architecture_of, architecture_of_row, columns_of, dimensions_of_row, width_text
from sweeps.spec.search import SearchSpec
from sweeps.spec.template import json_schema

SHAPE = {"image_size": 16, "image_channels": 1, "latent_size": 16}
STAGES = [{"type": "int", "low": 2, "high": 16}, {"type": "int", "low": 1, "high": 8}]
RANKS = {"type": "int", "low": 0, "high": 12}


def built(**given: Any) -> GeneratorConfig:
    return GeneratorConfig.model_validate({**SHAPE, **given})


@pytest.mark.parametrize(
    ("point", "architecture", "text"),
    [
        ({"width": 4}, built(width=4), "4"),
        ({"width": 4, "first_layer_rank": 0}, built(width=4), "4"),
        ({"width": 4, "first_layer_rank": 3}, built(width=4, first_layer_rank=3), "4 r3"),
        ({"stage_widths.0": 8, "stage_widths.1": 4}, built(width=4), "4"),
        ({"stage_widths.0": 7, "stage_widths.1": 4}, built(width=4, stage_widths=(7, 4)), "7-4"),
        (
            {"stage_widths.0": 7, "stage_widths.1": 9, "depth": 2, "block": "resize", "first_layer_rank": 2},
            built(width=9, stage_widths=(7, 9), depth=2, block="resize", first_layer_rank=2),
            "7-9 r2",
        ),
    ],
)
def test_a_point_is_one_student_and_so_is_its_row(
    point: dict[str, Any], architecture: GeneratorConfig, text: str
) -> None:
    assert architecture_of(point, SHAPE) == architecture
    assert width_text(architecture) == text
    row = columns_of(architecture)
    assert architecture_of(architecture_of_row(row), SHAPE) == architecture
    whole = dimensions_of_row(row, SHAPE)
    assert {"first_layer_rank", "stage_widths.0", "stage_widths.1", "depth", "block"} <= whole.keys()
    assert architecture_of(whole, SHAPE) == architecture


def test_a_teacher_has_a_block_of_its_own_and_says_nothing_of_the_usual_one() -> None:
    usual, resized = sweeps.load_spec("digits-seeds"), sweeps.load_spec("digits-seeds", {"teacher.block": "resize"})
    assert resized.teacher_architecture == usual.teacher_architecture.model_copy(update={"block": "resize"})
    assert "block" not in usual.model_dump(mode="json")["teacher"]
    assert resized.model_dump(mode="json")["teacher"]["block"] == "resize"
    assert resized.student_architecture(4, 1).block == "dcgan"
    with pytest.raises(sweeps.SpecError, match=re.escape("teacher.block")):
        sweeps.load_spec("digits-seeds", {"teacher.block": "resnet"})


def test_stages_stand_in_their_order_whatever_that_of_the_point() -> None:
    widths = {f"stage_widths.{number}": 20 - number for number in reversed(range(6))}
    assert architecture_of(widths, {**SHAPE, "image_size": 256}).stage_channels == [20, 19, 18, 17, 16, 15]


def space_of(**given: Any) -> dict[str, Any]:
    return {"depth": 1, "gan_weight": 0.05, **given}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    (space_of(), "search.space: a space has a width, or stage_widths in its place, got none; give one of them."),
    (space_of(width=2, stage_widths=[4, 2]), "stage_widths in its place, got both; give one of them."),
    (space_of(stage_widths=[4]), "search.space.stage_widths has a domain for each of 2 stages, got 1; give those of"),
    (space_of(stage_widths=[17, 8]), "search.space.stage_widths.0 lies between 1 and the teacher's width 16, got 17"),
    (space_of(stage_widths=[16, 9]), "search.space.stage_widths.1 lies between 1 and the teacher's width 8, got 9"),
    (space_of(stage_widths=[0, 2]), "search.space.stage_widths.0 lies between 1 and the teacher's width 16, got 0"),
    (space_of(stage_widths=[4.0, 2]), "search.space.stage_widths.0 takes whole numbers, got 4.0; write such."),
    (space_of(stage_widths=["wide", 2]), "search.space.stage_widths.0 takes numbers, got 'wide'; write numbers."),
    (space_of(stage_widths=4), "search.space.stage_widths: input should be a valid"),
    (space_of(width=2, first_layer_rank=-1), "search.space.first_layer_rank lies between 0, the whole layer, and 12,"),
    (space_of(width=2, first_layer_rank=13), "got 13 to 13; narrow the domain."),
    (space_of(width=2, first_layer_rank={"type": "choice", "values": [2, 2.5]}), "takes whole numbers, got 2.5; write"),
    (space_of(width=2, first_layer_rank="low"), "search.space.first_layer_rank takes numbers, got 'low'; write"),
    (space_of(width=2, student={"first_layer_rank": 2}), "search.space.student.first_layer_rank is of the student's"),
]


@pytest.mark.parametrize(("space", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_space_without_such_students_is_one_line_and_the_code_of_a_mistake(
    space: dict[str, Any], said: str, tiny: dict[str, Any], spec_file: Any, ganlimit: Any
) -> None:
    tiny["search"] |= {"points": [], "space": space}
    answer = ganlimit("sweep", "plan", spec_file(tiny))
    assert answer.code == 2
    assert re.search(r"line \d+: ", answer.stderr)
    assert said in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr


POINTS: list[tuple[dict[str, Any], str]] = [
    ({"width": 2}, "mend stage_widths.0, stage_widths.1, width of point 1"),
    ({"stage_widths": [4]}, "mend stage_widths.1 of point 1"),
    ({"stage_widths": [4, 2, 1]}, "mend stage_widths.2 of point 1"),
    ({"stage_widths": [17, 2]}, "mend stage_widths.0 of point 1"),
    ({"stage_widths": [4, 2], "first_layer_rank": 13}, "mend first_layer_rank of point 1"),
    ({"stage_widths": [2, 2], "first_layer_rank": 11}, "at most 10 at the width of point 1, got 11; lower it"),
]


@pytest.mark.parametrize(("point", "said"), POINTS, ids=[said for _, said in POINTS])
def test_a_point_that_is_no_student_is_refused(
    point: dict[str, Any], said: str, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["search"] |= {"points": [point], "space": {"stage_widths": STAGES, "first_layer_rank": RANKS}}
    with pytest.raises(sweeps.SpecError, match=said):
        sweeps.load_spec(spec_file(tiny))


def test_a_rank_that_is_not_searched_is_said_to_be_so(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["search"]["points"] = [{"width": 2, "first_layer_rank": 2}]
    with pytest.raises(sweeps.SpecError, match="mend first_layer_rank, which is not searched, of point 1"):
        sweeps.load_spec(spec_file(tiny))


def test_points_have_a_value_for_each_dimension_and_those_of_before_the_same(search_spec: Callable[..., Any]) -> None:
    space = {"stage_widths": STAGES, "first_layer_rank": RANKS}
    spec = search_spec(space=space, points=[{"stage_widths": [5, 3], "gan_weight": 0.0}])
    assert first_points(spec) == [{"stage_widths.0": 5, "stage_widths.1": 3, "first_layer_rank": 0}]
    again = SearchSpec.model_validate_json(spec.search.model_dump_json())
    assert again == spec.search
    before = search_spec(space={"width": 2}, points=[{"width": 2}]).search
    assert not {"stage_widths", "first_layer_rank"} & {*before.space.model_dump(), *before.points[0].model_dump()}


def test_the_ends_of_the_space_are_students(search_spec: Callable[..., Any]) -> None:
    ranks = {"type": "choice", "values": [0, 2, 11]}
    space = {"width": {"type": "int", "low": 1, "high": 8}, "first_layer_rank": ranks, "depth": 1, "gan_weight": 0.0}
    spec = search_spec(space={**space, "block": {"type": "choice", "values": list(BLOCKS)}})
    found = {(end.width, end.first_layer_rank) for end in corners(spec) if end.block == "dcgan"}
    assert found == {(1, None), (1, 2), (8, None), (8, 2), (8, 11)}, "at width 1 no rank above 10 saves anything"
    largest, recipe = largest_student(spec)
    held = [training_bytes(end, recipe.batch_size) for end in corners(spec)]
    assert training_bytes(largest, recipe.batch_size) == max(held)


def test_a_rank_beyond_is_exceeded_as_a_constraint_is(search_spec: Callable[..., Any]) -> None:
    space = {"width": {"type": "int", "low": 1, "high": 8}, "first_layer_rank": RANKS}
    whole = count_parameters(built(width=1))
    spec = search_spec(space=space, constraints={"max_parameters": whole - 1})
    point = {"width": 1, "depth": 1, "gan_weight": 0.0}
    assert architecture_at(spec, point).greatest_rank == 10
    found = [excess_at(spec, {**point, "first_layer_rank": rank}) for rank in (0, 10, 11)]
    assert [excess["first_layer_rank"] for excess in found] == pytest.approx([-1.0, 0.0, 0.1])
    dear, cheap, beyond = (excess["max_parameters"] for excess in found)
    assert dear == beyond > 0 > cheap, "beyond the greatest rank a student costs at least what the whole layer does"
    assert [is_allowed(spec, {**point, "first_layer_rank": rank}) for rank in (0, 10, 11)] == [False, True, False]


def test_editors_know_the_keys() -> None:
    space = json_schema()["$defs"]["Space"]
    assert space["properties"]["stage_widths"]["items"] == {"anyOf": space["properties"]["width"]["anyOf"]}
    assert {"type": ["number", "string"]} in space["properties"]["first_layer_rank"]["anyOf"]
    assert "width" not in space.get("required", [])
