from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gan import (
    DataRoot,
    DatasetConfig,
    GanError,
    ImageDataset,
    SelfSupervised,
    SelfSupervisedCard,
    SelfSupervisedConfig,
    SelfSupervisedProgress,
    examine,
    load_dataset,
    load_extractor,
    save_selfsupervised,
    train_selfsupervised,
)
from gan.extractors.features import DifferentiableExtractor, extract
from gan.images import to_unit_range
from gan.measuring.metrics import FeatureStatistics


@pytest.fixture(scope="module")
def learnt(digits: ImageDataset) -> SelfSupervisedProgress:
    *_, progress = train_selfsupervised(SelfSupervisedConfig(), digits)
    return progress


def test_it_passes_the_examination_on_digits(learnt: SelfSupervisedProgress, digits: ImageDataset) -> None:
    real = FeatureStatistics.of(extract(learnt.network, digits.train_images)[0])
    *_, last = examine(learnt.network, digits, real=real, extractor_digest="e")
    assert last.examination.faults == ()


def test_every_feature_counts_alike(learnt: SelfSupervisedProgress, digits: ImageDataset) -> None:
    features, logits = extract(learnt.network, digits.train_images)
    assert logits is None
    np.testing.assert_allclose(np.cov(features, rowvar=False), np.eye(64), atol=0.01)


def test_it_tells_classes_apart_that_it_was_never_told(learnt: SelfSupervisedProgress, digits: ImageDataset) -> None:
    train, held_out = (
        torch.from_numpy(extract(learnt.network, part)[0]) for part in (digits.train_images, digits.held_out_images)
    )
    nearest = digits.train_labels[torch.cdist(held_out, train).topk(5, largest=False).indices].mode(dim=1).values
    assert (nearest == digits.held_out_labels).float().mean() > 0.9


def test_it_is_the_same_whenever_it_is_learnt_of_one_seed(digits: ImageDataset) -> None:
    def weights(seed: int) -> torch.Tensor:
        *_, progress = train_selfsupervised(SelfSupervisedConfig(seed=seed, words=32, images=500), digits)
        return progress.network.projection

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_it_comes_back_bit_for_bit(learnt: SelfSupervisedProgress, digits: ImageDataset, tmp_path: Path) -> None:
    network = learnt.network
    card = SelfSupervisedCard(
        config=network.config, image_channels=1, image_size=16, dataset="digits", dataset_digest="d"
    )
    card = save_selfsupervised(tmp_path, network, card=card)
    loaded = load_extractor("selfsupervised", tmp_path)
    assert loaded.digest == card.weights_digest
    images = digits.held_out_images[:8]
    assert torch.equal(loaded.network.read(images)[0], network.read(images)[0])


def test_a_student_can_match_its_features(learnt: SelfSupervisedProgress, digits: ImageDataset) -> None:
    assert isinstance(learnt.network, DifferentiableExtractor)
    images = to_unit_range(digits.held_out_images[:4]).requires_grad_()
    learnt.network.features(images).square().sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert (images.grad != 0).any()


@pytest.mark.parametrize(
    ("channels", "size", "read_at"), [(1, 28, [28]), (3, 96, [96, 48]), (3, 256, [256, 128, 64, 32])]
)
def test_it_reads_images_of_every_kind(channels: int, size: int, read_at: list[int]) -> None:
    network = SelfSupervised(SelfSupervisedConfig(), channels, image_size=size)
    assert [vocabulary.size for vocabulary in network.vocabularies] == read_at
    features, _ = network.read(torch.zeros(2, channels, size, size, dtype=torch.uint8))
    assert features.shape == (2, 64)


def test_it_learns_from_colour_in_several_sizes(tmp_path: Path) -> None:
    faces = load_dataset(DatasetConfig(name="faces", num_images=200), DataRoot(tmp_path))
    *progresses, last = train_selfsupervised(SelfSupervisedConfig(features=16, words=32), faces)
    assert [progress.done for progress in (*progresses, last)] == [1, 2, 3]
    features, _ = extract(last.network, faces.train_images)
    np.testing.assert_allclose(features.var(axis=0, ddof=1), 1, atol=0.01)


def test_too_few_images_are_refused(digits: ImageDataset) -> None:
    config = SelfSupervisedConfig(features=512)
    few = ImageDataset(
        name="few",
        train_images=digits.train_images[:1000],
        train_labels=digits.train_labels[:1000],
        held_out_images=digits.held_out_images,
        held_out_labels=digits.held_out_labels,
        num_classes=10,
        digest="d",
    )
    with pytest.raises(GanError, match=r"at least 1024 training images, got 1000\."):
        next(train_selfsupervised(config, few))
    tiny = replace(few, train_images=digits.train_images[:30])
    with pytest.raises(GanError, match=r"8 features and 1000 words .* at least 50 training images, got 30\."):
        next(train_selfsupervised(SelfSupervisedConfig(features=8, words=1000), tiny))
    with pytest.raises(GanError, match=r"at least 103 training images, got extractor\.images 64\."):
        next(train_selfsupervised(SelfSupervisedConfig(features=8, words=2048, images=64), digits))


@pytest.mark.filterwarnings("error")
def test_equal_images_are_refused_and_a_few_different_ones_are_learnt_in_silence(digits: ImageDataset) -> None:
    config = SelfSupervisedConfig(features=8, words=64, images=64)
    black = replace(digits, train_images=torch.zeros(64, 1, 16, 16, dtype=torch.uint8))
    with pytest.raises(GanError, match=r"images that differ, got 64 equal ones"):
        next(train_selfsupervised(config, black))
    black.train_images[:2] = 255
    black.train_images[0, :, 3:9, 3:12] = 90
    *_, last = train_selfsupervised(config, black)
    assert np.isfinite(extract(last.network, black.train_images)[0]).all()
