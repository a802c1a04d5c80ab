from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase

from gan import (
    AbsentScoreError,
    Classifier,
    ClassifierConfig,
    Evaluator,
    Generator,
    ImageDataset,
    Metrics,
    Protocol,
    RealReference,
    generate,
    train_classifier,
)
from gan.extractors.features import extract
from gan.images import to_uint8, to_unit_range


@pytest.fixture(scope="module")
def classifier(digits: ImageDataset) -> Classifier:
    *_, progress = train_classifier(ClassifierConfig(epochs=10), digits)
    assert progress.held_out_accuracy >= 0.97
    return progress.classifier


def protocol(digits: ImageDataset, **changes: int) -> Protocol:
    values = {"num_samples": 256, "inception_splits": 4, **changes}
    return Protocol(dataset_digest=digits.digest, extractor="classifier", extractor_digest="e", **values)


def test_metrics_equal_torch_fidelity_end_to_end(
    classifier: Classifier, digits: ImageDataset, teacher: Generator, tmp_path: Path
) -> None:
    class Extractor(FeatureExtractorBase):
        """The same classifier, as torch-fidelity wants it."""

        def __init__(self, name: str, features_list: list[str], **kwargs: object) -> None:
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("penultimate", "logits")

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            features, logits = classifier(to_unit_range(images[:, :1]))
            outputs = {"penultimate": features, "logits": logits}
            return tuple(outputs[name] for name in self.features_list)

    class Images(torch.utils.data.Dataset[Tensor]):
        def __init__(self, images: Tensor) -> None:
            self.images = images

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, index: int) -> Tensor:
            return self.images[index]

    torch_fidelity.register_feature_extractor("digits-classifier-test", Extractor)
    evaluator = Evaluator(protocol(digits), classifier, real=RealReference.of(classifier, digits))
    ours = evaluator.evaluate(teacher)
    fakes = generate(teacher, evaluator.latents(teacher.config.latent_size))
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(fakes),
        input2=Images(digits.train_images),
        feature_extractor="digits-classifier-test",
        feature_layer_fid="penultimate",
        feature_layer_isc="logits",
        fid=True,
        isc=True,
        isc_splits=4,
        samples_shuffle=False,
        cuda=False,
        cache=False,
        verbose=False,
    )
    assert ours.fid == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    assert ours.inception_score == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    assert ours.inception_score_std == pytest.approx(theirs["inception_score_std"], rel=1e-5)


def test_real_images_are_near_the_floor_and_noise_is_not(
    classifier: Classifier, digits: ImageDataset, teacher: Generator
) -> None:
    evaluator = Evaluator(protocol(digits), classifier, real=RealReference.of(classifier, digits))
    real, noise = evaluator.evaluate_held_out(digits), evaluator.evaluate(teacher)
    assert real.fid < noise.fid / 10
    assert real.inception_score > 8 > noise.inception_score


class WithoutClasses:
    """What a classifier sees, without the classes that it tells."""

    def __init__(self, classifier: Classifier, classes: int = 0) -> None:
        self._classifier, self._classes, self.device = classifier, classes, classifier.device

    def read(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features, logits = self._classifier.read(images)
        return features, logits[:, : self._classes] if self._classes else None


@pytest.mark.parametrize(("classes", "got"), [(0, "one without classes"), (1, "one")])
def test_an_extractor_without_classes_gives_every_score_but_the_inception_score(
    classes: int, got: str, classifier: Classifier, digits: ImageDataset, teacher: Generator
) -> None:
    blind, reference = WithoutClasses(classifier, classes), RealReference.of(classifier, digits)
    found = Evaluator(protocol(digits), blind, real=reference).evaluate(teacher, whole=True)
    seeing = Evaluator(protocol(digits), classifier, real=reference).evaluate(teacher, whole=True)
    lacking = {"inception_score", "inception_score_std"}
    reason = f"Inception Score needs an extractor of at least two classes, got {got}"
    assert found.absent == dict.fromkeys(lacking, reason)
    assert found.as_dict() == {name: value for name, value in seeing.as_dict().items() if name not in lacking}
    assert Metrics.model_validate_json(found.model_dump_json()) == found
    assert "absent" not in seeing.model_dump()


def test_too_few_held_out_images_have_no_fid_and_say_so(
    classifier: Classifier, digits: ImageDataset, teacher: Generator
) -> None:
    few = replace(digits, held_out_images=digits.held_out_images[:100])
    evaluator = Evaluator(protocol(digits), classifier, real=RealReference.of(classifier, digits))
    real = evaluator.evaluate_held_out(few)
    assert real.fid is None
    assert real.absent == {"fid": "FID needs at least 2 * 64 samples for 64 features, got 100"}
    assert real.inception_score > 8
    assert real.sharpness > 0
    with pytest.raises(AbsentScoreError, match=r"at least 2 \* 64 samples .* got 100"):
        evaluator.measure(few.held_out_images, splits=1)


def test_a_few_samples_are_measured_in_what_can_be_had_of_them(digits: ImageDataset, teacher: Generator) -> None:
    classifier = Classifier(ClassifierConfig(features=8), 1, num_classes=10).eval()
    few = protocol(digits, num_samples=20).model_copy(update={"fid_infinity": True})
    found = Evaluator(few, classifier, real=RealReference.of(classifier, digits)).evaluate(teacher, whole=True)
    assert found.as_dict().keys() == {"fid", "inception_score", "inception_score_std", "sharpness"}
    assert found.absent.keys() == {"kid", "kid_error", "precision", "recall", "fid_infinity"}


def test_evaluating_is_repeatable(classifier: Classifier, digits: ImageDataset, teacher: Generator) -> None:
    statistics = RealReference.of(classifier, digits)
    first, second = (Evaluator(protocol(digits), classifier, real=statistics).evaluate(teacher) for _ in range(2))
    assert first == second


def test_a_protocol_is_known_by_everything_in_it(digits: ImageDataset) -> None:
    digest = protocol(digits).digest
    assert digest == protocol(digits).digest
    for change in ({"num_samples": 512}, {"inception_splits": 5}, {"latent_seed": 1}):
        assert protocol(digits, **change).digest != digest


def test_extraction_does_not_depend_on_its_batches(classifier: Classifier, digits: ImageDataset) -> None:
    images = digits.held_out_images[:100]
    whole, parts = extract(classifier, images, batch_size=100), extract(classifier, images, batch_size=7)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_uint8_survives_the_unit_range() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_unit_range(levels)), levels)
    assert to_uint8(torch.tensor([-2.0, 2.0])).tolist() == [0, 255]
