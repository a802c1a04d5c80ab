"""A space whose range of widths is widened: whole steps, never beyond the teacher, and only where the spec says so."""

from types import SimpleNamespace
from typing import Any

import pytest

from sweeps.driver.sameness import refuse_other_spec
from sweeps.errors import SweepError
from sweeps.ledger.tags import spec_tags
from sweeps.spec.extension import widened, widest, with_room_for

LIMIT = {"sampler": "limit", "extend": True}
ROW = {"depth": 1, "block": "dcgan", "first_layer_rank": None, "stage_widths": None}


def space(width: Any) -> dict[str, Any]:
    return {"width": width, "depth": {"type": "choice", "values": [1, 2]}, "gan_weight": 0.0}


def ends(spec: Any) -> tuple[int, int] | None:
    return spec and (spec.search.space.width.low, spec.search.space.width.high)


@pytest.mark.parametrize(
    ("given", "below", "above"),
    [
        ({"low": 4, "high": 5}, (2, 5), (4, 8)),
        ({"low": 3, "high": 4, "log": True}, (1, 4), (3, 8)),
        ({"low": 1, "high": 4}, None, (1, 8)),
        ({"low": 2, "high": 8}, (1, 8), None),
        ({"low": 7, "high": 8, "step": 3}, (4, 8), None),  # 7 alone, beside 4
        ({"low": 2, "high": 6, "step": 4}, (2, 6), None),
    ],
)
def test_a_range_is_doubled_on_one_side_within_the_teachers_width_of_8(
    search_spec: Any, given: dict[str, Any], below: Any, above: Any
) -> None:
    spec = search_spec(space=space({"type": "int", **given}), trials=9, **LIMIT)
    if below == (given["low"], given["high"]):
        below = None
    assert ends(widened(spec, smaller=True)) == below
    assert ends(widened(spec, smaller=False)) == above


def test_stages_are_widened_each_within_its_own(search_spec: Any) -> None:
    stages = [4, {"type": "int", "low": 2, "high": 3}]
    spec = search_spec(space={"stage_widths": stages}, trials=9, **LIMIT)
    found = widened(spec, smaller=False)
    assert found is not None
    first, last = found.search.space.stage_widths or ()
    assert first.type == "fixed"
    assert (last.low, last.high) == (2, 6)


def test_the_rows_tell_the_space_and_a_spec_that_does_not_allow_it_keeps_its_own(search_spec: Any) -> None:
    narrow = space({"type": "int", "low": 4, "high": 5})
    spec = search_spec(space=narrow, trials=9, **LIMIT)
    inside, far, large = ({**ROW, "width": width} for width in (4, 1, 7))
    assert with_room_for(spec, [inside]) is spec
    assert ends(with_room_for(spec, [inside, far])) == (1, 5)
    assert ends(with_room_for(spec, [far, large])) == (1, 8)
    assert ends(widest(spec)) == (4, 8)
    fixed = search_spec(space=narrow, trials=9, sampler="limit", extend=False)
    assert with_room_for(fixed, [far]) is fixed
    assert widest(fixed) is fixed
    assert "extend" not in fixed.model_dump()["search"], "the digests of specs of before are what they were"


def test_no_space_is_widened_beyond_what_the_search_can_compare(search_spec: Any) -> None:
    weights = {"type": "choice", "values": [number / 1000 for number in range(450)]}
    spec = search_spec(space={**space({"type": "int", "low": 7, "high": 8}), "gan_weight": weights}, trials=9, **LIMIT)
    assert widened(spec, smaller=True) is None


def test_a_sweep_that_has_begun_may_be_let_grow_and_then_stays_so(search_spec: Any) -> None:
    narrow = space({"type": "int", "low": 4, "high": 5})
    fixed, growing = (search_spec(space=narrow, trials=9, sampler="limit", extend=extend) for extend in (False, True))

    def parent(spec: Any) -> Any:
        return SimpleNamespace(data=SimpleNamespace(tags=spec_tags(spec.model_dump_json())))

    refuse_other_spec(parent(fixed), growing)
    with pytest.raises(SweepError, match=r"other values for search\.extend"):
        refuse_other_spec(parent(growing), fixed)
