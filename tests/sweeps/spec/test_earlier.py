"""What an earlier version stored means what it meant then, and what it made keeps its identity."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

import sweeps
from sweeps.driver.sameness import as_begun, refuse_other_spec
from sweeps.ledger.sweeps import stored_spec
from sweeps.ledger.tags import spec_tags
from tests.sweeps.untrained_search import request_of

STATISTICS = "batchnorm_statistics"
# Of a trial, by version 0.2.0 from before there were standing statistics.
KEY_BEFORE = "1c40d71a8bcbce90b7d6f052cf25e56d183a81657cb26b09b72f0e58e2dafc36"


def begun_before(spec: sweeps.SweepSpec) -> Any:
    """The parent run of the sweep as a version without these statistics stored it."""
    before = spec.model_dump(mode="json")
    for recipe in (before["student"], before["baseline"], before["teacher"]["training"]):
        del recipe[STATISTICS]
    return SimpleNamespace(data=SimpleNamespace(tags=spec_tags(json.dumps(before))))


def statistics_of(spec: sweeps.SweepSpec) -> set[str]:
    return {each.batchnorm_statistics for each in (spec.student, spec.baseline, spec.trained_teacher.training)}


def test_a_sweep_that_an_earlier_version_began_keeps_its_statistics(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file(tiny))
    assert statistics_of(spec) == {"standing"}
    assert stored_spec(spec_tags(spec.model_dump_json())) == spec
    assert statistics_of(stored_spec(begun_before(spec).data.tags)) == {"running"}


def test_the_command_that_began_it_goes_on_with_them(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file(tiny))
    assert as_begun(None, spec) == spec
    going_on = as_begun(begun_before(spec), spec)
    assert statistics_of(going_on) == {"running"}
    refuse_other_spec(begun_before(spec), going_on)
    tiny["student"][STATISTICS] = "standing"
    stated = sweeps.load_spec(spec_file(tiny))
    with pytest.raises(sweeps.SweepError, match="other values for student"):
        refuse_other_spec(begun_before(spec), as_begun(begun_before(spec), stated))


@pytest.mark.parametrize("statistics", ["running", "standing"])
def test_an_identity_is_without_what_earlier_versions_did_not_say(statistics: str) -> None:
    request = request_of({"width": 2, "depth": 1, "gan_weight": 0.0, "seed": 0})
    assert request.distillation is not None
    recipe = request.distillation.model_copy(update={STATISTICS: statistics})
    key = request.model_copy(update={"distillation": recipe}).key
    assert (key == KEY_BEFORE) == (statistics == "running")
