"""What an earlier version stored means what it meant then, and what it made keeps its identity."""

import json
from typing import Any

import pytest

import sweeps
from sweeps.ledger.sweeps import stored_spec
from sweeps.ledger.tags import spec_tags
from tests.sweeps.untrained_search import request_of

STATISTICS = "batchnorm_statistics"
# Of a trial, by version 0.2.0 from before there were standing statistics.
KEY_BEFORE = "1c40d71a8bcbce90b7d6f052cf25e56d183a81657cb26b09b72f0e58e2dafc36"


def test_a_sweep_that_an_earlier_version_began_keeps_its_statistics(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file(tiny))
    assert spec.student.batchnorm_statistics == spec.baseline.batchnorm_statistics == "standing"
    assert stored_spec(spec_tags(spec.model_dump_json())) == spec
    before = spec.model_dump(mode="json")
    for recipe in (before["student"], before["baseline"], before["teacher"]["training"]):
        del recipe[STATISTICS]
    found = stored_spec(spec_tags(json.dumps(before)))
    assert {found.student.batchnorm_statistics, found.baseline.batchnorm_statistics} == {"running"}
    assert found.trained_teacher.training.batchnorm_statistics == "running"


@pytest.mark.parametrize("statistics", ["running", "standing"])
def test_an_identity_is_without_what_earlier_versions_did_not_say(statistics: str) -> None:
    request = request_of({"width": 2, "depth": 1, "gan_weight": 0.0, "seed": 0})
    assert request.distillation is not None
    recipe = request.distillation.model_copy(update={STATISTICS: statistics})
    key = request.model_copy(update={"distillation": recipe}).key
    assert (key == KEY_BEFORE) == (statistics == "running")
