"""Statistics of real images as pytorch-fid and clean-fid write them, and FIDs against them."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid.fid_score import calculate_activation_statistics, calculate_frechet_distance
from torch import Tensor

from gan import (
    ArtifactError,
    Classifier,
    ClassifierConfig,
    Evaluator,
    GanError,
    Generator,
    ImageDataset,
    Protocol,
    RealReference,
    load_statistics,
)
from gan.extractors.features import extract
from gan.measuring.metrics import FeatureStatistics, fid
from gan.measuring.published import statistics_digest

RANDOM = np.random.default_rng(11)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(3)  # of weights with which all features vary, so that the covariance has a root
    return Classifier(ClassifierConfig(features=16), 1, num_classes=10).eval()


class AsInception(torch.nn.Module):
    """A classifier in the place of pytorch-fid's Inception: RGB in [0, 1] to a list of one map BF11."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> list[Tensor]:
        features, _ = self.classifier(images[:, :1] * 2 - 1)
        return [features[:, :, None, None]]


@pytest.fixture(scope="module")
def published(classifier: Classifier, digits: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The statistics of 200 digits by pytorch-fid's own code, written as its --save-stats writes them."""
    folder = tmp_path_factory.mktemp("published")
    files = []
    for number, image in enumerate(digits.train_images[:200]):
        files.append(folder / f"{number:03d}.png")
        Image.fromarray(image[0].numpy()).convert("RGB").save(files[-1])
    mu, sigma = calculate_activation_statistics(
        files, AsInception(classifier), batch_size=50, dims=16, device="cpu", num_workers=0
    )
    np.savez_compressed(folder / "stats.npz", mu=mu, sigma=sigma)
    return folder / "stats.npz"


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_pytorch_fids_statistics_give_pytorch_fids_distance(
    published: Path, classifier: Classifier, digits: ImageDataset
) -> None:
    features_NF, _ = extract(classifier, digits.train_images[:200])
    ours, theirs = FeatureStatistics.of(features_NF), load_statistics(published)
    assert theirs.count is None
    np.testing.assert_allclose(theirs.mean, ours.mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(theirs.covariance, ours.covariance, rtol=1e-3, atol=1e-7)
    for images in (digits.held_out_images[:200], digits.train_images[200:] // 2):
        fake = FeatureStatistics.of(extract(classifier, images)[0])
        expected = calculate_frechet_distance(theirs.mean, theirs.covariance, fake.mean, fake.covariance)
        assert fid(theirs, fake) == pytest.approx(expected, rel=1e-6)
        assert expected > 1e-4


def test_an_evaluation_against_published_statistics_has_a_fid_and_no_samples_to_compare(
    published: Path, classifier: Classifier, digits: ImageDataset, teacher: Generator, tmp_path: Path
) -> None:
    protocol = Protocol(
        dataset_digest=digits.digest, extractor="classifier", extractor_digest="e", num_samples=128, fid_infinity=True
    )
    own = Evaluator(protocol, classifier, real=RealReference.of(classifier, digits)).evaluate(teacher, whole=True)
    RealReference(load_statistics(published)).save(tmp_path / "reference")
    kept = RealReference.load(tmp_path / "reference")
    assert kept.features_MF is None
    assert kept.statistics.count is None
    evaluator = Evaluator(protocol, classifier, real=kept)
    found = evaluator.evaluate(teacher, whole=True)
    assert found.fid == pytest.approx(own.fid, rel=0.2)
    assert found.fid != own.fid
    assert found.fid_infinity is not None
    assert (found.kid, found.kid_error, found.precision, found.recall) == (None,) * 4
    assert found.absent.keys() == {"kid", "kid_error", "precision", "recall"}
    assert all("got published statistics alone" in reason for reason in found.absent.values())
    assert (found.inception_score, found.sharpness) == (own.inception_score, own.sharpness)
    assert evaluator.evaluate_held_out(digits).fid < found.fid


def test_statistics_are_known_by_content_and_a_protocol_by_whose_they_are(published: Path, tmp_path: Path) -> None:
    statistics = load_statistics(published)
    np.savez(tmp_path / "again.npz", mu=statistics.mean, sigma=statistics.covariance, extra=np.zeros(3))
    digest = statistics_digest(load_statistics(tmp_path / "again.npz"))
    assert digest == statistics_digest(statistics)
    plain = Protocol(dataset_digest="d", extractor="inception", extractor_digest="e", num_samples=64)
    assert "reference" not in str(plain.model_dump())
    theirs = [
        plain.model_copy(update={"reference_digest": digest, "reference_by": by}) for by in ("TTUR, on CIFAR-10", "us")
    ]
    assert len({protocol.digest for protocol in (plain, *theirs)}) == 3


def test_covariances_of_few_or_of_rounded_features_are_taken(tmp_path: Path) -> None:
    few_NF = RANDOM.normal(size=(5, 32))
    rounded_NF = RANDOM.normal(size=(400, 32)).astype(np.float32)
    for features_NF in (few_NF, rounded_NF):
        sigma = np.cov(features_NF, rowvar=False).astype(features_NF.dtype)
        np.savez(tmp_path / "stats.npz", mu=features_NF.mean(0), sigma=sigma)
        np.testing.assert_allclose(load_statistics(tmp_path / "stats.npz").covariance, sigma, atol=1e-6)


EYE = np.eye(8)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"arr_0": np.zeros((4, 20, 20, 3), np.uint8)}, "got arr_0 in"),
        ({"feats": np.zeros((40, 8))}, "got feats in"),
        ({"mu": np.zeros(8)}, "got mu in"),
        ({"mu": np.zeros(8), "sigma": np.eye(7)}, r"got mu\(8,\) and sigma\(7, 7\)"),
        ({"mu": np.zeros((1, 8)), "sigma": EYE}, r"got mu\(1, 8\)"),
        ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, r"got mu\(0,\)"),
        ({"mu": np.zeros(8, int), "sigma": EYE}, "got int64 and float64"),
        ({"mu": np.full(8, np.nan), "sigma": EYE}, "not finite"),
        ({"mu": np.zeros(8), "sigma": EYE + np.inf}, "not finite"),
        ({"mu": np.zeros(8), "sigma": EYE + 0.01 * np.eye(8, k=1)}, "mirror image by 0.01"),
        ({"mu": np.zeros(8), "sigma": EYE - 0.5}, "a negative eigenvalue"),
        ({"mu": np.array([None] * 8, object), "sigma": EYE}, r"object\(8,\) in"),
    ],
)
def test_what_is_no_mean_and_covariance_is_refused(arrays: dict[str, Any], expected: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(GanError, match=expected) as refused:
        load_statistics(tmp_path / "odd.npz")
    assert str(tmp_path / "odd.npz") in str(refused.value)


def test_archives_of_anything_else_are_refused(tmp_path: Path) -> None:
    """What is no .npy, is there twice, is encrypted, or is packed in a way that nobody knows."""
    np.savez(tmp_path / "stats.npz", mu=np.zeros(8), sigma=EYE)
    whole = (tmp_path / "stats.npz").read_bytes()
    at = whole.index(b"PK\x01\x02")
    encrypted, packed = bytearray(whole), bytearray(whole)
    encrypted[at + 8] |= 1
    packed[at + 10] = 77
    for content, expected in ((encrypted, "encrypted"), (packed, "compression")):
        (tmp_path / "odd.npz").write_bytes(content)
        with pytest.raises(ArtifactError, match=rf"odd\.npz \(.*{expected}"):
            load_statistics(tmp_path / "odd.npz")
    for names, expected in ((("mu", "sigma"), "mu, which is no .npy file"), (("mu", "mu.npy", "sigma.npy"), "mu, mu,")):
        with zipfile.ZipFile(tmp_path / "odd.npz", "w") as archive:
            for name in names:
                archive.writestr(name, b"numbers")
        with pytest.raises(GanError, match=rf"got {expected}"):
            load_statistics(tmp_path / "odd.npz")


def test_a_file_that_is_missing_cut_or_damaged_is_refused(published: Path, tmp_path: Path) -> None:
    content = bytearray(published.read_bytes())
    content[len(content) // 2] ^= 0x55
    for name, written in (("cut", content[:900]), ("damaged", content), ("empty", b""), ("words", b"mu, sigma")):
        (tmp_path / name).write_bytes(written)
        with pytest.raises(ArtifactError, match=rf"Reference statistics are .*/{name} \("):
            load_statistics(tmp_path / name)
    with pytest.raises(ArtifactError, match=r"nowhere \(No such file"):
        load_statistics(tmp_path / "nowhere")
