"""FID of each class: a generator that makes good images of the wrong classes is found by nothing else."""

from pathlib import Path

import pytest
import torch

from gan import Classifier, ClassifierConfig, Evaluator, ImageDataset, Metrics, Protocol, RealReference
from gan.extractors.features import extract
from gan.measuring.metrics import FeatureStatistics, fid


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(ClassifierConfig(features=16), 1, num_classes=10).eval()


def protocol(digits: ImageDataset, *, per_class: bool = True) -> Protocol:
    values = {"dataset_digest": digits.digest, "extractor": "classifier", "extractor_digest": "e", "num_samples": 512}
    return Protocol.model_validate({**values, "fid_per_class": per_class})


def test_images_of_the_wrong_class_are_found(classifier: Classifier, digits: ImageDataset, tmp_path: Path) -> None:
    RealReference.of(classifier, digits, num_classes=10).save(tmp_path / "reference")
    evaluator = Evaluator(protocol(digits), classifier, real=RealReference.load(tmp_path / "reference"))
    images, classes = digits.train_images, torch.eye(10)[digits.train_labels]
    right, wrong = (
        evaluator.measure(images, 1, whole=True, classes_NK=own) for own in (classes, classes.roll(1, dims=1))
    )
    assert right.fid == wrong.fid == pytest.approx(0, abs=1e-6)
    assert list(right.fid_per_class) == [str(label) for label in range(10)]
    assert max(right.fid_per_class.values()) < 1e-3 * min(wrong.fid_per_class.values())
    features_NF, _ = extract(classifier, images)
    threes, twos = (FeatureStatistics.of(features_NF[digits.train_labels.numpy() == label]) for label in (3, 2))
    assert wrong.fid_per_class["3"] == pytest.approx(fid(threes, twos))
    assert Metrics.model_validate({**wrong.as_dict(), "absent": wrong.absent}) == wrong
    assert wrong.as_dict()["fid_class_3"] == wrong.fid_per_class["3"]


def test_a_class_with_too_few_images_is_absent_with_the_reason(classifier: Classifier, digits: ImageDataset) -> None:
    evaluator = Evaluator(protocol(digits), classifier, real=RealReference.of(classifier, digits, num_classes=10))
    few = torch.cat([(digits.train_labels != 3).nonzero()[:, 0], (digits.train_labels == 3).nonzero()[:20, 0]])
    found = evaluator.measure(
        digits.train_images[few], 1, whole=True, classes_NK=torch.eye(10)[digits.train_labels[few]]
    )
    assert "3" not in found.fid_per_class
    assert len(found.fid_per_class) == 9
    assert found.absent["fid_per_class"] == "FID needs at least 2 * 16 samples for 16 features, got 20 (class 3)"
    without = Evaluator(protocol(digits), classifier, real=RealReference.of(classifier, digits, num_classes=7))
    others = without.measure(digits.train_images, 1, whole=True, classes_NK=torch.eye(10)[digits.train_labels])
    assert others.fid_per_class == {}
    assert "a data set of other classes (class 0, 1, 2, 3" in others.absent["fid_per_class"]


def test_it_is_measured_only_where_it_is_asked_for(classifier: Classifier, digits: ImageDataset) -> None:
    plain = protocol(digits, per_class=False)
    assert "fid_per_class" not in plain.model_dump()
    evaluator = Evaluator(plain, classifier, real=RealReference.of(classifier, digits))
    found = evaluator.measure(digits.train_images, 1, whole=True, classes_NK=torch.eye(10)[digits.train_labels])
    assert found.fid_per_class == {}
    assert "fid_per_class" not in found.absent
