from pathlib import Path

import torch

from gan import Classifier, ClassifierCard, ClassifierConfig, load_classifier, save_classifier


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
