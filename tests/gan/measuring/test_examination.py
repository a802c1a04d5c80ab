"""Rulers that are straight, and rulers that are blind in a known way."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gan import (
    Classifier,
    ClassifierConfig,
    DataRoot,
    DatasetConfig,
    Examination,
    ExaminedLevel,
    FeatureExtractor,
    GanError,
    ImageDataset,
    RealReference,
    examine,
    is_straight,
    load_dataset,
    train_classifier,
)
from gan.extractors.features import extract
from gan.measuring.disturbances import disturbances_of, modes_of
from gan.measuring.metrics import FeatureStatistics, fid, fid_of_few
from gan.seeds import build_seeded

ALL = ["blur", "noise", "contrast", "swapped patches", "black boxes", "another set", "dropped modes"]


class Reader:
    """An extractor whose features are a function of images uint8 BCHW."""

    device = torch.device("cpu")

    def __init__(self, features: Callable[[Tensor], Tensor]) -> None:
        self._features = features

    @property
    def num_features(self) -> int:
        return self._features(torch.zeros(1, 1, 16, 16)).shape[1]

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, None]:
        return self._features(images_BCHW.float()), None


def examined(extractor: FeatureExtractor, dataset: ImageDataset) -> Examination:
    features, _ = extract(extractor, dataset.train_images)
    *_, last = examine(extractor, dataset, real=FeatureStatistics.of(features), extractor_digest="e")
    return last.examination


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ImageDataset:
    root = DataRoot(tmp_path_factory.mktemp("data"))
    return load_dataset(DatasetConfig(name="shapes", num_images=1500, image_size=16), root)


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_each_disturbance_begins_with_real_images_and_moves_away_from_them(
    kind: str, digits: ImageDataset, shapes: ImageDataset
) -> None:
    dataset = digits if kind == "grey" else shapes
    names, rows = [], {image.tobytes() for image in dataset.held_out_images.numpy()}
    for disturbance in disturbances_of(dataset):
        names.append(disturbance.name)
        real, *spoilt = [disturbance.at(level) for level in disturbance.levels]
        assert all(image.tobytes() in rows for image in real)
        assert {(images.dtype, images.shape) for images in (real, *spoilt)} == {(np.dtype(np.uint8), real.shape)}
        away = [np.abs(images.astype(float) - real).mean() for images in spoilt]
        assert 0 < away[0] < away[1] < away[2]
    assert names == ALL


def test_what_a_disturbance_leaves_alone_stays(digits: ImageDataset) -> None:
    found = {disturbance.name: disturbance for disturbance in disturbances_of(digits)}
    real = found["contrast"].at(0)
    mean, deviation = real.mean(axis=(1, 2, 3)), real.std(axis=(1, 2, 3))
    faded = found["contrast"].at(0.5)
    np.testing.assert_allclose(faded.mean(axis=(1, 2, 3)), mean, atol=0.5)
    np.testing.assert_allclose(faded.std(axis=(1, 2, 3)), deviation / 2, atol=0.5)
    swapped = found["swapped patches"].at(1.0)
    np.testing.assert_array_equal(np.sort(swapped.reshape(len(real), -1)), np.sort(real.reshape(len(real), -1)))
    assert (found["black boxes"].at(0.2) <= real).all()
    changed = (found["another set"].at(0.25) != real).any(axis=(1, 2, 3))
    assert changed.sum() == round(0.25 * len(real))


def test_dropped_modes_are_gone_and_no_image_is_there_twice(digits: ImageDataset) -> None:
    *_, dropped = disturbances_of(digits)
    label_of = {
        image.tobytes(): int(label)
        for image, label in zip(digits.held_out_images.numpy(), digits.held_out_labels, strict=True)
    }
    sets = [[image.tobytes() for image in dropped.at(level)] for level in dropped.levels]
    assert [len({label_of[image] for image in images}) for images in sets] == [10, 10, 10, 5]
    assert all(len(set(images)) == len(images) for images in sets)


def test_modes_that_lie_together_are_dropped_together() -> None:
    brightness, labels = np.array([200, 20, 220, 40], np.uint8), np.repeat(np.arange(4), 5)
    images = np.broadcast_to(brightness[labels][:, None, None, None], (20, 1, 16, 16))
    modes = modes_of(images, labels, num_classes=4)
    assert {frozenset(labels[modes < 2]), frozenset(labels[modes >= 2])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_modes_without_classes_are_clusters(digits: ImageDataset) -> None:
    images, labels = digits.held_out_images.numpy(), digits.held_out_labels.numpy()
    found = modes_of(images, np.zeros_like(labels), num_classes=1)
    assert len(np.unique(found)) == 10
    by_class = modes_of(images, labels, num_classes=10)
    pairs = set(zip(labels.tolist(), by_class.tolist(), strict=True))
    assert (len(pairs), {mode for _, mode in pairs}) == (10, set(range(10))), "one mode for each class"
    purity = sum(np.bincount(labels[found == mode]).max() for mode in range(10)) / len(labels)
    assert purity > 0.6


def test_a_good_classifier_is_a_straight_ruler(digits: ImageDataset) -> None:
    *_, progress = train_classifier(ClassifierConfig(epochs=4), digits)
    examination = examined(progress.classifier, digits)
    assert examination.faults == ()
    assert Examination.model_validate_json(examination.model_dump_json()) == examination


def test_a_ruler_of_brightness_is_refused_for_what_it_cannot_see(digits: ImageDataset) -> None:
    examination = examined(Reader(lambda images: images.mean(dim=(2, 3))), digits)
    assert not examination.passed
    told = {fault.partition(":")[0]: fault for fault in examination.faults}
    assert {"swapped patches", "contrast"} <= told.keys()
    assert "noise" not in told
    assert told["swapped patches"] == "swapped patches: 0.288 at level 0, 0.288 at 0.25, 0.288 at 0.5, 0.288 at 1"


def test_a_ruler_that_says_the_same_of_everything_is_refused_for_all(digits: ImageDataset) -> None:
    examination = examined(Reader(lambda images: torch.ones(len(images), 8)), digits)
    assert [fault.partition(":")[0] for fault in examination.faults] == ALL


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("different", "classes"), [(1, 1), (3, 1), (1, 10)])
def test_equal_images_are_a_named_fault_and_no_warning(different: int, classes: int, digits: ImageDataset) -> None:
    images_NCHW = digits.held_out_images[torch.arange(60) % different]
    labels_N = torch.arange(60) % classes
    same = dataclasses.replace(
        digits, held_out_images=images_NCHW, held_out_labels=labels_N, num_classes=classes, train_images=images_NCHW
    )
    examination = examined(Reader(lambda images: images.flatten(1)[:, 100:108]), same)
    assert different == 3 or "dropped modes: 0 at level 0, 0 at 0.67" in str(examination.faults)
    modes_N = modes_of(images_NCHW.numpy(), labels_N.numpy(), num_classes=classes)
    assert len(np.unique(modes_N)) == different


def test_fewer_training_images_than_twice_the_features_are_enough_for_an_examination_alone(
    digits: ImageDataset,
) -> None:
    few = dataclasses.replace(digits, train_images=digits.train_images[:200], train_labels=digits.train_labels[:200])
    pixels = Reader(lambda images: images.flatten(1))
    with pytest.raises(
        GanError, match=r"2 \* 256 real images .*, got 200\. Use more images, or an extractor with fewer"
    ):
        RealReference.of(pixels, few)
    real = RealReference.of(pixels, few, few=True).statistics
    *_, last = examine(pixels, few, real=real, extractor_digest="e")
    assert not {"noise", "contrast", "another set"} & {fault.partition(":")[0] for fault in last.examination.faults}


def test_a_classifier_of_a_single_class_does_not_know_the_modes(shapes: ImageDataset) -> None:
    # With one class the loss is 0 from the first step: training leaves the weights as chance made them.
    network = build_seeded(0, lambda: Classifier(ClassifierConfig(), 3, num_classes=1))
    with torch.inference_mode():
        for part in torch.split(shapes.train_images, 64):  # the statistics of its batch norms
            network.read(part)
    assert "dropped modes" in [fault.partition(":")[0] for fault in examined(network.eval(), shapes).faults]


def test_too_few_images_and_features_that_are_not_finite_are_named(digits: ImageDataset) -> None:
    few = dataclasses.replace(digits, held_out_images=digits.held_out_images[:19])
    mean = Reader(lambda images: images.mean(dim=(2, 3)))
    with pytest.raises(GanError, match=r"at least 20 held-out images, got 19\."):
        examined(mean, few)
    real = FeatureStatistics.of(extract(mean, digits.train_images)[0])
    with pytest.raises(GanError, match=r"finite features, got 359 NaN"):
        list(
            examine(
                Reader(lambda images: images.mean(dim=(2, 3)).log() * 0 / 0), digits, real=real, extractor_digest=""
            )
        )


def rising(*distances: float, floor: float, disturbance: str = "blur") -> tuple[ExaminedLevel, ...]:
    pairs = zip(distances, (distances[0], *distances), strict=False)
    levels = [{"level": float(n), "distance": there, "rise": there - below} for n, (there, below) in enumerate(pairs)]
    return tuple(
        ExaminedLevel(disturbance=disturbance, images=100, floor=floor, error=1.0, **level) for level in levels
    )


def test_a_fall_from_one_level_to_the_next_is_a_fault() -> None:
    assert is_straight(rising(1.0, 9.0, 12.0, 15.0, floor=0.0))
    assert not is_straight(rising(1.0, 9.0, 12.0, 11.0, floor=0.0))
    assert not is_straight(rising(1.0, 2.9, 12.0, 15.0, floor=0.0)), "not apart from the images as they are"


@pytest.mark.parametrize(("disturbance", "far"), [("blur", 5.0), ("dropped modes", 1.5)])
def test_far_is_some_times_what_the_images_as_they_are_lie_above_the_floor(disturbance: str, far: float) -> None:
    little = (100.0, 102.1, 103.2, 104.3)
    assert not is_straight(rising(*little, floor=0.0, disturbance=disturbance)), "a hundredth more"
    of_number = 96.0  # of the 100: 4 and an error of 1 are the images as they are
    for strongest, seen in ((of_number + 5 * far + 0.1, True), (of_number + 5 * far - 0.1, False)):
        levels = (100.0, 102.1, strongest) if disturbance != "blur" else (100.0, 105.0, 110.0, strongest)
        assert is_straight(rising(*levels, floor=of_number, disturbance=disturbance)) is seen


def test_who_was_not_tried_with_all_has_not_passed(digits: ImageDataset) -> None:
    *_, last = examine(
        (reader := Reader(lambda images: torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1))),
        digits,
        real=FeatureStatistics.of(extract(reader, digits.train_images)[0]),
        extractor_digest="e",
    )
    whole = last.examination
    assert whole.is_whole
    seen = tuple(each for each in whole.levels if each.disturbance == "noise")
    assert (part := whole.model_copy(update={"levels": seen})).faults == ()
    assert not part.passed


@pytest.mark.parametrize("count", [10, 40])
def test_the_distance_of_few_samples_is_that_of_their_covariance(count: int) -> None:
    random = np.random.default_rng(0)
    real = FeatureStatistics.of(random.normal(size=(100, 24)) @ random.normal(size=(24, 24)))
    features = random.normal(size=(count, 24))
    plain = FeatureStatistics(features.mean(axis=0), np.cov(features, rowvar=False), count=count)
    assert fid_of_few(real, features) == pytest.approx(fid(real, plain), rel=1e-7)  # roots of eigenvalues that are 0
