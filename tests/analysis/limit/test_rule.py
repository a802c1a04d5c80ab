"""What a rule may say, and what it means."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from analysis import TRIAL_SCHEMA, LimitRule
from analysis.columns import QUALITIES
from analysis.limit.rule import RELATIVE


@pytest.mark.parametrize(
    "mistake",
    [
        {"metric": "colour"},
        {"tolerance": -0.1},
        {"tolerance": "1"},
        {"x": 1},
        {"metric": "inception_score", "tolerance": 1.0},
        {"threshold": 9.0},
        {"metric": "kid"},
        {"metric": "kid", "tolerance": None},
        {"tolerance": None, "threshold": 0.0},
        {"tolerance": None, "threshold": math.nan},
    ],
)
def test_a_rule_is_checked_at_birth(mistake: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LimitRule.model_validate({"metric": "fid", "tolerance": 0.5, **mistake})


def test_a_rule_is_relative_or_absolute_and_half_by_default() -> None:
    for data in ({}, {"metric": "fid"}, {"tolerance": None, "threshold": None}):
        assert LimitRule.model_validate(data) == LimitRule(metric="fid", tolerance=0.5)
    stored = LimitRule(metric="kid", threshold=-0.001)
    assert LimitRule.model_validate_json(stored.model_dump_json()) == stored
    assert LimitRule.model_validate_json(LimitRule().model_dump_json()) == LimitRule()
    with pytest.raises(ValidationError, match=r"got tolerance 0\.5 and threshold 9"):
        LimitRule(tolerance=0.5, threshold=9.0)
    with pytest.raises(ValidationError, match="a rule on latent_mse has a threshold"):
        LimitRule(metric="latent_mse", tolerance=0.5)


def test_every_quality_is_a_metric_and_those_of_the_teacher_are_relative() -> None:
    assert tuple(LimitRule.model_json_schema()["properties"]["metric"]["enum"]) == tuple(QUALITIES)
    assert {name for name in QUALITIES if f"teacher_{name}" in TRIAL_SCHEMA.names} == set(RELATIVE)


def test_a_rule_in_words() -> None:
    assert LimitRule(tolerance=1.0).describe(10.26) == "FID at most 10.3 (2 times the teacher's)"
    assert (
        LimitRule(metric="inception_score", tolerance=0.17).describe(7.47) == "IS at least 7.47 (83% of the teacher's)"
    )
    assert LimitRule(metric="kid", threshold=0.02).describe(0.02) == "KID at most 0.02"
