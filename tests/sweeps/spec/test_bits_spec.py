"""The bits of a student's weights are searched as anything else is, and bytes may lead a search."""

from typing import Any

import pytest

import sweeps
from analysis import example_trials
from sweeps.results.importance import importances
from sweeps.spec.sweep import BYTES, PARAMETERS


def changed(tiny: dict[str, Any], **search: Any) -> dict[str, Any]:
    tiny["search"] |= {"points": [], **search}
    return tiny


def with_bits(tiny: dict[str, Any], *bits: Any) -> dict[str, Any]:
    return {**tiny["search"]["space"], "student": {"bits": {"type": "choice", "values": list(bits)}}}


def test_bits_are_a_dimension_and_their_limit_is_one_of_bytes(tiny: dict[str, Any], spec_file: Any) -> None:
    space = with_bits(tiny, 32, 8, 6, 4)
    spec = sweeps.load_spec(spec_file(changed(tiny, space=space, objectives=["weight_bytes", "fid"])))
    assert [spec.recipe({"bits": bits}).bits for bits in (32, 8, 6, 4)] == [32, 8, 6, 4]
    assert spec.limit_cost == BYTES
    assert sweeps.load_spec(spec_file(changed(tiny, objectives=["mac_g", "fid"]))).limit_cost == PARAMETERS


def test_how_much_bits_matter_is_told_of_floats_too(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file(changed(tiny, space=with_bits(tiny, 32, 4))))
    rows = [
        {"width": width, "fid": 20.0 / width + few, "settings": f'{{"bits": {4 if few else 32}}}', "bits": few or None}
        for width in (1, 2, 3, 4)
        for few in (0, 4)
    ]
    found = importances(spec, example_trials(*rows))
    assert found["bits"] > 0.05


@pytest.mark.parametrize(
    ("bits", "search", "top", "mistake"),
    [
        ((32, 5), {}, {}, "search.space.student.bits feeds the student's recipe: input should be 32, 8, 6 or 4, got 5"),
        ((32, 4), {}, {"student": {"bits": 5}}, "32, 8, 6 or 4"),
        (
            (32, 4),
            {"objectives": ["mac_g", "fid"], "sampler": "limit"},
            {},
            "seeks the fewest parameters or bytes, got the cost mac_g; write parameters or weight_bytes",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tiny: dict[str, Any], spec_file: Any, bits: Any, search: Any, top: Any, mistake: str
) -> None:
    spec = changed(tiny, space=with_bits(tiny, *bits), **search)
    for key, value in top.items():
        spec[key] = {**spec.get(key, {}), **value} if isinstance(value, dict) else value
    if search.get("sampler") == "limit":
        spec["search"].pop("pruning", None)
    with pytest.raises(sweeps.SweepError) as refused:
        sweeps.load_spec(spec_file(spec))
    assert mistake in str(refused.value)
