from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gan import (
    Classifier,
    ClassifierCard,
    ClassifierConfig,
    GanError,
    ImageDataset,
    load_classifier,
    require_learnt,
    save_classifier,
    train_classifier,
)


def test_a_classifier_comes_back_bit_for_bit(tmp_path: Path) -> None:
    classifier = Classifier(ClassifierConfig(), 1, num_classes=10).eval()
    card = ClassifierCard(
        config=classifier.config,
        image_channels=1,
        num_classes=10,
        dataset="digits",
        dataset_digest="d",
        held_out_accuracy=0.5,
    )
    save_classifier(tmp_path, classifier, card=card)
    loaded, _ = load_classifier(tmp_path)
    images = torch.randn(2, 1, 16, 16)
    assert torch.equal(loaded(images)[1], classifier(images)[1])


def test_one_class_is_refused_before_anything_is_trained(digits: ImageDataset) -> None:
    flat = replace(digits, num_classes=1, train_labels=torch.zeros_like(digits.train_labels))
    with pytest.raises(GanError, match=r"at least 2 classes, got 1 class, 1,438 training images.*selfsupervised"):
        next(train_classifier(ClassifierConfig(), flat))


def test_fewer_images_than_a_batch_are_one_batch(digits: ImageDataset) -> None:
    few = replace(digits, train_images=digits.train_images[:40], train_labels=digits.train_labels[:40])
    found = [
        [progress.held_out_accuracy for progress in train_classifier(ClassifierConfig(epochs=2, batch_size=size), few)]
        for size in (40, 64)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_labels_that_say_nothing_of_the_images_are_refused_with_numbers(digits: ImageDataset) -> None:
    random = torch.Generator().manual_seed(0)
    shuffled = replace(
        digits,
        train_labels=digits.train_labels[torch.randperm(len(digits.train_labels), generator=random)],
        held_out_labels=digits.held_out_labels[torch.randperm(len(digits.held_out_labels), generator=random)],
    )
    *_, progress = train_classifier(ClassifierConfig(width=4, epochs=2), shuffled)
    with pytest.raises(GanError, match=r"mistakes of chance \(11\.7%\), got .*of 359 images in 10 classes.*selfsuper"):
        require_learnt(progress.held_out_accuracy, shuffled)


def test_chance_is_the_largest_class(digits: ImageDataset) -> None:
    lopsided = replace(digits, held_out_labels=digits.held_out_labels.clamp(max=1))
    share = (lopsided.held_out_labels == 1).float().mean().item()
    assert share > 0.85
    with pytest.raises(GanError, match="chance"):
        require_learnt(share, lopsided)
    require_learnt(1.0, lopsided)
    require_learnt(0.7, digits)


def test_few_held_out_images_prove_little(digits: ImageDataset) -> None:
    """Three of four right is well above a chance of half, but may be luck."""
    four = replace(digits, held_out_images=digits.held_out_images[:4], held_out_labels=torch.tensor([0, 0, 1, 1]))
    with pytest.raises(GanError, match=r"75\.0% \(at least 30\.1%\) of 4 images"):
        require_learnt(0.75, four)
