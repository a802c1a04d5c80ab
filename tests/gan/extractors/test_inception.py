"""Inception with random weights in a file of the true shape, against torch-fidelity end to end."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_fidelity

from gan import GanError, Pretrained, Protocol, RealReference, find_weights
from gan.digests import file_digest
from gan.extractors.features import extract
from gan.measuring.evaluation import Evaluator
from gan.measuring.metrics import FeatureStatistics
from tests.gan.extractors.random_weights import write_inception

IMAGES = 16


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inception(tmp_path_factory.mktemp("inception") / "weights.pth")


def test_metrics_equal_torch_fidelity_end_to_end(weights: Path, images: Any, few: dict[str, Any]) -> None:
    real, fake = images(1, 0, count=IMAGES), images(2, 60, count=IMAGES)
    inception = Pretrained(find_weights("inception", weights))
    features, _ = extract(inception, real.images)
    protocol = Protocol(dataset_digest="d", extractor="inception", extractor_digest="e", num_samples=IMAGES)
    reference = RealReference(FeatureStatistics.of(features), features)
    ours = Evaluator(protocol, inception, real=reference).measure(fake.images, splits=4, whole=True)
    theirs = torch_fidelity.calculate_metrics(
        input1=fake,
        input2=real,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights),
        isc=True,
        isc_splits=4,
        kid_subset_size=IMAGES // 2,
        **few,
    )
    assert ours.inception_score is not None
    assert ours.inception_score > 1.02
    assert ours.inception_score == pytest.approx(theirs["inception_score_mean"], rel=1e-5)
    assert ours.inception_score_std == pytest.approx(theirs["inception_score_std"], rel=1e-4)
    assert ours.fid == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    assert ours.kid == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)
    assert ours.kid_error == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-3)  # n / 2 at once
    assert (ours.precision, ours.recall) == pytest.approx((theirs["precision"], theirs["recall"]))


def test_a_grey_image_is_read_as_three_equal_channels(weights: Path, images: Any) -> None:
    inception = Pretrained(find_weights("inception", weights))
    grey = images(1, 0, count=2).images[:, :1]
    assert torch.equal(inception.read(grey)[0], inception.read(grey.repeat(1, 3, 1, 1))[0])


def test_the_weights_are_known_by_their_digest(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLIMIT_INCEPTION_WEIGHTS", str(weights))
    found = find_weights("inception")
    assert found.digest == file_digest(weights)
    assert not found.customary


@pytest.mark.parametrize("named", [True, False])
def test_missing_weights_are_named_with_their_digest(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("GANLIMIT_INCEPTION_WEIGHTS", raising=False)
    path = tmp_path / "absent.pth" if named else None
    with pytest.raises(GanError, match=r"weights-inception-2015-12-05-6726825d\.pth.*begins with 6726825d") as caught:
        find_weights("inception", path, download=False)
    assert str(tmp_path) in str(caught.value)
    assert "--inception-weights" in str(caught.value)


class Explosive:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return open, ("exploded",)


@pytest.mark.parametrize("content", ["code", "text", "other tensors"])
def test_a_file_that_is_no_inception_is_refused_and_runs_nothing(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    if content == "code":
        path.write_bytes(pickle.dumps(Explosive()))
    elif content == "text":
        path.write_text("not found")
    else:
        torch.save({"fc.weight": torch.zeros(3)}, path)
    with pytest.raises(GanError, match=r"tensors of torch-fidelity's inception-v3-compat, got .*weights\.pth"):
        Pretrained(find_weights("inception", path))
    assert not (tmp_path / "exploded").exists()
