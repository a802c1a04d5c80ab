"""Extractors are named as the field names them, by a word or a mapping."""

from typing import Any

import pytest

import sweeps
from gan import ClassifierConfig
from gan.digests import value_digest
from sweeps.errors import SpecError
from sweeps.spec.models import EXTRACTORS, ClassifierSpec, OwnExtractorSpec, PretrainedSpec, SelfSupervisedSpec
from sweeps.spec.sweep import SweepSpec
from sweeps.spec.template import json_schema

OWN = {"file": "/net.pt", "image_size": 64, "image_channels": 3, "range": [0, 1], "features": 32}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"features": 32, "epochs": 3}, ClassifierSpec(features=32, epochs=3)),
        ("classifier", ClassifierSpec()),
        ({"kind": "classifier", "width": 8}, ClassifierSpec(width=8)),
        ("selfsupervised", SelfSupervisedSpec(kind="selfsupervised")),
        ({"kind": "selfsupervised", "words": 64}, SelfSupervisedSpec(kind="selfsupervised", words=64)),
        ("inception", PretrainedSpec(kind="inception")),
        ("dinov2-vit-s-14", PretrainedSpec(kind="dinov2-vit-s-14")),
        ({"kind": "clip-vit-b-32", "weights": "/w.pt"}, PretrainedSpec(kind="clip-vit-b-32", weights="/w.pt")),
        (OWN, OwnExtractorSpec(file="/net.pt", image_size=64, image_channels=3, range=(0.0, 1.0), features=32)),
    ],
)
def test_each_kind_is_read_and_read_again_as_it_is_stored(
    given: Any, expected: Any, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["extractor"], tiny["evaluation"]["num_samples"] = given, 4096
    spec = sweeps.load_spec(spec_file(tiny))
    assert spec.extractor == expected
    assert SweepSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_classifier_is_stored_as_before_there_were_other_kinds() -> None:
    assert ClassifierSpec().model_dump() == ClassifierConfig().model_dump()
    assert PretrainedSpec(kind="inception").model_dump() == {"kind": "inception"}
    assert value_digest(ClassifierSpec(epochs=3).model_dump()) == value_digest(ClassifierConfig(epochs=3).model_dump())


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (
            "dinov2-vit-s14",
            r"extractor: an extractor is classifier, .*got 'dinov2-vit-s14'; did you mean dinov2-vit-s-14",
        ),
        ({"kind": "inceptoin"}, r"got 'inceptoin'; did you mean inception"),
        ({"epoch": 3}, r"extractor\.epoch: unknown key\. Did you mean epochs"),
        ({"kind": "vgg16", "weigths": "w"}, r"extractor\.weigths: unknown key\. Did you mean weights"),
        ("vgg16", r"at least twice the extractor's 4096 features, got 256"),
        ({**OWN, "mean": [0.5]}, r"mean has a value for each of 3 channels, got \[0\.5\]"),
        ({**OWN, "range": [1, 0]}, r"range is black, white; got \[1\.0, 0\.0\]"),
        ({**OWN, "features": 0}, r"extractor\.features: input should be greater than or equal to 1"),
        ({**OWN, "pixels": 3}, r"extractor\.pixels: unknown key"),
    ],
)
def test_what_is_no_extractor_is_named_with_its_remedy(
    given: Any, rule: str, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["extractor"] = given
    with pytest.raises(SpecError, match=rule):
        sweeps.load_spec(spec_file(tiny))


def test_a_grey_extractor_is_refused_for_colour_images(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["dataset"], tiny["extractor"] = "shapes", {**OWN, "image_channels": 1}
    with pytest.raises(SpecError, match=r"image_channels 1 reads grey images, and those of shapes have 3"):
        sweeps.load_spec(spec_file(tiny))


@pytest.mark.parametrize(
    "change",
    [
        {"student": {"kimg": 4, "feature_weight": 0.1}},
        {
            "search": {
                "trials": 2,
                "space": {"width": 2, "student": {"feature_weight": {"type": "float", "low": 0.0, "high": 1.0}}},
            }
        },
    ],
)
def test_only_features_of_an_extractor_of_ours_are_matched(
    change: dict[str, Any], tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["search"] = {"trials": 2, "space": {"width": 2}}
    assert sweeps.load_spec(spec_file({**tiny, **change})).extractor.kind == "classifier"
    tiny["extractor"], tiny["evaluation"]["num_samples"] = "clip-vit-b-32", 2048
    with pytest.raises(SpecError, match=r"feature_weight above 0 matches features of classifier.*clip-vit-b-32"):
        sweeps.load_spec(spec_file({**tiny, **change}))


def test_the_schema_for_editors_knows_every_name() -> None:
    schema = json_schema()
    mapping, word = schema["properties"]["extractor"]["anyOf"]
    assert word["enum"] == list(EXTRACTORS)
    assert {branch["$ref"].rpartition("/")[2] for branch in mapping["oneOf"]} == {
        "ClassifierSpec",
        "SelfSupervisedSpec",
        "PretrainedSpec",
        "OwnExtractorSpec",
    }
